"""What the three applications have in common: a worker loop, latencies, a summary."""

from __future__ import annotations

import argparse
import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Callable, Union

import warren

_log = logging.getLogger("examples")

#: Looks at one delivery and adds to the transaction; returns what happened, for the counters.
Handler = Callable[[warren.Transaction, warren.Delivery], str]

BATCH = 64


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """A command line with the options that all applications know."""
    made = argparse.ArgumentParser(
        prog=f"python -m examples.{name}",
        description=description,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    made.add_argument("--broker", default="127.0.0.1:7171", metavar="HOST:PORT", help="the broker")
    made.add_argument(
        "--timeout", type=float, default=600, metavar="S", help="give up after so many seconds"
    )
    made.add_argument("--verbose", action="store_true", help="log reconnections and the like")
    return made


def set_up_logging(verbose: bool) -> None:
    """Warnings only, unless `verbose`."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )


class Workers:
    """Threads that consume queues, each batch in one transaction: its outcomes and its acks.

    So every message is either settled together with what came of it, or, when the broker or the
    connection fails in between, delivered again as if nothing had been done.
    """

    def __init__(self, connection: warren.Connection) -> None:
        self.events: Counter[str] = Counter()
        self._connection = connection
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, queue: str, handle: Handler, count: int = 1) -> None:
        """Starts `count` threads on a queue."""
        for number in range(count):
            thread = threading.Thread(
                target=self._run, args=(queue, handle), name=f"{queue}-{number}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Lets every worker finish its batch, and waits for it."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, queue: str, handle: Handler) -> None:
        # Little is held at a time, so that priorities and other workers have their say.
        with self._connection.consume(queue, prefetch=2 * BATCH) as consumer:
            while not self._stop.is_set():
                batch = consumer.get_batch(BATCH, timeout=0.1)
                if not batch:
                    continue
                try:
                    with self._connection.transaction() as tx:
                        events = [handle(tx, delivery) for delivery in batch]
                except warren.WarrenError as error:
                    # Nothing has happened, or (OutcomeUnknown) all of it. Given back, what is not
                    # settled comes again; the rest the broker no longer knows.
                    _log.info("%s: a batch of %d comes again: %s", queue, len(batch), error)
                    for delivery in batch:
                        delivery.requeue()
                    continue
                with self._lock:
                    self.events.update(events)


def wait_until(
    condition: Callable[[], bool], timeout: float, what: str, pause: float = 0.1
) -> None:
    """Polls `condition`; TimeoutError naming `what` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {timeout:g} s")
        time.sleep(pause)


def read_all(
    connection: warren.Connection, queue: str, keep: bool, expected: int, timeout: float = 30
) -> list[warren.Delivery]:
    """The messages in a queue, `expected` of them or more; with `keep` they stay there."""
    found: list[warren.Delivery] = []
    deadline = time.monotonic() + timeout
    with connection.consume(queue, prefetch=65535) as consumer:
        while len(found) < expected and time.monotonic() < deadline:
            found += consumer.get_batch(10_000, timeout=1)
        found += consumer.get_batch(10_000, timeout=0.2)  # one too many would be found here
        if not keep:
            for delivery in found:
                delivery.ack()
    return found


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that `share` (0 to 1) of them don't exceed; there is one value."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def latency(seconds: Iterable[float]) -> str:
    """p50 and p99 as text, in milliseconds."""
    values = [value * 1000 for value in seconds]
    if not values:
        return "none"
    return f"p50 {percentile(values, 0.5):.1f} ms, p99 {percentile(values, 0.99):.1f} ms"


def print_summary(title: str, rows: Mapping[str, Union[str, int, float]]) -> None:
    """The summary at the end, one line a figure."""
    print(f"\n{title}")
    width = max(map(len, rows))
    for name, value in rows.items():
        print(f"  {name:<{width}}  {value}")
