"""A server that says on its output when it can be used."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional

STOP_TIMEOUT_S = 60.0


class SpokenServer:
    """One process, from its start to its end, and all that it says. Not thread-safe."""

    def __init__(self, ready_when: str) -> None:
        """Starts nothing yet. `ready_when` is in the line that says that it can be used."""
        self.said: list[str] = []
        self._ready_when = ready_when
        self._ready = threading.Event()
        self._ended = False
        self._process: Optional[subprocess.Popen[str]] = None
        self._reader = threading.Thread(target=self._read, daemon=True)

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self._process is not None
        return self._process.pid

    def start(
        self,
        command: Sequence[str | Path],
        folder: Path,
        timeout: float,
        environment: Optional[Mapping[str, str]] = None,
    ) -> None:
        """Returns when it can be used; RuntimeError, with its last words, if it can't."""
        self._process = subprocess.Popen(
            command, cwd=folder, env=environment, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self._reader.start()
        if not self._ready.wait(timeout) or self._ended:
            raise RuntimeError(f"{command[0]} doesn't start:\n" + "".join(self.said[-50:]))

    def stop(self) -> None:
        """SIGTERM; after a while SIGKILL, for all that it started. Nothing if it never started."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        for line in self._process.stdout:
            self.said.append(line)
            if self._ready_when in line:
                self._ready.set()
        self._process.stdout.close()
        if not self._ready.is_set():  # nobody needs to wait on
            self._ended = True
            self._ready.set()
