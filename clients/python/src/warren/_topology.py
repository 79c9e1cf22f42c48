"""Requests that shape exchanges, queues and bindings, from plain Python arguments.

Pure functions, shared by the synchronous and the asyncio connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Optional, TypedDict, cast

from warren._proto import broker_pb2
from warren._values import Duration, Headers, set_values, to_duration

ExchangeType = Literal["direct", "fanout", "topic", "headers"]
Overflow = Literal["drop_head", "reject_publish", "reject_publish_dlx"]


@dataclass(frozen=True)
class RetryPolicy:
    """Redelivery with growing pauses, instead of a hand-made retry queue.

    A message that a consumer requeues or retries waits
    min(max_backoff, initial_backoff * multiplier^(attempt - 1)), give or take `jitter` (0 to 1),
    and is delivered again; after `max_attempts` deliveries in all it is dead-lettered.
    """

    max_attempts: int
    initial_backoff: Optional[Duration] = None
    multiplier: Optional[float] = None
    max_backoff: Optional[Duration] = None
    jitter: float = 0.0


class ExchangeOptions(TypedDict, total=False):
    """Options of an exchange, fixed when it is declared.

    Attributes:
        durable: survives a restart. Default True in this client.
        auto_delete: deleted when its last binding as source goes. Default False.
        internal: takes messages from other exchanges only. Default False.
        alternate_exchange: where messages go that it can route nowhere. Default none.
        delayed: honours the header "x-delay", in milliseconds. Default False.
        deduplication_window: drops messages whose message_id passed within this time.

    """

    durable: bool
    auto_delete: bool
    internal: bool
    alternate_exchange: str
    delayed: bool
    deduplication_window: Duration


class QueueOptions(TypedDict, total=False):
    """Options of a queue, fixed when it is declared.

    Attributes:
        durable: survives a restart, with its persistent messages. Default True in this client,
            except for exclusive queues.
        exclusive: belongs to the consumer that declares it; only in `consume(declare=...)`.
        auto_delete: deleted when its last consumer leaves. Default False.
        expires: deleted after this long unused. Default never.
        message_ttl: time to live of its messages. Default for ever.
        max_length: most ready messages; 0 (default) is no limit.
        max_length_bytes: most bytes of ready bodies; 0 (default) is no limit.
        overflow: at either limit: "drop_head" (default), "reject_publish", "reject_publish_dlx".
        dead_letter_exchange: where rejected, expired, dropped and too often delivered messages
            go; "" is the default exchange. Default: they are dropped.
        dead_letter_routing_key: their routing key there. Default: the ones they have.
        max_priority: 1 to 255 turns priorities on; 0 (default) is off.
        delivery_limit: deliveries of one message before it is dead-lettered; 0 is no limit.
        retry: pauses between deliveries, and how many there are.
        deduplication_window: takes a message_id once within this time.

    """

    durable: bool
    exclusive: bool
    auto_delete: bool
    expires: Duration
    message_ttl: Duration
    max_length: int
    max_length_bytes: int
    overflow: Overflow
    dead_letter_exchange: str
    dead_letter_routing_key: str
    max_priority: int
    delivery_limit: int
    retry: RetryPolicy
    deduplication_window: Duration


@dataclass(frozen=True)
class QueueInfo:
    """What declaring a queue answers: its name, ready messages, and consumers."""

    name: str
    message_count: int
    consumer_count: int


@dataclass(frozen=True)
class Binding:
    """A binding from an exchange, for `consume(bindings=...)`; the queue is the consumer's."""

    exchange: str
    routing_key: str = ""
    arguments: Optional[Headers] = None


_EXCHANGE_KNOWN = frozenset(ExchangeOptions.__annotations__)
_QUEUE_KNOWN = frozenset(QueueOptions.__annotations__)
_DURATIONS = frozenset({"expires", "message_ttl", "deduplication_window"})


def _fill(target: Any, options: Any, known: frozenset[str], what: str) -> None:
    """Sets the plain fields and durations that bear their option's name."""
    for name, value in options.items():
        if name not in known:
            raise TypeError(f"unknown {what} option {name!r}")
        if value is None or name in ("overflow", "retry"):
            continue
        if name in _DURATIONS:
            getattr(target, name).CopyFrom(to_duration(value))
        else:
            setattr(target, name, value)


def exchange_options(type: str, options: ExchangeOptions) -> broker_pb2.ExchangeOptions:
    """ExchangeOptions with this client's defaults."""
    try:
        number = cast(Any, broker_pb2.ExchangeType.Value(f"EXCHANGE_TYPE_{type.upper()}"))
    except ValueError:
        raise ValueError(f"exchange type {type!r}; use direct, fanout, topic or headers") from None
    out = broker_pb2.ExchangeOptions(type=number, durable=True)
    _fill(out, options, _EXCHANGE_KNOWN, "exchange")
    return out


def retry_policy(policy: RetryPolicy) -> broker_pb2.RetryPolicy:
    """RetryPolicy as protobuf has it; what is None is the broker's default."""
    out = broker_pb2.RetryPolicy(max_attempts=policy.max_attempts, jitter=policy.jitter)
    if policy.initial_backoff is not None:
        out.initial_backoff.CopyFrom(to_duration(policy.initial_backoff))
    if policy.multiplier is not None:
        out.multiplier = policy.multiplier
    if policy.max_backoff is not None:
        out.max_backoff.CopyFrom(to_duration(policy.max_backoff))
    return out


def queue_options(options: QueueOptions) -> broker_pb2.QueueOptions:
    """QueueOptions with this client's defaults."""
    out = broker_pb2.QueueOptions(durable=not options.get("exclusive", False))
    _fill(out, options, _QUEUE_KNOWN, "queue")
    overflow, retry = options.get("overflow"), options.get("retry")
    if overflow is not None:
        try:
            number = broker_pb2.OverflowPolicy.Value(f"OVERFLOW_POLICY_{overflow.upper()}")
            out.overflow = cast(Any, number)
        except ValueError:
            raise ValueError(
                f"overflow {overflow!r}; use drop_head, reject_publish or reject_publish_dlx"
            ) from None
    if retry is not None:
        out.retry.CopyFrom(retry_policy(retry))
    return out


def binding(
    source: str,
    routing_key: str,
    *,
    queue: Optional[str] = None,
    exchange: Optional[str] = None,
    arguments: Optional[Headers] = None,
) -> broker_pb2.Binding:
    """A Binding to exactly one of `queue` and `exchange`."""
    if (queue is None) == (exchange is None):
        raise TypeError("a binding needs exactly one destination: queue or exchange")
    out = broker_pb2.Binding(source=source, routing_key=routing_key)
    if queue is not None:
        out.queue = queue
    elif exchange is not None:
        out.exchange = exchange
    set_values(out.arguments, arguments or {})
    return out


def subscribe_bindings(bindings: Sequence[Binding]) -> list[broker_pb2.Binding]:
    """Bindings inside Subscribe: the broker puts its queue in as destination."""
    out = []
    for item in bindings:
        made = broker_pb2.Binding(source=item.exchange, routing_key=item.routing_key)
        set_values(made.arguments, item.arguments or {})
        out.append(made)
    return out


def queue_info(answer: broker_pb2.DeclareQueueResponse) -> QueueInfo:
    """QueueInfo from the broker's answer."""
    return QueueInfo(answer.name, answer.message_count, answer.consumer_count)
