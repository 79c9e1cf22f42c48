"""How fast bytes can be appended to a file and synced: the ceiling of every durable store.

    python3 tests/bench/append_bench.py FILE SECONDS BYTES_A_SYNC

FILE must not be there; it stays. Prints JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time


def append(path: str, seconds: float, size: int) -> dict[str, float]:
    """Appends and syncs for so long."""
    block = os.urandom(size)
    times = []
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    began = now = time.perf_counter()
    while now - began < seconds:
        left = memoryview(block)
        while left:
            left = left[os.write(file, left) :]
        os.fdatasync(file)
        then, now = now, time.perf_counter()
        times.append(now - then)
    os.close(file)
    times.sort()
    return {
        "syncs": len(times),
        "seconds": now - began,
        "p50_ms": times[len(times) // 2] * 1e3,
        "p99_ms": times[len(times) * 99 // 100] * 1e3,
    }


if __name__ == "__main__":
    print(json.dumps(append(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))))
