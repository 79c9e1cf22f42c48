"""What can go wrong, as exceptions.

Every error that the broker reports carries a canonical gRPC code, a stable reason in UPPER_SNAKE,
a message for people, and metadata that names the object (kind, name, virtual_host). The class
follows from the code, so `except warren.NotFound` is enough for most programs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Optional

import grpc
from google.rpc import error_details_pb2, status_pb2

from warren._proto import broker_pb2

_DETAILS_KEY = "grpc-status-details-bin"


class WarrenError(Exception):
    """Base of all errors of this package.

    Attributes:
        code: the canonical gRPC status code.
        reason: stable and for programs, such as ``QUEUE_NOT_FOUND``; "" if the broker gave none.
        message: for people: what, which object, which limit, what to do.
        metadata: the object: kind, name, virtual_host; for a limit its name and value.

    """

    code: grpc.StatusCode = grpc.StatusCode.UNKNOWN

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        metadata: Optional[Mapping[str, str]] = None,
        code: Optional[grpc.StatusCode] = None,
    ) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        self.reason = reason
        self.message = message
        self.metadata: dict[str, str] = dict(metadata or {})

    def __str__(self) -> str:
        prefix = f"{self.code.name} {self.reason}".rstrip()
        return f"{prefix}: {self.message}" if self.message else prefix


class Cancelled(WarrenError):
    """The call was cancelled, by this side or a proxy between."""

    code = grpc.StatusCode.CANCELLED


class InvalidArgument(WarrenError):
    """A request that can never succeed as it is."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class DeadlineExceeded(WarrenError):
    """No answer in time."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED


class NotFound(WarrenError):
    """The exchange, queue, consumer or virtual host does not exist."""

    code = grpc.StatusCode.NOT_FOUND


class AlreadyExists(WarrenError):
    """The object is there already."""

    code = grpc.StatusCode.ALREADY_EXISTS


class PermissionDenied(WarrenError):
    """The user, or the rules of the predeclared objects, forbid it."""

    code = grpc.StatusCode.PERMISSION_DENIED


class ResourceExhausted(WarrenError):
    """A limit is reached; `metadata` names it."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED


class PreconditionFailed(WarrenError):
    """The state of the object forbids it: other options, in use, not empty, already settled."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class Aborted(WarrenError):
    """Something else took over, such as a second publisher with the same producer_id."""

    code = grpc.StatusCode.ABORTED


class Unimplemented(WarrenError):
    """The broker doesn't know this call."""

    code = grpc.StatusCode.UNIMPLEMENTED


class Internal(WarrenError):
    """A failure inside the broker or the transport."""

    code = grpc.StatusCode.INTERNAL


class Unavailable(WarrenError):
    """The broker can't be reached, or is stopping; trying again later can work."""

    code = grpc.StatusCode.UNAVAILABLE


class Unauthenticated(WarrenError):
    """Missing or wrong credentials."""

    code = grpc.StatusCode.UNAUTHENTICATED


class Unroutable(PreconditionFailed):
    """A mandatory message that no queue would get."""


class StaleDelivery(PreconditionFailed):
    """A delivery that can't be settled: requeued since its stream is gone, or settled before."""


class OutcomeUnknown(Unavailable):
    """The broker could not be reached any more, and it may or may not have done what was asked."""


class ConsumerCancelled(Cancelled):
    """The broker ended the consumer; `reason` is QUEUE_DELETED or SHUTTING_DOWN."""


class Closed(WarrenError):
    """The connection, publisher or consumer was closed on this side, or has run dry."""

    code = grpc.StatusCode.CANCELLED


_BY_CODE: dict[grpc.StatusCode, type[WarrenError]] = {
    cls.code: cls
    for cls in (
        Cancelled,
        InvalidArgument,
        DeadlineExceeded,
        NotFound,
        AlreadyExists,
        PermissionDenied,
        ResourceExhausted,
        PreconditionFailed,
        Aborted,
        Unimplemented,
        Internal,
        Unavailable,
        Unauthenticated,
    )
}
# Settling what is gone: the tag, or the whole consumer that it belonged to.
_BY_REASON: dict[str, type[WarrenError]] = {
    "UNROUTABLE": Unroutable,
    "DELIVERY_TAG_UNKNOWN": StaleDelivery,
    "CONSUMER_NOT_FOUND": StaleDelivery,
}
_BY_NUMBER: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}


def make_error(
    code: grpc.StatusCode,
    message: str,
    reason: str = "",
    metadata: Optional[Mapping[str, str]] = None,
) -> WarrenError:
    """Builds the exception of the class that belongs to `code`."""
    by_reason = _BY_REASON.get(reason)
    if by_reason is not None:
        return by_reason(message, reason=reason, metadata=metadata, code=code)
    cls = _BY_CODE.get(code, WarrenError)
    return cls(message, reason=reason, metadata=metadata, code=code)


def from_entry(error: broker_pb2.Error) -> WarrenError:
    """Translates the error of one entry of a batch."""
    code = _BY_NUMBER.get(error.code, grpc.StatusCode.UNKNOWN)
    return make_error(code, error.message, error.reason, error.metadata)


def from_status(
    code: grpc.StatusCode, message: str, trailing: Iterable[tuple[str, object]]
) -> WarrenError:
    """Translates the status that ended a call, with the ErrorInfo in its trailing metadata."""
    reason, metadata = "", {}
    for key, value in trailing:
        if key != _DETAILS_KEY or not isinstance(value, bytes):
            continue
        try:
            status = status_pb2.Status.FromString(value)
            for detail in status.details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    reason, metadata = info.reason, dict(info.metadata)
        except Exception:  # a proxy may put anything there; the code and message still tell
            continue
    return make_error(code, message, reason, metadata)


def from_rpc_error(error: grpc.RpcError) -> WarrenError:
    """Translates what grpc raises, from its synchronous and its asyncio API alike."""
    code, details, trailing = (
        getattr(error, name, None) for name in ("code", "details", "trailing_metadata")
    )
    if code is None:
        return WarrenError(str(error))
    pairs = (trailing() if trailing is not None else None) or ()
    text = (details() if details is not None else None) or ""
    return from_status(code(), text, tuple(pairs))
