"""A message and where it is to go, from plain Python arguments to protobuf."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Optional, TypedDict, Union

from warren._proto import broker_pb2, message_pb2
from warren._values import Duration, Headers, set_values, to_duration, to_timestamp
from warren.errors import Internal, Unroutable, WarrenError, from_entry

if TYPE_CHECKING:
    from typing_extensions import Unpack

Body = Union[bytes, bytearray, memoryview, str]


class PublishOptions(TypedDict, total=False):
    """What can be said about a message beside exchange, routing key and body.

    Attributes:
        persistent: survive a restart of the broker, in durable queues. Default True.
        headers: str -> str, int, float, bool, bytes, aware datetime, list, dict or None.
        priority: 0 (default) to 255, clamped to the queue's max_priority.
        expiration: time to live from the moment that it is enqueued.
        message_id: what consumers and deduplication windows recognise the message by.
        correlation_id: ties an answer to its question.
        reply_to: where an answer should go.
        type: the kind of message.
        app_id: the program that published it.
        user_id: the publishing user.
        content_type: MIME type of the body.
        content_encoding: MIME content encoding of the body.
        timestamp: when it was made.
        mandatory: report it as unroutable when no queue gets it. Default False.
        resent: you sent it before, and don't know what became of that; it is delivered with
            `redelivered` set. What the client sends again by itself says so by itself.
            Default False.
        delay: make it available only after this time.
        deliver_at: make it available at this time; not together with `delay`.

    """

    persistent: bool
    headers: Headers
    priority: int
    expiration: Duration
    message_id: str
    correlation_id: str
    reply_to: str
    type: str
    app_id: str
    user_id: str
    content_type: str
    content_encoding: str
    timestamp: datetime
    mandatory: bool
    resent: bool
    delay: Duration
    deliver_at: datetime


class Outcome(Enum):
    """What became of a published message that was not rejected."""

    ACCEPTED = broker_pb2.OUTCOME_ACCEPTED
    """Taken; durable in every durable queue it was routed to, if it is persistent."""
    DUPLICATE = broker_pb2.OUTCOME_DUPLICATE
    """Seen before and enqueued nowhere this time; as good as accepted."""
    UNROUTABLE = broker_pb2.OUTCOME_UNROUTABLE
    """Mandatory, and no queue would get it; taken and dropped."""


_TEXT = (
    "message_id", "correlation_id", "reply_to", "type", "app_id", "user_id", "content_type",
    "content_encoding", "priority",
)  # fmt: skip
_KNOWN = frozenset(PublishOptions.__annotations__)


def encode_publication(
    exchange: str, routing_key: str, body: Body, options: PublishOptions
) -> message_pb2.Publication:
    """Builds the Publication; TypeError or ValueError for what can't be right."""
    publication = message_pb2.Publication(exchange=exchange, routing_key=routing_key)
    message = publication.message
    if isinstance(body, str):
        message.body = body.encode()
    else:
        message.body = body if isinstance(body, bytes) else bytes(body)
    message.delivery_mode = message_pb2.DELIVERY_MODE_PERSISTENT
    if options:
        _set_options(publication, options)
    return publication


def _set_options(publication: message_pb2.Publication, options: PublishOptions) -> None:
    message = publication.message
    for name, value in options.items():
        if value is None:
            continue
        if name in _TEXT:
            setattr(message, name, value)
        elif name not in _KNOWN:
            raise TypeError(f"unknown publish option {name!r}")
    if not options.get("persistent", True):
        message.delivery_mode = message_pb2.DELIVERY_MODE_TRANSIENT
    if options.get("mandatory"):
        publication.mandatory = True
    if options.get("resent"):
        publication.resent = True
    headers = options.get("headers")
    if headers:
        set_values(message.headers, headers)
    expiration, timestamp = options.get("expiration"), options.get("timestamp")
    if expiration is not None:
        message.expiration.CopyFrom(to_duration(expiration))
    if timestamp is not None:
        message.timestamp.CopyFrom(to_timestamp(timestamp))
    delay, deliver_at = options.get("delay"), options.get("deliver_at")
    if delay is not None and deliver_at is not None:
        raise ValueError("delay and deliver_at exclude each other")
    if delay is not None:
        publication.delay.CopyFrom(to_duration(delay))
    elif deliver_at is not None:
        publication.deliver_at.CopyFrom(to_timestamp(deliver_at))


class Publication:
    """A message and where it is to go, for `Connection.publish_batch`. Immutable."""

    __slots__ = ("_pb",)

    def __init__(
        self, exchange: str, routing_key: str, body: Body, **options: Unpack[PublishOptions]
    ) -> None:
        """Takes what `Publisher.publish` takes; see `PublishOptions`."""
        self._pb = encode_publication(exchange, routing_key, body, options)


class PublishResult:
    """What became of one message of a batch: an `outcome`, or the `error` of a rejected one."""

    __slots__ = ("error", "outcome")

    def __init__(self, outcome: Optional[Outcome], error: Optional[WarrenError]) -> None:
        self.outcome = outcome
        self.error = error

    def __repr__(self) -> str:
        return f"PublishResult(outcome={self.outcome}, error={self.error!r})"


def decode_result(
    outcome: int, error: broker_pb2.Error, what: str, raise_unroutable: bool = False
) -> PublishResult:
    """The result of one message; `what` names it in the error for an unroutable one."""
    if outcome == broker_pb2.OUTCOME_REJECTED:
        return PublishResult(None, from_entry(error))
    if outcome == broker_pb2.OUTCOME_UNROUTABLE and raise_unroutable:
        message = f"{what} is mandatory and no queue would get it"
        return PublishResult(None, Unroutable(message, reason="UNROUTABLE"))
    try:
        return PublishResult(Outcome(outcome), None)
    except ValueError:
        return PublishResult(None, Internal(f"{what}: outcome {outcome} is unknown to this client"))


def decode_results(results: Iterable[broker_pb2.PublishResult]) -> list[PublishResult]:
    """The results of a unary batch, in order."""
    return [decode_result(result.outcome, result.error, "message") for result in results]
