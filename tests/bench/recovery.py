"""How fast the broker starts: on an empty store, and after a crash with a million messages in it.

    make bench-recovery            MESSAGES=1000000 BYTES=1024 STORAGE=rocksdb
    WARREN_BINARY=… python tests/bench/recovery.py [MESSAGES [BYTES]]

STORAGE is rocksdb, postgres, or both separated by a comma; PostgreSQL is one of the test's own.

Start is from the spawn of the process to its line `listening on …`. The full store is what a
SIGKILL left right after the last confirm. Exits with 1 if a target is missed or a message is lost.
"""

from __future__ import annotations

import contextlib
import functools
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import storages  # noqa: E402
import warren  # noqa: E402
from postgres_server import PostgresServer  # noqa: E402
from warren_process import WarrenProcess  # noqa: E402

EMPTY_TARGET_S = 0.5
FULL_TARGET_S = {"rocksdb": 10.0, "postgres": 15.0}
REPEATS = 5
WINDOW = 20_000


def start_s(broker: WarrenProcess) -> float:
    began = time.monotonic()
    broker.start()
    return time.monotonic() - began


def fill(broker: WarrenProcess, messages: int, size: int) -> None:
    with warren.connect(broker.grpc, timeout=600) as connection:
        connection.declare_queue("full", durable=True)
        with connection.publisher(max_unconfirmed=WINDOW) as publisher:
            for number in range(messages):
                publisher.publish("", "full", number.to_bytes(8, "big") + bytes(size - 8))
            publisher.flush(600)


def check(broker: WarrenProcess, messages: int) -> bool:
    """Whether all messages are there, in order as far as one looks."""
    with warren.connect(broker.grpc, timeout=60) as connection:
        count = connection.declare_queue("full", passive=True).message_count
        first = connection.get("full", 1000, auto_ack=True)
    in_order = [int.from_bytes(d.body[:8], "big") for d in first] == list(range(len(first)))
    print(f"{count} of {messages} messages are there, {'' if in_order else 'NOT '}in order")
    return count == messages and in_order


def measure(storage: storages.Storage, folder: pathlib.Path, messages: int, size: int) -> bool:
    """Whether one store keeps to its targets."""
    print(f"{storage.name}:", flush=True)
    times = []
    for number in range(REPEATS):
        directory = folder / f"empty-{number}"
        broker = WarrenProcess(directory, storage=storage.fresh(directory))
        times.append(start_s(broker))
        broker.stop()
    empty = statistics.median(times)
    shown = ", ".join(f"{t:.3f}" for t in times)
    print(f"start on an empty store: {empty:.3f} s, median of {shown}")
    print(f"  target: {EMPTY_TARGET_S:g} s")

    target = FULL_TARGET_S[storage.name]
    directory = folder / "full"
    with WarrenProcess(directory, storage=storage.fresh(directory)) as broker:
        began = time.monotonic()
        fill(broker, messages, size)
        took = time.monotonic() - began
        print(f"filled with {messages} messages of {size} bytes in {took:.1f} s", flush=True)
        broker.kill()
        full = start_s(broker)
        print(f"start after a crash: {full:.2f} s\n  target: {target:g} s")
        whole = check(broker, messages)
        broker.kill()
    return whole and empty < EMPTY_TARGET_S and full < target


def main() -> int:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    size = int(sys.argv[2]) if len(sys.argv) > 2 else 1024
    names = storages.chosen(storages.from_environment() or "rocksdb", storages.DURABLE)
    good = True
    for name in names:
        if reason := storages.why_not(name):
            sys.exit(f"{name}: {reason}")
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="warren-recovery-"))
            storage = storages.Storage(
                name, functools.cache(lambda stack=stack: stack.enter_context(PostgresServer()))
            )
            good = measure(storage, pathlib.Path(folder), messages, size) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
