"""What processes cost: CPU time and memory of a server and all that it started.

The figures are Linux's own (/proc). CPU time counts ended children as well, as their parents do.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
SAMPLE_S = 0.5


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third on, as proc(5) numbers them."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def tree(roots: Sequence[int]) -> list[int]:
    """The processes and all below them."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                children.setdefault(int(_stat(int(name))[1]), []).append(int(name))
            except OSError:
                continue  # it has just ended
    found = list(roots)
    for pid in found:
        found += children.get(pid, [])
    return found


def cpu_seconds(roots: Sequence[int]) -> float:
    """Of the processes and all below them, so far."""
    ticks = 0
    for pid in tree(roots):
        try:
            ticks += sum(int(field) for field in _stat(pid)[11:15])
        except OSError:
            continue
    return ticks / TICKS_PER_S


def memory_mib(roots: Sequence[int]) -> float:
    """Resident memory of the processes and all below them; what they share counts once."""
    kib = 0
    for pid in tree(roots):
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    kib += int(line.split()[1])
        except OSError:
            continue
    return kib / 1024


class PeakMemory:
    """Looks at processes' memory from time to time: `with PeakMemory(roots) as peak`."""

    def __init__(self, roots: Sequence[int]) -> None:
        self._roots = list(roots)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.mib = 0.0

    def _look(self) -> None:
        self.mib = max(self.mib, memory_mib(self._roots))

    def _watch(self) -> None:
        while not self._end.wait(SAMPLE_S):
            self._look()

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._end.set()
        self._thread.join()
        self._look()
