"""warren-bench against a broker under test, and a watch on what a run costs meanwhile."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from typing import Any, Callable, Generic, TypeVar

from warren_process import WarrenProcess, binary

Sample = TypeVar("Sample")


def bench(broker: WarrenProcess, *flags: str, timeout: float = 1800) -> dict[str, Any]:
    """Runs it to its end; the result as it prints it, with "total" flattened in."""
    command = [binary("warren-bench"), f"--address={broker.grpc}", "--json", "--quiet", *flags]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=timeout
    )  # fmt: skip
    shown = " ".join(map(str, command))
    assert done.stdout, f"{shown}\nstatus {done.returncode}\n{done.stderr}"
    result = json.loads(done.stdout)
    assert done.returncode == 0, f"{shown}\nstatus {done.returncode}\n{done.stderr}{done.stdout}"
    return {**result, **result["total"]}


class Watch(Generic[Sample]):
    """Takes a sample again and again while a `with` block runs, and at its end.

    Attributes:
        samples: all of them, each with the seconds since the start.
    """

    def __init__(self, take: Callable[[], Sample], every_s: float) -> None:
        self.samples: list[tuple[float, Sample]] = []
        self._take = take
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._error: list[BaseException] = []

    def __enter__(self) -> Watch[Sample]:
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._error:
            raise self._error[0]

    def _run(self) -> None:
        try:
            ended = False
            while not ended:
                ended = self._stop.is_set()
                self.samples.append((time.monotonic() - self._began, self._take()))
                self._stop.wait(self._every_s)
        except BaseException as error:  # shown where the block ends
            self._error.append(error)
