"""A system that `compare.py` measures: how it is started, loaded and stopped.

A new one is a file of its own beside this one, and a line in `compare.py`. One that the load
generator speaks to (see tools/bench/target.h) derives from LoadedPeer; anything else from Peer.
"""

from __future__ import annotations

import abc
import dataclasses
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import ClassVar, Optional

import measure


@dataclasses.dataclass(frozen=True)
class Settings:
    """Of a whole comparison; the same for all systems."""

    binaries: Path  # where the build put the programs
    seconds: float
    warmup_s: float
    messages: int  # of the cases that count instead of watching the clock
    size: int
    window: int
    prefetch: int
    ack_batch: int


@dataclasses.dataclass(frozen=True)
class Figures:
    """Of one case, once."""

    msgs_per_s: float
    cpu_s_per_million: Optional[float] = None
    rss_mib: Optional[float] = None
    p50_ms: Optional[float] = None
    p99_ms: Optional[float] = None


class Unavailable(Exception):
    """The system isn't installed, or not built; the text says what to do."""


@dataclasses.dataclass(frozen=True)
class Measured:
    """What load generators wrote to standard output, and what they and the servers cost."""

    outputs: list[str]
    cpu_s: float
    rss_mib: float  # of the servers


class Generator:
    """A process that loads a system."""

    def __init__(self, command: list[str]) -> None:
        """Starts it."""
        self._command = command
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self._errors, text=True
        )

    def wait(self) -> tuple[str, float]:
        """What it wrote, and its CPU seconds."""
        assert self._process.stdout is not None
        with self._process.stdout:
            output = self._process.stdout.read()
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return output, usage.ru_utime + usage.ru_stime

    def check(self) -> None:
        """RuntimeError if it failed. After `wait`."""
        with self._errors:
            if self._process.returncode != 0:
                self._errors.seek(0)
                said = self._errors.read().decode(errors="replace")
                command = " ".join(self._command)
                raise RuntimeError(f"{command}: status {self._process.returncode}\n{said}")


class Peer(abc.ABC):
    """Started with an empty store in `folder`, used for all of its cases in turn, stopped."""

    name: ClassVar[str]
    cases: ClassVar[tuple[str, ...]]

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder

    def program(self, name: str) -> str:
        """One that the build made."""
        path = self.settings.binaries / name
        if not path.exists():
            raise Unavailable(f"{path} isn't built")
        return str(path)

    @abc.abstractmethod
    def start(self) -> None:
        """Returns once it can be used. Unavailable if it can't be here."""

    @abc.abstractmethod
    def stop(self) -> None:
        """Leaves no process behind; also if start failed half-way."""

    @abc.abstractmethod
    def servers(self) -> list[int]:
        """The processes whose cost, with all below them, is the system's."""

    @abc.abstractmethod
    def run(self, case: str) -> Figures:
        """Runs one of `cases`, and fails if a message is lost."""

    def measured(self, *commands: list[str]) -> Measured:
        """Runs generators, all at once, until they end by themselves."""
        before = measure.cpu_seconds(self.servers())
        with measure.PeakMemory(self.servers()) as peak:
            generators = [Generator(command) for command in commands]
            ended = [generator.wait() for generator in generators]
        cpu_s = measure.cpu_seconds(self.servers()) - before + sum(cpu for _, cpu in ended)
        for generator in generators:
            generator.check()
        return Measured([output for output, _ in ended], cpu_s, peak.mib)


# What a case means to the load generator, and which of its figures count.
LOADS = {
    "keeping_up": (["--persistent"], "consumed_per_s", "end_to_end_latency"),
    "keeping_up_transient": ([], "consumed_per_s", "end_to_end_latency"),
    "publish_only": (["--persistent", "--consumers=0", "--keep"], "confirmed_per_s",
                     "confirm_latency"),
    "drain": (["--persistent", "--producers=0"], "consumed_per_s", None),
}  # fmt: skip
COUNTED = ("publish_only", "drain")


class LoadedPeer(Peer):
    """One that a program with the flags of warren-bench loads. `drain` follows `publish_only`."""

    @abc.abstractmethod
    def generator(self) -> list[str]:
        """The program and where it finds the server."""

    def run(self, case: str) -> Figures:
        """See Peer."""
        flags, rate, latency = LOADS[case]
        s = self.settings
        extent = (
            [f"--count={s.messages}"]
            if case in COUNTED
            else [f"--duration={s.seconds}", f"--warmup={s.warmup_s}"]
        )
        measured = self.measured([
            *self.generator(), "--json", "--quiet", *flags, *extent, f"--size={s.size}",
            f"--window={s.window}", f"--prefetch={s.prefetch}", f"--ack-batch={s.ack_batch}",
        ])  # fmt: skip
        result = json.loads(measured.outputs[0])
        messages = max(result["total"]["published"], result["total"]["consumed"])
        times = result[latency] if latency else {}
        return Figures(
            msgs_per_s=result[rate],
            cpu_s_per_million=measured.cpu_s / messages * 1e6,
            rss_mib=measured.rss_mib,
            p50_ms=times.get("p50_ms"),
            p99_ms=times.get("p99_ms"),
        )
