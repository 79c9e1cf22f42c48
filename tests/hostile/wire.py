"""The API without a client that would hold anything back: any bytes, on any method.

Requests are messages of the API or raw bytes; failures come back as values, so that a test can say
what it expects in one line.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional, Union

import grpc
from google.protobuf.message import Message
from warren import errors
from warren._proto import admin_pb2, broker_pb2

SERVICE = broker_pb2.DESCRIPTOR.services_by_name["BrokerService"]
ADMIN = admin_pb2.DESCRIPTOR.services_by_name["AdminService"]
STREAMS = ("PublishStream", "Consume")
UNARY = tuple(m.name for m in SERVICE.methods if m.name not in STREAMS)
CALL_S = 30.0

Request = Union[Message, bytes]

OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),  # a connection of its own
)


@dataclass(frozen=True)
class Failure:
    """How a call or an entry failed."""

    code: str  # of gRPC, such as "NOT_FOUND"
    reason: str
    message: str
    metadata: dict[str, str] = field(default_factory=dict, compare=False)

    def must_be(self, code: str, reason: str, *words: str) -> None:
        """Checks the code, the reason, and that the text names the object or the limit."""
        assert (self.code, self.reason) == (code, reason), self
        for word in words:
            assert word in self.message, f"{word!r} is not in {self.message!r}"
        assert self.metadata.get("kind"), f"the error names no object: {self}"


def failure(error: errors.WarrenError) -> Failure:
    return Failure(error.code.name, error.reason, error.message, error.metadata)


def entry_failure(error: broker_pb2.Error) -> Failure:
    """The error of one entry of a batch."""
    return failure(errors.from_entry(error))


def to_bytes(request: Request) -> bytes:
    return request if isinstance(request, bytes) else request.SerializeToString()


class Wire:
    """A channel of its own to the broker; `metadata` goes with every call."""

    def __init__(self, target: str, metadata: Sequence[tuple[str, str]] = ()) -> None:
        self.channel = grpc.insecure_channel(target, OPTIONS)
        self._metadata = tuple(metadata)

    def call(
        self, method: str, request: Request, timeout: float = CALL_S
    ) -> Union[Message, Failure]:
        """One unary call."""
        service, module = (
            (ADMIN, admin_pb2) if method in ADMIN.methods_by_name else (SERVICE, broker_pb2)
        )
        answer = getattr(module, service.methods_by_name[method].output_type.name)
        made = self.channel.unary_unary(
            f"/{service.full_name}/{method}", None, answer.FromString
        )  # fmt: skip
        try:
            return made(to_bytes(request), timeout=timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            return failure(errors.from_rpc_error(error))

    def fails(self, method: str, request: Request, timeout: float = CALL_S) -> Failure:
        """One unary call, which must fail."""
        answer = self.call(method, request, timeout)
        assert isinstance(answer, Failure), f"{method} succeeded: {answer}"
        return answer

    def stream(self, method: str, *frames: Request) -> Stream:
        """Opens a stream and sends these frames."""
        return Stream(self.channel, method, frames, self._metadata)

    def close(self) -> None:
        self.channel.close()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Stream:
    """A bidirectional call. What isn't read by `read` stays unread: gRPC reads on demand."""

    def __init__(
        self,
        channel: Any,
        method: str,
        frames: tuple[Request, ...],
        metadata: tuple[tuple[str, str], ...] = (),
    ) -> None:
        answer = getattr(broker_pb2, SERVICE.methods_by_name[method].output_type.name)
        self._frames: queue.SimpleQueue[Optional[bytes]] = queue.SimpleQueue()
        self.send(*frames)
        self._call = channel.stream_stream(
            f"/{SERVICE.full_name}/{method}", None, answer.FromString
        )(self._sent(), timeout=120, metadata=metadata)

    def send(self, *frames: Request) -> None:
        for frame in frames:
            self._frames.put(to_bytes(frame))

    def half_close(self) -> None:
        self._frames.put(None)

    def read(self) -> Any:
        """The next frame, a Failure, or None at the end."""
        try:
            return next(self._call, None)
        except grpc.RpcError as error:
            return failure(errors.from_rpc_error(error))

    def end(self) -> Failure:
        """Reads up to the failure that ends the stream."""
        while not isinstance(frame := self.read(), Failure):
            assert frame is not None, "the stream ended without an error"
        return frame

    def cancel(self) -> None:
        self._call.cancel()
        self._frames.put(None)

    def _sent(self) -> Iterator[bytes]:
        while (frame := self._frames.get()) is not None:
            yield frame
