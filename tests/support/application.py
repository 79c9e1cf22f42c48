"""One of the examples, run as a process of its own against a broker under test.

    application = Application("orders", broker, "--orders=100")
    broker.kill()       # while it works
    broker.start()
    summary = application.summary(timeout=60)
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from typing import Any

from warren_process import ROOT, WarrenProcess

#: A row of the summary that every application prints at its end.
ROW = re.compile(r"^  (\S.*?)  +(\S.*)$", re.MULTILINE)


class Application:
    """Starts at once. Not thread-safe."""

    def __init__(self, name: str, broker: WarrenProcess, *arguments: str) -> None:
        self.output = ""
        # A file, not a pipe, so that it is never held up by who doesn't read yet.
        self._file = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"examples.{name}", f"--broker={broker.grpc}", *arguments],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=self._file, stderr=subprocess.STDOUT,
        )  # fmt: skip

    @property
    def running(self) -> bool:
        """Whether it works still."""
        return self._process.poll() is None

    def wait(self, timeout: float) -> int:
        """Waits for its end and gives the exit status; `output` then has what it said."""
        try:
            return self._process.wait(timeout)
        finally:
            self._process.kill()
            self._process.wait()
            self._file.seek(0)
            self.output = self._file.read()
            self._file.close()

    def summary(self, timeout: float) -> dict[str, str]:
        """The figures that it printed; fails if it did."""
        status = self.wait(timeout)
        assert status == 0, f"exit status {status}\n{self.output}"
        return dict(ROW.findall(self.output))


def run(name: str, broker: WarrenProcess, *arguments: str, timeout: float = 100) -> dict[str, str]:
    """Runs an application to its end; what it printed."""
    return Application(name, broker, *arguments).summary(timeout)


def p99_ms(figure: Any) -> float:
    """Out of a row like "p50 1.2 ms, p99 3.4 ms"."""
    found = re.search(r"p99 (\S+) ms", str(figure))
    assert found is not None, f"no p99 in {figure!r}"
    return float(found.group(1))
