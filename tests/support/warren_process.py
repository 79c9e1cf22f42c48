"""A broker in a process of its own, for tests that need a real one.

    with WarrenProcess(tmp_path / "broker") as broker:
        connection = warren.connect(broker.grpc)
        broker.kill()       # as a crash
        broker.restart()    # on the same port, with the same store

The binary is $WARREN_BINARY, or build/bin/warren. It listens on ports that the system chooses; a
restart uses those of the first start, so that clients find it again. If the binary was built with
a sanitizer, what that finds fails the test when the broker ends.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

ROOT = Path(__file__).resolve().parents[2]
# What AddressSanitizer, its search for leaks, ThreadSanitizer and UndefinedBehaviorSanitizer say.
FINDING = re.compile(r"(ERROR|WARNING): (Address|Leak|Thread)Sanitizer|: runtime error: ")
READY = re.compile(r"listening on .*?grpc=(\S+?),?\s+http=(\S+?),?(?:\s|$)")
STANDS_BY = "waiting for the lease"  # that another broker has
FORWARDS = "forwarding connections"  # to that one; the line has this one's own addresses
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 30.0


def binary(name: str = "warren") -> Path:
    """The broker under test, or another program that was built with it."""
    broker = Path(os.environ.get("WARREN_BINARY", ROOT / "build" / "bin" / "warren"))
    return broker.with_name(name)


class WarrenProcess:
    """Starts, kills, stops and restarts one broker. Not thread-safe.

    Attributes:
        grpc: "HOST:PORT" of the API; stays the same over restarts.
        http: "HOST:PORT" of metrics and health.
        store: the folder of its store.
        output: every line that it has written to stdout and stderr, of all its runs.
    """

    def __init__(
        self,
        directory: Path,
        *,
        storage: Optional[str] = None,
        arguments: Sequence[str] = (),
        prefix: Sequence[str] = (),
    ) -> None:
        """Starts nothing yet.

        Args:
            directory: where it runs.
            storage: the value of --storage; default: RocksDB below `directory`.
            arguments: more flags.
            prefix: a command that runs the broker, and ends it when it is ended itself.

        """
        self.directory = Path(directory)
        self.store = self.directory / "store"
        self.grpc = "127.0.0.1:0"
        self.http = "127.0.0.1:0"
        self.output: list[str] = []
        self._storage = storage or f"rocksdb:{self.store}"
        self._arguments = list(arguments)
        self._prefix = list(prefix)
        self._process: Optional[subprocess.Popen[str]] = None
        self._reader: Optional[threading.Thread] = None
        self._ready = threading.Event()
        self._said = threading.Event()  # a line came
        self._lines_before = 0  # of output, when this run began

    @property
    def pid(self) -> int:
        """Of the running broker."""
        assert self._process is not None, "the broker isn't running"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def high_water_mib(self) -> float:
        """The most memory that was ever resident."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) / 1024

    @property
    def command(self) -> list[str]:
        """What is run."""
        return [
            *self._prefix,
            str(binary()),
            f"--listen={self.grpc}",
            f"--http={self.http}",
            f"--storage={self._storage}",
            *self._arguments,
        ]

    def start(self) -> WarrenProcess:
        """Starts the broker; returns once it says that it listens."""
        self.launch()
        if not self.wait_ready(START_TIMEOUT_S):
            status = None if self._process is None else self._process.poll()
            self.kill()
            state = "does not listen" if status is None else f"ended with status {status}"
            raise RuntimeError(f"the broker {state}\n{self.logs()}")
        return self

    def launch(self) -> None:
        """Starts the broker and returns at once, for one that isn't expected to listen soon."""
        assert not self.running, "the broker is running already"
        self.directory.mkdir(parents=True, exist_ok=True)
        self._ready.clear()
        self._lines_before = len(self.output)
        self._process = subprocess.Popen(
            self.command,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def stand_by(self, timeout: float = START_TIMEOUT_S) -> WarrenProcess:
        """Starts the broker beside one with the same store; returns once it waits for that one.

        It forwards connections to that one then, and its addresses are known.
        """
        lines = len(self.output)
        self.launch()
        self.wait_output(STANDS_BY, timeout, after=lines)
        told = json.loads(self.wait_output(FORWARDS, timeout, after=lines))
        self.grpc = told["grpc"]
        if told["http"] != "none":
            self.http = told["http"]
        return self

    @property
    def ready(self) -> bool:
        """Whether it has said that it listens."""
        return self._ready.is_set()

    def wait_ready(self, timeout: float) -> bool:
        """Waits until it listens; False if it ended before, or the time is over."""
        deadline = time.monotonic() + timeout
        while not self._ready.wait(0.02):
            if not self.running or time.monotonic() > deadline:
                return self._ready.is_set()
        return True

    def wait_output(self, text: str, timeout: float = START_TIMEOUT_S, *, after: int = 0) -> str:
        """Waits for a line with this text, in this run or one before; fails if none comes.

        Not among the first `after` lines.
        """
        deadline = time.monotonic() + timeout
        while True:
            for line in self.output[after:]:
                if text in line:
                    return line
            if time.monotonic() > deadline:
                raise AssertionError(f"the broker never said {text!r}\n{self.logs()}")
            self._said.wait(0.05)
            self._said.clear()

    def wait_ended(self, timeout: float) -> Optional[int]:
        """Waits for an end that the broker finds by itself; its status, None if it lives."""
        assert self._process is not None, "the broker isn't running"
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, as a crash; returns once the process is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; returns the exit status. Killed if it takes too long."""
        return self._end(signal.SIGTERM)

    def restart(self) -> WarrenProcess:
        """Stops it if it runs, and starts it on the same ports and store."""
        if self.running:
            self.stop()
        return self.start()

    def logs(self, lines: int = 200) -> str:
        """The command and the last lines of its output, for the message of a failing test."""
        return "\n".join(["$ " + " ".join(self.command), *self.output[-lines:]])

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.output.append(line.rstrip("\n"))
            self._said.set()
            found = READY.search(line)
            if found:
                self.grpc, self.http = found.groups()
                self._ready.set()
        process.stdout.close()

    def _end(self, how: signal.Signals) -> int:
        process = self._process
        if process is None:
            return 0
        if process.poll() is None:
            process.send_signal(how)
        try:
            status = process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
            self.output.append(f"(killed: it did not stop within {STOP_TIMEOUT_S:g} s)")
        if self._reader is not None:
            self._reader.join()
        self._process = None
        found = [line for line in self.output[self._lines_before :] if FINDING.search(line)]
        if found:
            raise AssertionError(f"in the broker: {found[0]}\n{self.logs()}")
        return status

    def __enter__(self) -> WarrenProcess:
        return self.start()

    def __exit__(self, exc_type: object, exc: object, traceback: object) -> None:
        if exc_type is not None:
            print(self.logs())  # pytest shows it with the failure
        self.stop()
