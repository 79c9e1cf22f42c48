"""A message as a consumer gets it, and its settlement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Optional, Protocol

from warren._proto import message_pb2
from warren._settle import Settle
from warren._values import (
    Duration,
    HeaderValue,
    from_duration,
    from_timestamp,
    get_values,
    to_milliseconds,
)


class Stream:
    """One subscription on one Consume stream: what its deliveries have in common.

    `subscription` is its number if it shares the stream with others, else 0. `consumer` is the name
    that the broker knows it by; no two share one, so a settlement can never meet a message of
    another stream that happens to have the same tag.
    """

    __slots__ = ("alive", "consumer", "queue", "subscription")

    def __init__(self, consumer: str, queue: str = "", subscription: int = 0) -> None:
        self.consumer = consumer
        self.queue = queue
        self.subscription = subscription
        self.alive = True


class Settler(Protocol):
    """Whoever handed a delivery out, and takes its settlement."""

    def settle(self, delivery: Delivery, outcome: Settle, delay_ms: Optional[int]) -> bool:
        """Whether the settlement was taken; False if the delivery is stale or settled."""


@dataclass(frozen=True)
class Death:
    """How often, from which queue and why a message was dead-lettered.

    Attributes:
        queue: the queue it left.
        reason: "rejected", "expired", "maxlen" or "delivery_limit".
        count: how often it left that queue for that reason.
        time: when it first did.
        exchange: the exchange it had been published to before it came to that queue.
        routing_keys: the routing keys it had then.
        original_expiration: the per-message expiration removed at its first death, if any.

    """

    queue: str
    reason: str
    count: int
    time: datetime
    exchange: str
    routing_keys: tuple[str, ...]
    original_expiration: Optional[timedelta]


def _death(pb: message_pb2.Death) -> Death:
    return Death(
        queue=pb.queue,
        reason=message_pb2.DeathReason.Name(pb.reason).replace("DEATH_REASON_", "").lower(),
        count=pb.count,
        time=from_timestamp(pb.time),
        exchange=pb.exchange,
        routing_keys=tuple(pb.routing_keys),
        original_expiration=(
            from_duration(pb.original_expiration) if pb.HasField("original_expiration") else None
        ),
    )


class Delivery:
    """A message as a consumer gets it.

    Settle it once with `ack`, `requeue`, `reject` or `retry`. They return True if the settlement
    was taken, and False, doing nothing, if the delivery was settled before or is stale: its stream
    is gone, the broker has requeued the message and will deliver it again.

    Attributes:
        body: the payload.
        delivery_tag: names this delivery within its stream.
        exchange: the exchange it was last published to.
        routing_key: the routing key it was last published with.
        redelivered: True if it may have been delivered before, from this queue.

    """

    __slots__ = (
        "_headers",
        "_pb",
        "_settled",
        "_settler",
        "_stream",
        "body",
        "delivery_tag",
        "exchange",
        "redelivered",
        "routing_key",
    )

    def __init__(
        self, pb: message_pb2.Delivery, settler: Settler, stream: Optional[Stream], settled: bool
    ) -> None:
        """For this package; `settled` is True if it was settled as it was handed out."""
        self.body: bytes = pb.message.body
        self.delivery_tag: int = pb.delivery_tag
        self.exchange: str = pb.exchange
        self.routing_key: str = pb.routing_key
        self.redelivered: bool = pb.redelivered
        self._pb = pb
        self._settler = settler
        self._stream = stream
        self._settled = settled
        self._headers: Optional[dict[str, HeaderValue]] = None

    # --- settling -------------------------------------------------------------------------------

    def ack(self) -> bool:
        """Done: the message is gone for good."""
        return self._settler.settle(self, Settle.ACK, None)

    def requeue(self) -> bool:
        """Deliver it again, from its old place; after a pause if the queue has a retry policy."""
        return self._settler.settle(self, Settle.REQUEUE, None)

    def reject(self) -> bool:
        """Never deliver it again: dead-letter it if the queue has an exchange for it, else drop."""
        return self._settler.settle(self, Settle.REJECT, None)

    def retry(self, delay: Optional[Duration] = None) -> bool:
        """Deliver it again after `delay`, or as the queue's retry policy says if that is None."""
        delay_ms = None if delay is None else to_milliseconds(delay)
        return self._settler.settle(self, Settle.RETRY, delay_ms)

    @property
    def settled(self) -> bool:
        """Whether it was settled, by auto_ack, one of the methods above, or a transaction."""
        return self._settled

    @property
    def stale(self) -> bool:
        """Whether its stream is gone, so that it can't be settled any more."""
        return self._stream is not None and not self._stream.alive

    # --- what the broker says -------------------------------------------------------------------

    @property
    def queue(self) -> str:
        """The queue it came from; "" if `get` took it."""
        return "" if self._stream is None else self._stream.queue

    @property
    def delivery_count(self) -> int:
        """How often it was delivered from this queue before."""
        return self._pb.delivery_count

    @property
    def deaths(self) -> list[Death]:
        """Death history, newest first; empty for a message that was never dead-lettered."""
        return [_death(death) for death in self._pb.deaths]

    @property
    def published_at(self) -> datetime:
        """When the broker accepted it; for a dead-lettered one, when it was dead-lettered."""
        return from_timestamp(self._pb.published_at)

    # --- what the publisher said ----------------------------------------------------------------

    @property
    def headers(self) -> dict[str, HeaderValue]:
        """The headers as plain Python values."""
        if self._headers is None:
            self._headers = get_values(self._pb.message.headers)
        return self._headers

    @property
    def persistent(self) -> bool:
        """Whether it is to survive a restart of the broker."""
        return self._pb.message.delivery_mode == message_pb2.DELIVERY_MODE_PERSISTENT

    @property
    def priority(self) -> int:
        """0 (lowest) to 255."""
        return self._pb.message.priority

    @property
    def expiration(self) -> Optional[timedelta]:
        """Its own time to live, if it has one."""
        message = self._pb.message
        return from_duration(message.expiration) if message.HasField("expiration") else None

    @property
    def message_id(self) -> str:
        """The publisher's identity for it, to recognise repeats by."""
        return self._pb.message.message_id

    @property
    def correlation_id(self) -> str:
        """Ties an answer to its question."""
        return self._pb.message.correlation_id

    @property
    def reply_to(self) -> str:
        """Where an answer should go."""
        return self._pb.message.reply_to

    @property
    def type(self) -> str:
        """The kind of message."""
        return self._pb.message.type

    @property
    def app_id(self) -> str:
        """The program that published it."""
        return self._pb.message.app_id

    @property
    def user_id(self) -> str:
        """The publishing user."""
        return self._pb.message.user_id

    @property
    def content_type(self) -> str:
        """MIME type of the body."""
        return self._pb.message.content_type

    @property
    def content_encoding(self) -> str:
        """MIME content encoding of the body."""
        return self._pb.message.content_encoding

    @property
    def timestamp(self) -> Optional[datetime]:
        """When its publisher says it was made."""
        message = self._pb.message
        return from_timestamp(message.timestamp) if message.HasField("timestamp") else None

    def __repr__(self) -> str:
        return (
            f"<Delivery {self.delivery_tag} of {self.exchange!r}/{self.routing_key!r},"
            f" {len(self.body)} bytes{', redelivered' if self.redelivered else ''}>"
        )
