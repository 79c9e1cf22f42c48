"""Client for the Warren message broker.

``warren.connect`` gives a synchronous `Connection`, ``warren.aio.connect`` one for asyncio; both
offer the same: topology and unary calls, a pipelined `Publisher`, a `Consumer`, transactions.
"""

from warren import aio
from warren._connection import Connection, connect
from warren._consumer import Consumer
from warren._delivery import Death, Delivery
from warren._login import LoginOptions, Tls, Token
from warren._publication import Body, Outcome, Publication, PublishOptions, PublishResult
from warren._publisher import Blocked, Confirm, Publisher
from warren._topology import (
    Binding,
    ExchangeOptions,
    ExchangeType,
    Overflow,
    QueueInfo,
    QueueOptions,
    RetryPolicy,
)
from warren._transaction import Transaction
from warren._values import Duration, Headers, HeaderValue
from warren.errors import (
    Aborted,
    AlreadyExists,
    Cancelled,
    Closed,
    ConsumerCancelled,
    DeadlineExceeded,
    Internal,
    InvalidArgument,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    PreconditionFailed,
    ResourceExhausted,
    StaleDelivery,
    Unauthenticated,
    Unavailable,
    Unimplemented,
    Unroutable,
    WarrenError,
)

__version__ = "0.1.0"

__all__ = [
    "Aborted",
    "AlreadyExists",
    "Binding",
    "Blocked",
    "Body",
    "Cancelled",
    "Closed",
    "Confirm",
    "Connection",
    "Consumer",
    "ConsumerCancelled",
    "DeadlineExceeded",
    "Death",
    "Delivery",
    "Duration",
    "ExchangeOptions",
    "ExchangeType",
    "HeaderValue",
    "Headers",
    "Internal",
    "InvalidArgument",
    "LoginOptions",
    "NotFound",
    "Outcome",
    "OutcomeUnknown",
    "Overflow",
    "PermissionDenied",
    "PreconditionFailed",
    "Publication",
    "PublishOptions",
    "PublishResult",
    "Publisher",
    "QueueInfo",
    "QueueOptions",
    "ResourceExhausted",
    "RetryPolicy",
    "StaleDelivery",
    "Tls",
    "Token",
    "Transaction",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Unroutable",
    "WarrenError",
    "aio",
    "connect",
]
