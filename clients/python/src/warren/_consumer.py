"""The synchronous consumer.

Threads: the application's, any number; one that keeps the stream open and receives; and grpc's own
that sends settlements, which asks for the next frame when the last one has left. One lock guards
the state.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from types import TracebackType
from typing import TYPE_CHECKING, Any, Optional, Union

import grpc

from warren import _rpc
from warren._backoff import Backoff
from warren._consume_state import ConsumeState, QueueEndCallback, SettleErrorCallback
from warren._delivery import Delivery
from warren._settle import Settle
from warren._topology import Binding, QueueOptions
from warren.errors import Closed, Unavailable, WarrenError, from_rpc_error

if TYPE_CHECKING:
    from warren._connection import Connection

_log = logging.getLogger("warren")

#: How long `close` waits for the last settlements to be durable.
_CLOSE_TIMEOUT_S = 10.0


class Consumer:
    """Receives messages of a queue, or of several. Thread-safe: several threads may share one.

    ::

        with connection.consume("tasks", prefetch=100) as consumer:
            for delivery in consumer:
                work(delivery.body)
                delivery.ack()

    Iteration ends after `drain` or `close`; it raises ConsumerCancelled when the queue is deleted,
    and whatever else makes going on pointless. When the stream is lost, the consumer subscribes
    again. What was unsettled then is delivered again, with `redelivered` set; settling a delivery
    of the old stream does nothing and returns False (`Delivery.stale`).

    Settlements that pile up while a write is in flight leave as one frame.

    Given a list of queues, it has all of them on one stream, whose frames they share, which costs
    far less than a consumer for each. `Delivery.queue` says where a message comes from; `add` and
    `remove` change the list. A queue that is deleted is told to `on_queue_end`, and iteration goes
    on; it raises when the last one has ended.
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
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)  # deliveries, opening, the end
        self._work = threading.Condition(self._lock)  # there may be something to send
        self._taken = threading.Condition(self._lock)  # there is room for deliveries again
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
        self._sender_waits = False
        self._reader_waits = False
        self._failed: Optional[WarrenError] = None
        self._last_error: Optional[WarrenError] = None
        self._closing = threading.Event()
        self._attempt = 0  # counts streams; a sender of an older one stops
        self._call: Any = None
        self._thread = threading.Thread(
            target=self._run, name=f"warren-consumer-{self._state.name}", daemon=True
        )
        self._thread.start()
        self._wait_open(connection.timeout)

    # --- receiving ------------------------------------------------------------------------------

    def get(self, timeout: Optional[float] = None) -> Optional[Delivery]:
        """The next delivery; None after `timeout` seconds without one.

        Raises Closed when no delivery will come any more, and what ended the consumer.
        """
        state = self._state
        try:
            delivery = state.ready.popleft()
        except IndexError:
            with self._lock:
                if not self._arrived.wait_for(lambda: state.ready or self._over(), timeout):
                    return None
                if not state.ready:
                    raise self._failed or Closed("the consumer is closed or drained") from None
                delivery = state.ready.popleft()
        if self._reader_waits:
            with self._lock:
                self._taken.notify()
        return delivery

    def get_batch(self, max_messages: int, timeout: Optional[float] = None) -> list[Delivery]:
        """Waits for a delivery, then takes what else is here, at most `max_messages`.

        An empty list after `timeout` seconds without one. Raises as `get`.
        """
        first = self.get(timeout)
        if first is None:
            return []
        batch = [first]
        with self._lock:
            ready = self._state.ready
            while ready and len(batch) < max_messages:
                batch.append(ready.popleft())
            self._taken.notify()
        return batch

    def __iter__(self) -> Consumer:
        return self

    def __next__(self) -> Delivery:
        try:
            delivery = self.get()
        except Closed:
            raise StopIteration from None
        assert delivery is not None  # None is for timeouts
        return delivery

    # --- settling -------------------------------------------------------------------------------

    def settle(self, delivery: Delivery, outcome: Settle, delay_ms: Optional[int]) -> bool:
        """Where the methods of `Delivery` end."""
        with self._lock:
            taken = self._state.settle(delivery, outcome, delay_ms)
            if taken and self._sender_waits:
                self._work.notify()
        return taken

    def flush(self, timeout: Optional[float] = None) -> None:
        """Waits until all settlements so far are durable.

        Raises the first failure among them; Unavailable if the stream was lost meanwhile;
        concurrent.futures.TimeoutError after `timeout` seconds.
        """
        outcome: list[Optional[WarrenError]] = []

        def done(error: Optional[WarrenError]) -> None:  # called under the lock
            outcome.append(error)
            self._arrived.notify_all()

        with self._lock:
            self._state.barrier(done)
            self._work.notify()
            if not self._arrived.wait_for(lambda: outcome, timeout):
                raise FutureTimeoutError(f"settlements are not durable after {timeout} s")
        if outcome[0] is not None:
            raise outcome[0]

    # --- control --------------------------------------------------------------------------------

    @property
    def queue(self) -> str:
        """The queue's name, as requested or as made by the server; "" of several."""
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

    def add(self, queue: str) -> None:
        """Consumes one more queue, with the options of the others, and waits for the broker.

        For a consumer that was given a list. A queue that the broker refuses is told to
        `on_queue_end`, as one that is deleted.
        """
        with self._lock:
            added = self._state.add(queue)
            self._work.notify()
            self._arrived.wait_for(
                lambda: added.answered
                or added.number not in self._state.subscriptions
                or self._over(),
                self._connection.timeout,
            )

    def remove(self, queue: str) -> None:
        """Consumes a queue no more; the broker requeues what is unsettled of it.

        Settlements made before count; deliveries of it that still come are stale.
        """
        with self._lock:
            ending = self._state.remove(queue)
            self._work.notify()
            self._arrived.wait_for(
                lambda: self._over()
                or not any(s.number in self._state.subscriptions for s in ending),
                self._connection.timeout,
            )

    def set_prefetch(self, messages: int = 0, bytes: int = 0) -> None:
        """Changes the limits of unsettled deliveries; 0 is the broker's default."""
        with self._lock:
            self._state.set_prefetch(messages, bytes)
            self._work.notify()

    def drain(self) -> None:
        """Asks for no new deliveries; returns at once.

        Iteration ends after what has arrived; settlements are still taken until `close`.
        """
        with self._lock:
            self._state.drain()
            self._work.notify()
            self._arrived.notify_all()

    def close(self) -> None:
        """Waits for settlements to be durable, then unsubscribes.

        The broker requeues the rest as soon as it learns of the end, a moment after this returns.
        """
        if not self._closing.is_set():
            try:
                if self._state.is_open:
                    self.flush(_CLOSE_TIMEOUT_S)
            except (WarrenError, FutureTimeoutError) as error:
                _log.warning("consumer %s closes before its settlements: %s", self.name, error)
        self._closing.set()
        with self._lock:
            self._attempt += 1
            call = self._call
            self._work.notify_all()
            self._taken.notify_all()
            self._arrived.notify_all()
        if call is not None:
            call.cancel()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=5)

    def __enter__(self) -> Consumer:
        return self

    def __exit__(
        self,
        exc_type: Optional[type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    # --- inside ---------------------------------------------------------------------------------

    def _over(self) -> bool:
        return self._failed is not None or self._state.drained or self._closing.is_set()

    def _wait_open(self, timeout: float) -> None:
        state = self._state
        with self._lock:
            self._arrived.wait_for(lambda: state.opened_before or self._failed is not None, timeout)
            if state.opened_before:
                return
            error = self._failed or _rpc.unreachable(
                self._connection.target, timeout, self._last_error
            )
        self.close()
        raise error

    def _run(self) -> None:
        backoff = Backoff()
        down_since: Optional[float] = None
        while not self._closing.is_set():
            error = self._one_stream(backoff)
            state = self._state
            with self._lock:
                self._last_error = error
                if state.is_open:
                    down_since = None
                state.disconnected()
                now = time.monotonic()
                down_since = now if down_since is None else down_since
                gives_up = (
                    self._give_up_after is not None and now - down_since > self._give_up_after
                )
                if state.cancelled is not None:
                    self._failed = state.cancelled
                elif gives_up or not _rpc.transient(error, state.opened_before):
                    self._failed = error
                self._arrived.notify_all()
                if self._over():
                    return
            _log.info("consumer %s: %s; subscribing again", self.name, error)
            self._closing.wait(backoff.next_s())

    def _one_stream(self, backoff: Backoff) -> WarrenError:
        """Runs one stream until it ends; returns why it did."""
        with self._lock:
            self._attempt += 1
            attempt = self._attempt
            first = self._state.subscribe_frame()
        try:
            call = self._connection._methods["Consume"](
                self._frames(attempt, first), metadata=self._connection._metadata
            )
            with self._lock:
                self._call = call
            if self._closing.is_set():
                call.cancel()
            for response in call:
                self._received(response, backoff)
                if self._state.cancelled is not None and self._state.over_for_good:
                    call.cancel()
                    return self._state.cancelled
            return Unavailable("the broker ended the stream", reason="STREAM_ENDED")
        except grpc.RpcError as error:
            return from_rpc_error(error)
        except ValueError as error:  # grpc's way to say that the channel is closed
            self._closing.set()
            return Closed(str(error))
        finally:
            with self._lock:
                self._attempt += 1
                self._call = None
                self._work.notify_all()

    def _frames(self, attempt: int, first: bytes) -> Iterator[bytes]:
        """What grpc sends; it asks for the next frame once the last one has left."""
        yield first
        while True:
            with self._lock:
                while True:
                    if attempt != self._attempt:
                        return
                    frame = self._state.next_frame()
                    if frame is not None:
                        break
                    self._sender_waits = True
                    self._work.wait()
                    self._sender_waits = False
            yield frame

    def _received(self, response: Any, backoff: Backoff) -> None:
        state = self._state
        with self._lock:
            was_open = state.is_open
            state.received(response)
            if state.is_open and not was_open:
                backoff.reset()
                self._work.notify_all()
            self._arrived.notify_all()
            # Under auto_ack nothing but this bounds what is held here; the rest waits in the
            # transport, whose flow control works back to the broker.
            while (
                state.auto_ack
                and len(state.ready) >= state.buffer_limit
                and not self._closing.is_set()
            ):
                self._reader_waits = True
                self._taken.wait()
                self._reader_waits = False
