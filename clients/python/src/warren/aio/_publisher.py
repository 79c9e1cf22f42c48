"""The pipelined publisher for asyncio: one task opens and receives, one sends."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Optional

import grpc

from warren import _rpc
from warren._backoff import Backoff
from warren._publication import Body, Outcome, PublishOptions, PublishResult, encode_publication
from warren._publish_state import PublishState
from warren._publisher import Blocked
from warren.aio._stream import status_of, stop_task
from warren.errors import Closed, Unavailable, WarrenError, from_rpc_error

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from warren.aio._connection import Connection

_log = logging.getLogger("warren")


class Publisher:
    """As `warren.Publisher`, for asyncio.

    ::

        async with connection.publisher() as publisher:
            confirm = await publisher.publish("", "tasks", body)   # waits for room only
            outcome = await confirm

    Opened by `async with` or by awaiting it.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        producer_id: Optional[str],
        max_unconfirmed: int,
        max_unconfirmed_bytes: int,
        raise_unroutable: bool,
        on_blocked: Optional[Callable[[Optional[Blocked]], None]],
        give_up_after: Optional[float],
    ) -> None:
        """Use `Connection.publisher`; for the arguments see `warren.Publisher`."""
        self.producer_id = producer_id or uuid.uuid4().hex
        self._connection = connection
        self._on_blocked = on_blocked
        self._give_up_after = give_up_after
        self._state: PublishState[asyncio.Future[Outcome]] = PublishState(
            self.producer_id,
            connection.virtual_host,
            max_unconfirmed,
            max_unconfirmed_bytes,
            raise_unroutable,
        )
        self._changed = asyncio.Condition()  # confirms, opening, failing
        self._work = asyncio.Event()
        self._failed: Optional[WarrenError] = None
        self._last_error: Optional[WarrenError] = None
        self._first_rejection: Optional[WarrenError] = None
        self._closing = False
        self._task: Optional[asyncio.Task[None]] = None
        self._id_prefix = self.producer_id + ":"

    # --- the application's side -----------------------------------------------------------------

    async def open(self) -> Publisher:
        """Opens the stream, once; raises Unavailable if the broker can't be reached in time."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        state = self._state
        timeout = self._connection.timeout
        if not await self._wait(lambda: state.opened_before or self._failed is not None, timeout):
            self._failed = _rpc.unreachable(self._connection.target, timeout, self._last_error)
        if self._failed is not None:
            error = self._failed
            await self.close(flush=False)
            raise error
        return self

    async def publish(
        self,
        exchange: str,
        routing_key: str,
        body: Body,
        *,
        sequence: Optional[int] = None,
        **options: Unpack[PublishOptions],
    ) -> asyncio.Future[Outcome]:
        """Publishes a message; waits while the window is full, then returns its confirm.

        For the arguments see `warren.Publisher.publish`; for a time limit, asyncio.wait_for.
        """
        publication = encode_publication(exchange, routing_key, body, options)
        state = self._state
        if not state.opened_before:
            await self.open()
        while self._failed is not None or not state.has_room():
            if self._failed is not None:
                raise self._failed
            await self._wait(lambda: self._failed is not None or state.has_room(), None)
        message = publication.message
        state.check_size(len(message.body))
        number = state.last_sequence + 1 if sequence is None else sequence
        if not message.message_id:
            message.message_id = self._id_prefix + str(number)
        confirm: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        state.add(publication.SerializeToString(), confirm, number)
        self._work.set()
        return confirm

    async def flush(self) -> None:
        """Waits until everything published so far is confirmed; raises the first rejection."""
        state = self._state
        target = state.last_sequence
        await self._wait(
            lambda: not state.unconfirmed or next(iter(state.unconfirmed)) > target, None
        )
        rejection, self._first_rejection = self._first_rejection, None
        if rejection is not None:
            raise rejection

    @property
    def unconfirmed(self) -> int:
        """How many messages wait for their confirm."""
        return len(self._state.unconfirmed)

    @property
    def last_sequence(self) -> int:
        """The sequence of the last message; at the start, the last one the broker has of us."""
        return self._state.last_sequence

    @property
    def blocked(self) -> Optional[Blocked]:
        """Why the broker takes no more messages; None if it does."""
        blocked = self._state.blocked
        return None if blocked is None else Blocked(blocked.reason, blocked.message)

    async def close(self, *, flush: bool = True) -> None:
        """Flushes, unless told otherwise, and ends the stream; what is unconfirmed then fails."""
        try:
            if flush and not self._closing and self._failed is None and self._task is not None:
                await asyncio.wait_for(self.flush(), self._connection.timeout)
        finally:
            self._closing = True
            await stop_task(self._task)
            await self._fail(Closed("the publisher is closed"))

    async def __aenter__(self) -> Publisher:
        return await self.open()

    async def __aexit__(
        self,
        exc_type: Optional[type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.close(flush=exc_type is None)

    def __await__(self) -> Generator[Any, None, Publisher]:
        return self.open().__await__()

    # --- the stream's side ----------------------------------------------------------------------

    async def _wait(self, predicate: Callable[[], bool], timeout: Optional[float]) -> bool:
        """Waits on `_changed`; False if the time is over first."""

        async def wait() -> None:
            async with self._changed:
                await self._changed.wait_for(predicate)

        if predicate():
            return True
        try:
            await asyncio.wait_for(wait(), timeout)
        except asyncio.TimeoutError:
            return False
        return True

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _run(self) -> None:
        backoff = Backoff()
        down_since: Optional[float] = None
        while not self._closing:
            error = await self._one_stream(backoff)
            self._last_error = error
            opened_before = self._state.opened_before
            if self._state.is_open:
                down_since = None
            was_blocked = self._state.blocked is not None
            self._state.disconnected()
            if was_blocked:
                self._tell_blocked(None)
            now = time.monotonic()
            down_since = now if down_since is None else down_since
            gives_up = self._give_up_after is not None and now - down_since > self._give_up_after
            if gives_up or not _rpc.transient(error, opened_before):
                await self._fail(error)
                return
            _log.info("publisher %s: %s; opening the stream again", self.producer_id, error)
            await asyncio.sleep(backoff.next_s())

    async def _one_stream(self, backoff: Backoff) -> WarrenError:
        """Runs one stream until it ends; returns why it did."""
        call: Any = None
        sender: Optional[asyncio.Task[None]] = None
        try:
            call = self._connection._methods["PublishStream"](metadata=self._connection._metadata)
            await call.write(self._state.open_frame())
            sender = asyncio.create_task(self._send(call))
            async for response in call:
                await self._received(response, backoff)
            return Unavailable("the broker ended the stream", reason="STREAM_ENDED")
        except grpc.RpcError as error:
            return from_rpc_error(error)
        except asyncio.InvalidStateError:  # the stream ended while its first frame was written
            return await status_of(call)
        except grpc.aio.UsageError as error:  # the channel is closed
            self._closing = True
            return Closed(str(error))
        finally:
            await stop_task(sender)
            if call is not None:
                call.cancel()

    async def _send(self, call: Any) -> None:
        """Writes frame after frame; the stream's end ends it, and the receiving side tells why."""
        try:
            while True:
                frame = self._state.next_frame()
                if frame is None:
                    self._work.clear()
                    await self._work.wait()
                else:
                    await call.write(frame)
        except (grpc.RpcError, asyncio.InvalidStateError):
            return

    async def _received(self, response: Any, backoff: Backoff) -> None:
        kind = response.WhichOneof("frame")
        if kind == "confirms":
            await self._resolve(self._state.confirmed(response.confirms))
        elif kind == "opened":
            backoff.reset()
            self._state.opened(response.opened)
            self._work.set()
            await self._notify()
        elif kind in ("blocked", "unblocked"):
            self._state.blocked = response.blocked if kind == "blocked" else None
            self._tell_blocked(self.blocked)

    async def _resolve(self, done: list[tuple[asyncio.Future[Outcome], PublishResult]]) -> None:
        for confirm, result in done:
            if result.error is not None and self._first_rejection is None:
                self._first_rejection = result.error
            if confirm.done():  # cancelled by whoever waited for it
                continue
            if result.outcome is not None:
                confirm.set_result(result.outcome)
            elif result.error is not None:
                confirm.set_exception(result.error)
                confirm.exception()  # looked at: `flush` and `close` raise it as well
        await self._notify()

    async def _fail(self, error: WarrenError) -> None:
        if self._failed is None:
            self._failed = error
        await self._resolve(self._state.fail(error))

    def _tell_blocked(self, blocked: Optional[Blocked]) -> None:
        if self._on_blocked is not None:
            try:
                self._on_blocked(blocked)
            except Exception:
                _log.exception("on_blocked raised")
