"""Whether delayed messages are late when there are many, and whether the others pay for them."""

from __future__ import annotations

import datetime
import time

import warren
from peers.peer import Figures, LoadedPeer
from peers.warren_peer import Warren

from .queues import by_time

PENDING = 1_000_000
BODY = bytes(100)
FIRST_DUE_S = 3600  # of those that stay pending
DUE = 2_000  # of those that come due, spread evenly over DUE_FOR_S
DUE_IN_S = 3.0
DUE_FOR_S = 5.0
PATIENCE_S = 30.0
WINDOW = 20_000


def delayed(peer: LoadedPeer) -> Figures:
    """1,000,000 persistent messages wait for another hour; how late are those that come due, and
    what is the rate of a queue beside them, against that before?"""
    assert isinstance(peer, Warren)
    before = _rate(peer)
    with warren.connect(peer.address, timeout=600) as connection:
        connection.declare_queue("pending", durable=True)
        with connection.publisher(max_unconfirmed=WINDOW) as publisher:
            for number in range(peer.settings.scaled(PENDING)):
                delay = FIRST_DUE_S + number % FIRST_DUE_S
                publisher.publish("", "pending", BODY, delay=delay)
            publisher.flush(600)
        late_ms = sorted(_late_ms(connection))
        after = _rate(peer)
    return Figures(
        msgs_per_s=after,
        more={
            "without_msgs_per_s": round(before),
            "of_without": after / before,
            "late_p50_ms": late_ms[len(late_ms) // 2],
            "late_p99_ms": late_ms[len(late_ms) * 99 // 100],
        },
    )


def _rate(peer: LoadedPeer) -> float:
    return peer.load("--persistent", *by_time(peer)).result["consumed_per_s"]


def _late_ms(connection: warren.Connection) -> list[float]:
    """Between when a message was to be delivered, in whole milliseconds, and when it was."""
    connection.declare_queue("due", durable=True)
    first_ms = int((time.time() + DUE_IN_S) * 1e3)
    with connection.publisher(max_unconfirmed=WINDOW) as publisher:
        for number in range(DUE):
            due_ms = first_ms + int(number * DUE_FOR_S * 1e3 / DUE)
            due = datetime.datetime.fromtimestamp(due_ms / 1e3, datetime.timezone.utc)
            publisher.publish("", "due", str(due_ms).encode(), deliver_at=due)
        publisher.flush(60)
    late = []
    with connection.consume("due", prefetch=DUE) as consumer:
        while len(late) < DUE:
            delivery = consumer.get(PATIENCE_S)
            if delivery is None:
                raise RuntimeError(f"{len(late)} of {DUE} delayed messages came")
            late.append(time.time() * 1e3 - int(delivery.body))
            delivery.ack()
    return late
