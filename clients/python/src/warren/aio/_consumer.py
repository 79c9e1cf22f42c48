"""The consumer for asyncio: one task subscribes and receives, one sends settlements."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Generator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

import grpc

from warren import _rpc
from warren._backoff import Backoff
from warren._consume_state import ConsumeState, QueueEndCallback, SettleErrorCallback
from warren._delivery import Delivery
from warren._settle import Settle
from warren._topology import Binding, QueueOptions
from warren.aio._stream import status_of, stop_task
from warren.errors import Closed, Unavailable, WarrenError, from_rpc_error

if TYPE_CHECKING:
    from warren.aio._connection import Connection

_log = logging.getLogger("warren")

#: How long `close` waits for the last settlements to be durable.
_CLOSE_TIMEOUT_S = 10.0


class Consumer:
    """As `warren.Consumer`, for asyncio.

    ::

        async with connection.consume("tasks", prefetch=100) as consumer:
            async for delivery in consumer:
                await work(delivery.body)
                delivery.ack()

    Opened by `async with` or by awaiting it. Several tasks may share one.
    """

    def __init__(
        self,
        connection: Connection,
        queue: Union[str, Sequence[str]],
        *,
        name: str,
        prefetch: int,
        prefetch_bytes: int,
        auto_ack: bool,
        exclusive: bool,
        declare: Optional[QueueOptions],
        bindings: Sequence[Binding],
        on_settle_error: Optional[SettleErrorCallback],
        on_queue_end: Optional[QueueEndCallback],
        give_up_after: Optional[float],
    ) -> None:
        """Use `Connection.consume`."""
        self._connection = connection
        self._give_up_after = give_up_after
        self._state = ConsumeState(
            self,
            connection.virtual_host,
            queue,
            name=name,
            prefetch=prefetch,
            prefetch_bytes=prefetch_bytes,
            auto_ack=auto_ack,
            exclusive=exclusive,
            declare=declare,
            bindings=bindings,
            on_settle_error=on_settle_error,
            on_queue_end=on_queue_end,
        )
        self._arrived = asyncio.Condition()  # deliveries, opening, the end
        self._work = asyncio.Event()
        self._taken = asyncio.Event()
        self._failed: Optional[WarrenError] = None
        self._last_error: Optional[WarrenError] = None
        self._closing = False
        self._task: Optional[asyncio.Task[None]] = None

    # --- receiving ------------------------------------------------------------------------------

    async def open(self) -> Consumer:
        """Subscribes, once; raises what the broker refuses, Unavailable if it isn't there."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        state = self._state
        timeout = self._connection.timeout
        if not await self._wait(lambda: state.opened_before or self._failed is not None, timeout):
            self._failed = _rpc.unreachable(self._connection.target, timeout, self._last_error)
        if self._failed is not None and not state.opened_before:
            error = self._failed
            await self.close()
            raise error
        return self

    async def get(self, timeout: Optional[float] = None) -> Optional[Delivery]:
        """The next delivery; None after `timeout` seconds without one. Raises as the other one."""
        state = self._state
        if self._task is None:
            await self.open()
        if not state.ready:
            if not await self._wait(lambda: bool(state.ready) or self._over(), timeout):
                return None
            if not state.ready:
                raise self._failed or Closed("the consumer is closed or drained")
        self._taken.set()
        return state.ready.popleft()

    async def get_batch(self, max_messages: int, timeout: Optional[float] = None) -> list[Delivery]:
        """Waits for a delivery, then takes what else is here, at most `max_messages`."""
        first = await self.get(timeout)
        if first is None:
            return []
        batch = [first]
        ready = self._state.ready
        while ready and len(batch) < max_messages:
            batch.append(ready.popleft())
        return batch

    def __aiter__(self) -> Consumer:
        return self

    async def __anext__(self) -> Delivery:
        try:
            delivery = await self.get()
        except Closed:
            raise StopAsyncIteration from None
        assert delivery is not None  # None is for timeouts
        return delivery

    # --- settling -------------------------------------------------------------------------------

    def settle(self, delivery: Delivery, outcome: Settle, delay_ms: Optional[int]) -> bool:
        """Where the methods of `Delivery` end."""
        taken = self._state.settle(delivery, outcome, delay_ms)
        if taken:
            self._work.set()
        return taken

    async def flush(self) -> None:
        """Waits until all settlements so far are durable; raises the first failure among them."""
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done(error: Optional[WarrenError]) -> None:
            if durable.done():
                return
            if error is None:
                durable.set_result(None)
            else:
                durable.set_exception(error)

        self._state.barrier(done)
        self._work.set()
        await durable

    # --- control --------------------------------------------------------------------------------

    @property
    def queue(self) -> str:
        """The queue's name, as requested or as made by the server."""
        return self._state.queue

    @property
    def name(self) -> str:
        """The consumer's name at the broker."""
        return self._state.name

    @property
    def message_count(self) -> int:
        """Ready messages in the queue when the consumer subscribed."""
        return self._state.message_count

    @property
    def queues(self) -> list[str]:
        """The queues that are consumed, in the order in which they were added."""
        return self._state.queues

    async def add(self, queue: str) -> None:
        """As `warren.Consumer.add`."""
        added = self._state.add(queue)
        self._work.set()
        await self._wait(
            lambda: added.answered or added.number not in self._state.subscriptions or self._over(),
            self._connection.timeout,
        )

    async def remove(self, queue: str) -> None:
        """As `warren.Consumer.remove`."""
        ending = self._state.remove(queue)
        self._work.set()
        await self._wait(
            lambda: self._over() or not any(s.number in self._state.subscriptions for s in ending),
            self._connection.timeout,
        )

    def set_prefetch(self, messages: int = 0, bytes: int = 0) -> None:
        """Changes the limits of unsettled deliveries; 0 is the broker's default."""
        self._state.set_prefetch(messages, bytes)
        self._work.set()

    def drain(self) -> None:
        """Asks for no new deliveries; iteration ends after what has arrived."""
        self._state.drain()
        self._work.set()

    async def close(self) -> None:
        """Waits for settlements to be durable, then unsubscribes.

        The broker requeues the rest as soon as it learns of the end, a moment after this returns.
        """
        if not self._closing and self._state.is_open:
            try:
                await asyncio.wait_for(self.flush(), _CLOSE_TIMEOUT_S)
            except (WarrenError, asyncio.TimeoutError) as error:
                _log.warning("consumer %s closes before its settlements: %s", self.name, error)
        self._closing = True
        self._taken.set()
        await stop_task(self._task)
        self._state.disconnected()
        await self._notify()

    async def __aenter__(self) -> Consumer:
        return await self.open()

    async def __aexit__(
        self,
        exc_type: Optional[type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.close()

    def __await__(self) -> Generator[Any, None, Consumer]:
        return self.open().__await__()

    # --- inside ---------------------------------------------------------------------------------

    def _over(self) -> bool:
        return self._failed is not None or self._state.drained or self._closing

    async def _wait(self, predicate: Callable[[], bool], timeout: Optional[float]) -> bool:
        """Waits on `_arrived`; False if the time is over first."""

        async def wait() -> None:
            async with self._arrived:
                await self._arrived.wait_for(predicate)

        if predicate():
            return True
        try:
            await asyncio.wait_for(wait(), timeout)
        except asyncio.TimeoutError:
            return False
        return True

    async def _notify(self) -> None:
        async with self._arrived:
            self._arrived.notify_all()

    async def _run(self) -> None:
        backoff = Backoff()
        down_since: Optional[float] = None
        state = self._state
        while not self._closing:
            error = await self._one_stream(backoff)
            self._last_error = error
            if state.is_open:
                down_since = None
            state.disconnected()
            now = time.monotonic()
            down_since = now if down_since is None else down_since
            gives_up = self._give_up_after is not None and now - down_since > self._give_up_after
            if state.cancelled is not None:
                self._failed = state.cancelled
            elif gives_up or not _rpc.transient(error, state.opened_before):
                self._failed = error
            await self._notify()
            if self._over():
                return
            _log.info("consumer %s: %s; subscribing again", self.name, error)
            await asyncio.sleep(backoff.next_s())

    async def _one_stream(self, backoff: Backoff) -> WarrenError:
        """Runs one stream until it ends; returns why it did."""
        call: Any = None
        sender: Optional[asyncio.Task[None]] = None
        try:
            call = self._connection._methods["Consume"](metadata=self._connection._metadata)
            await call.write(self._state.subscribe_frame())
            sender = asyncio.create_task(self._send(call))
            async for response in call:
                await self._received(response, backoff)
                if self._state.cancelled is not None and self._state.over_for_good:
                    return self._state.cancelled
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
        state = self._state
        was_open = state.is_open
        state.received(response)
        if state.is_open and not was_open:
            backoff.reset()
            self._work.set()
        await self._notify()
        # Under auto_ack nothing but this bounds what is held here; the rest waits in the
        # transport, whose flow control works back to the broker.
        while state.auto_ack and len(state.ready) >= state.buffer_limit and not self._closing:
            self._taken.clear()
            await self._taken.wait()
