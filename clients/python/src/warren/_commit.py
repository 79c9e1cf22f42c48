"""Requests that take effect once, however often they have to be sent: transactions and batches.

A broker that remembers the last sequence of a producer can tell a repeated request from a new one
only if one request of that producer is under way at a time: were sequence 6 to arrive before 5, it
would take 5 for a repetition and drop it. So each request that is under way has a lane, a
producer_id of its own, and lanes are used again one after the other.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Optional

from warren._delivery import Delivery
from warren._proto import broker_pb2, message_pb2
from warren._settle import Entry, Settle, settlements
from warren._values import Duration, to_milliseconds
from warren.errors import Closed, StaleDelivery


@dataclass
class Lane:
    """A producer_id with at most one request under way."""

    producer_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    next_sequence: int = 1

    def spend(self, count: int) -> int:
        """The first of `count` fresh sequences."""
        first = self.next_sequence
        self.next_sequence += count
        return first


class Lanes:
    """The lanes of a connection; grows to the most requests that were ever under way at once.

    Thread-safe: list.append and list.pop are atomic.
    """

    def __init__(self) -> None:
        self._free: list[Lane] = []

    def take(self) -> Lane:
        """A lane that nobody else uses."""
        try:
            return self._free.pop()
        except IndexError:
            return Lane()

    def give_back(self, lane: Lane) -> None:
        """Makes a lane free again; its last request is answered or given up."""
        self._free.append(lane)


def publish_request(
    virtual_host: str, lane: Lane, publications: Sequence[message_pb2.Publication]
) -> broker_pb2.PublishRequest:
    """A batch that can be sent again without doubling anything."""
    return broker_pb2.PublishRequest(
        virtual_host=virtual_host,
        producer_id=lane.producer_id,
        first_sequence=lane.spend(len(publications)),
        publications=publications,
    )


class TransactionBuffer:
    """What a transaction has collected so far. Not thread-safe."""

    def __init__(self) -> None:
        self.publications: list[message_pb2.Publication] = []
        self.settled: list[tuple[Delivery, Settle, Optional[int]]] = []
        self.finished = False

    def publish(self, publication: message_pb2.Publication) -> None:
        """Adds a message."""
        self._check()
        self.publications.append(publication)

    def settle(
        self, deliveries: Sequence[Delivery], outcome: Settle, delay: Optional[Duration] = None
    ) -> None:
        """Adds settlements."""
        self._check()
        delay_ms = None if delay is None else to_milliseconds(delay)
        self.settled.extend((delivery, outcome, delay_ms) for delivery in deliveries)

    def is_empty(self) -> bool:
        """Whether there is nothing to commit."""
        return not self.publications and not self.settled

    def request(self, virtual_host: str, lane: Lane) -> broker_pb2.CommitRequest:
        """The transaction as the broker takes it, under a fresh sequence of `lane`."""
        by_consumer: OrderedDict[str, list[Entry]] = OrderedDict()
        for delivery, outcome, delay_ms in self.settled:
            self.check_fresh(delivery)
            stream = delivery._stream
            consumer = "" if stream is None else stream.consumer
            by_consumer.setdefault(consumer, []).append((delivery.delivery_tag, outcome, delay_ms))
        return broker_pb2.CommitRequest(
            virtual_host=virtual_host,
            publications=self.publications,
            settlements=[
                broker_pb2.TransactionSettlement(consumer=consumer, settlement=settlement)
                for consumer, entries in by_consumer.items()
                for settlement in settlements(entries)
            ],
            producer_id=lane.producer_id,
            first_sequence=lane.spend(1),
        )

    @staticmethod
    def check_fresh(delivery: Delivery) -> None:
        """Raises StaleDelivery for a delivery that can't be settled any more."""
        if delivery.stale or delivery.settled:
            what = "its stream is gone" if delivery.stale else "it was settled before"
            raise StaleDelivery(
                f"{delivery!r} can't be settled: {what}", reason="DELIVERY_TAG_UNKNOWN"
            )

    def committed(self) -> None:
        """The transaction took effect."""
        for delivery, _, _ in self.settled:
            delivery._settled = True

    def _check(self) -> None:
        if self.finished:
            raise Closed("the transaction is over; begin a new one")
