"""Producers, consumers and a transactor that work on a broker which dies under them.

What they work on is in topology.py. Each thread uses the client as an application would, has a
connection of its own, and enters what it sees into the accounts.
"""

from __future__ import annotations

import threading
import time
import traceback
from typing import Callable

import topology
from accounts import Accounts
from consumers import be_told, consume, consume_seldom
from leases import take
from producers import PIPELINED, batches, pipeline, reopen, twins
from transactions import transact
from work import ANSWER_S, Work

PRODUCERS = len(PIPELINED) + 3
LOOK_S = 0.25  # between two looks at whether all is settled

#: Queue and prefetch of each consumer that settles what it gets.
CONSUMERS = (
    ("work", 64),
    ("work", 200),
    ("audit", 1),
    ("capped", 5),
    ("lossy", 5),
    ("tight", 5),
    ("urgent", 20),
    ("late", 300),
    ("tries", 20),
    ("once", 100),
    ("reopened", 100),
    ("left", 300),
    ("right", 300),
    ("dead", 300),
    ("pushed-out", 300),
)


class Load:
    """All threads of a run. `work.add` gives the producers more to send; `finish` ends it."""

    def __init__(self, target: str, accounts: Accounts, seed: int) -> None:
        self.work = Work(target, accounts, seed)
        self._accounts = accounts
        topology.declare(self.work.connect())
        self._producers = [
            *(self._thread(pipeline, name) for name in PIPELINED),
            self._thread(batches),
            self._thread(twins),
            self._thread(reopen),
        ]
        self._consumers = [
            *(self._thread(consume, queue, prefetch) for queue, prefetch in CONSUMERS),
            self._thread(be_told, "told"),
            self._thread(consume_seldom, "backlog"),
            self._thread(take, "leased"),
            self._thread(transact, "source", ("left", "right")),
        ]
        for thread in (*self._producers, *self._consumers):
            thread.start()

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *_: object) -> None:
        self.work.stop.set()
        self.work.finish()
        self.work.close()

    def wait(self, confirmed: int, delivered: int, timeout: float) -> bool:
        """Whether so many confirms and deliveries, of all rounds, came in time."""
        accounts = self._accounts
        return self.work.wait(
            lambda: accounts.confirmed >= confirmed and accounts.delivered >= delivered, timeout
        )

    def wait_held(self, reason: str, times: int, timeout: float) -> bool:
        """Whether publishers are told so as often as that, all rounds counted."""
        return self.work.wait(lambda: self.work.times_held(reason) >= times, timeout)

    def finish(self, settled: Callable[[], bool], timeout: float) -> None:
        """Has everything confirmed, consumed and settled; then all threads end.

        Gives up when nothing happens for `timeout` seconds.
        """
        self.work.finish()
        # Looking costs time that the consumers need: seldom, and in vain only while nothing moves.
        ends, seen = time.monotonic() + timeout, -1
        while any(t.is_alive() for t in self._producers) or not settled():
            if self._accounts.delivered != seen:
                ends, seen = time.monotonic() + timeout, self._accounts.delivered
            if time.monotonic() > ends:
                alive = ", ".join(t.name for t in self._producers if t.is_alive())
                self._accounts.violated(
                    f"nothing came for {timeout:g} s, and not all is settled; {alive} go on"
                )
                break
            self.work.stop.wait(LOOK_S)
        self.work.stop.set()
        self.work.news()
        ends = time.monotonic() + ANSWER_S
        for thread in self._consumers:
            thread.join(max(0.0, ends - time.monotonic()))
            if thread.is_alive():
                self._accounts.violated(f"{thread.name} hangs")
        # What was settled by being sent is durable before this is.
        self.work.connect().declare_exchange("end", durable=True)

    def _thread(self, run: Callable[..., None], *arguments: object) -> threading.Thread:
        def guarded() -> None:
            try:
                run(self.work, *arguments)
            except Exception:
                self._accounts.violated(f"{name} failed:\n{traceback.format_exc()}")

        name = "-".join([run.__name__, *map(str, arguments)])
        return threading.Thread(target=guarded, name=name, daemon=True)
