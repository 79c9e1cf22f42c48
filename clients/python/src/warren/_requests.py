"""Requests and answers of unary calls that both connections make alike. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

from warren import _topology
from warren._delivery import Delivery
from warren._proto import broker_pb2
from warren._publication import Outcome, PublishResult
from warren._settle import Settle, settlements
from warren._values import Duration, to_duration
from warren.errors import WarrenError, from_entry


def say_resent(request: Any) -> None:
    """Has a request that is sent again say so of its messages, if it has any."""
    for publication in getattr(request, "publications", ()):
        publication.resent = True


def declare_exchange(
    virtual_host: str,
    name: str,
    type: str,
    passive: bool,
    options: _topology.ExchangeOptions,
) -> broker_pb2.DeclareExchangeRequest:
    """The request of `declare_exchange`."""
    return broker_pb2.DeclareExchangeRequest(
        virtual_host=virtual_host,
        name=name,
        options=_topology.exchange_options(type, options),
        passive=passive,
    )


def declare_queue(
    virtual_host: str, name: str, passive: bool, options: _topology.QueueOptions
) -> broker_pb2.DeclareQueueRequest:
    """The request of `declare_queue`."""
    return broker_pb2.DeclareQueueRequest(
        virtual_host=virtual_host,
        name=name,
        options=_topology.queue_options(options),
        passive=passive,
    )


def get(
    virtual_host: str, queue: str, max_messages: int, auto_ack: bool, lease: Optional[Duration]
) -> broker_pb2.GetRequest:
    """The request of `get`."""
    request = broker_pb2.GetRequest(
        virtual_host=virtual_host, queue=queue, max_messages=max_messages, auto_ack=auto_ack
    )
    if lease is not None:
        request.lease.CopyFrom(to_duration(lease))
    return request


def ack(
    virtual_host: str, deliveries: Sequence[Delivery], outcome: Settle, delay_ms: Optional[int]
) -> broker_pb2.AckRequest:
    """The request that settles leases; TypeError for deliveries of a consumer."""
    for delivery in deliveries:
        if delivery._stream is not None:
            raise TypeError(f"{delivery!r} came from a consumer; settle it by its own methods")
    return broker_pb2.AckRequest(
        virtual_host=virtual_host,
        settlements=settlements((d.delivery_tag, outcome, delay_ms) for d in deliveries),
    )


def check_ack(answer: broker_pb2.AckResponse, deliveries: Sequence[Delivery]) -> None:
    """Marks what was settled; raises the first failure."""
    first: Optional[WarrenError] = None
    failed = set()
    for failure in answer.failures:
        failed.add(failure.delivery_tag)
        first = first or from_entry(failure.error)
    for delivery in deliveries:
        if delivery.delivery_tag not in failed:
            delivery._settled = True
    if first is not None:
        raise first


def single_outcome(result: PublishResult) -> Outcome:
    """The outcome of the only message of a batch; raises its error."""
    if result.error is not None:
        raise result.error
    assert result.outcome is not None  # PublishResult has the one or the other
    return result.outcome
