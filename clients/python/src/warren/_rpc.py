"""The broker's methods and the settings of a channel to it, for both flavours of grpc.

No generated service stub is needed: the descriptor of BrokerService says all that there is to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable, Optional

import grpc

from warren._proto import broker_pb2
from warren.errors import Unavailable, WarrenError

#: How long a unary call waits, in seconds, unless told otherwise.
DEFAULT_TIMEOUT_S = 30.0
#: One attempt of a call that is repeated until its own deadline.
ATTEMPT_TIMEOUT_S = 10.0
#: Between two attempts of a unary call, in seconds.
REPEAT_PAUSE_S = 0.05

#: Failures after which the same request, sent again, can succeed.
TRANSIENT = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)

CHANNEL_OPTIONS: Sequence[tuple[str, int]] = (
    # The broker bounds what it sends by prefetch, not by the size of a frame.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # grpc's own pauses between connection attempts grow to two minutes by default.
    ("grpc.initial_reconnect_backoff_ms", 50),
    # How long an attempt may take: beyond it the next address has its turn.
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 1000),
)

Metadata = Sequence[tuple[str, str]]


def channel_options(
    keepalive_s: Optional[float], extra: Sequence[tuple[str, Any]]
) -> list[tuple[str, Any]]:
    """Channel arguments; with `keepalive_s`, a dead peer is noticed within twice that time."""
    options: list[tuple[str, Any]] = list(CHANNEL_OPTIONS)
    if keepalive_s is not None:
        milliseconds = max(1, round(keepalive_s * 1000))
        options += [
            ("grpc.keepalive_time_ms", milliseconds),
            ("grpc.keepalive_timeout_ms", milliseconds),
        ]
    return options + list(extra)


class Methods:
    """Callables for the methods of BrokerService on one channel, by method name.

    The publish stream takes frames that are serialised already; see `_frames`.
    """

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._cache: dict[str, Callable[..., Any]] = {}

    def __getitem__(self, name: str) -> Callable[..., Any]:
        made = self._cache.get(name)
        if made is None:
            service = broker_pb2.DESCRIPTOR.services_by_name["BrokerService"]
            method = service.methods_by_name[name]
            request = getattr(broker_pb2, method.input_type.name)
            response = getattr(broker_pb2, method.output_type.name)
            streaming = name in ("PublishStream", "Consume")
            kind = self._channel.stream_stream if streaming else self._channel.unary_unary
            made = self._cache[name] = kind(
                f"/{service.full_name}/{name}",
                request_serializer=None if streaming else request.SerializeToString,
                response_deserializer=response.FromString,
            )
        return made


def transient(error: WarrenError, opened_before: bool) -> bool:
    """Whether a stream that ended with `error` should be opened again.

    A name that is still held by the stream that was just lost is free as soon as the broker
    notices the loss, so it counts as transient after the first success.
    """
    if error.code in TRANSIENT:
        return opened_before or error.code != grpc.StatusCode.RESOURCE_EXHAUSTED
    held = ("CONSUMER_EXISTS", "QUEUE_EXCLUSIVELY_CONSUMED")
    return opened_before and error.reason in held


def once_more(error: WarrenError) -> bool:
    """Whether a unary request that is recognised when it comes again may be sent again."""
    return error.code in TRANSIENT and error.code != grpc.StatusCode.RESOURCE_EXHAUSTED


def as_lost(error: WarrenError) -> WarrenError:
    """What grpc itself answers when a connection ends under a call, as Unavailable.

    With a reason it is the broker's word, and stays what it is.
    """
    ends = (grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)
    if error.reason or error.code not in ends:
        return error
    message = f"the connection ended before the answer: {error.message}"
    return Unavailable(message, reason="ANSWER_LOST")


def unreachable(target: str, seconds: float, last: Optional[WarrenError]) -> Unavailable:
    """The error for a broker that did not answer in time."""
    why = f": {last.message}" if last is not None and last.message else ""
    return Unavailable(
        f"no answer from {target} within {seconds:g} s{why}", reason="BROKER_UNREACHABLE"
    )
