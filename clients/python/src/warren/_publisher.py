"""The synchronous pipelined publisher.

Threads: the application's, any number; one that keeps the stream open and takes confirms; and
grpc's own that sends, which asks for the next frame when the last one has left. One lock guards
the window.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Optional

import grpc

from warren import _rpc
from warren._backoff import Backoff
from warren._publication import Body, Outcome, PublishOptions, PublishResult, encode_publication
from warren._publish_state import PublishState
from warren.errors import Closed, Unavailable, WarrenError, from_rpc_error

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from warren._connection import Connection

_log = logging.getLogger("warren")


@dataclass(frozen=True)
class Blocked:
    """Why the broker takes no more messages for now.

    Attributes:
        reason: JOURNAL_BUSY, MEMORY, DISK, STORAGE or SHUTTING_DOWN.
        message: for people.

    """

    reason: str
    message: str


class Confirm:
    """The broker's word on one published message, as a future. Thread-safe."""

    __slots__ = ("_callbacks", "_changed", "_result", "sequence")

    def __init__(self, changed: threading.Condition) -> None:
        """For this package."""
        self.sequence = 0
        self._changed = changed
        self._result: Optional[PublishResult] = None
        self._callbacks: Optional[list[Callable[[Confirm], None]]] = None

    def done(self) -> bool:
        """Whether the outcome is known."""
        return self._result is not None

    def result(self, timeout: Optional[float] = None) -> Outcome:
        """Waits for the outcome; raises the error of a rejected message.

        Raises concurrent.futures.TimeoutError after `timeout` seconds.
        """
        error = self.exception(timeout)
        if error is not None:
            raise error
        assert self._result is not None and self._result.outcome is not None
        return self._result.outcome

    def exception(self, timeout: Optional[float] = None) -> Optional[WarrenError]:
        """Waits for the outcome; the error of a rejected message, or None."""
        if self._result is None:
            with self._changed:
                if not self._changed.wait_for(lambda: self._result is not None, timeout):
                    raise FutureTimeoutError(f"no confirm within {timeout} s")
        assert self._result is not None
        return self._result.error

    def add_done_callback(self, callback: Callable[[Confirm], None]) -> None:
        """Has `callback` called with this object once it is done, at once if it is.

        It runs on the publisher's thread and must not wait for other confirms.
        """
        with self._changed:
            if self._result is None:
                self._callbacks = [*(self._callbacks or ()), callback]
                return
        callback(self)


class Publisher:
    """Publishes without waiting for each message; confirms come as they are due. Thread-safe.

    ::

        with connection.publisher() as publisher:
            confirms = [publisher.publish("", "tasks", body) for body in bodies]
            publisher.flush()

    What piles up while a write is in flight leaves as one frame; an idle publisher sends at once.
    `publish` blocks while the window of unconfirmed messages is full. When the stream is lost,
    the publisher opens another, and sends again what is unconfirmed under the same sequences, so
    that nothing is lost, and nothing doubled but what a broker delivered and forgot as it died:
    what is sent again says so, and comes with `redelivered` set then. Each message has its
    `message_id` set to PRODUCER_ID:NUMBER unless it is given, so that consumers can recognise what
    they have seen.

    Attributes:
        producer_id: names this producer across connections, and restarts if you give it yourself.

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
        """Use `Connection.publisher`.

        Args:
            connection: where to publish.
            producer_id: a name of your own goes on where an earlier process of that name ended;
                see `last_sequence`. Default: a random one.
            max_unconfirmed: most unconfirmed messages.
            max_unconfirmed_bytes: most bytes of unconfirmed messages.
            raise_unroutable: report an unroutable mandatory message as an error, `Unroutable`,
                instead of Outcome.UNROUTABLE.
            on_blocked: called with a `Blocked` when the broker takes no more messages, and with
                None when it does again. Runs on the publisher's thread.
            give_up_after: seconds without a broker after which all unconfirmed messages fail with
                Unavailable. Default: never.

        """
        self.producer_id = producer_id or uuid.uuid4().hex
        self._connection = connection
        self._on_blocked = on_blocked
        self._give_up_after = give_up_after
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)  # there may be room in the window
        self._work = threading.Condition(self._lock)  # there may be something to send
        self._changed = threading.Condition(self._lock)  # confirms, opening, failing
        self._state: PublishState[Confirm] = PublishState(
            self.producer_id,
            connection.virtual_host,
            max_unconfirmed,
            max_unconfirmed_bytes,
            raise_unroutable,
        )
        self._sender_waits = False
        self._failed: Optional[WarrenError] = None  # for good
        self._last_error: Optional[WarrenError] = None  # of the last attempt
        self._first_rejection: Optional[WarrenError] = None
        self._closing = threading.Event()
        self._attempt = 0  # counts streams; a sender of an older one stops
        self._call: Any = None
        self._id_prefix = self.producer_id + ":"
        self._thread = threading.Thread(
            target=self._run, name=f"warren-publisher-{self.producer_id[:8]}", daemon=True
        )
        self._thread.start()
        self._wait_open(connection.timeout)

    # --- the application's side -----------------------------------------------------------------

    def publish(
        self,
        exchange: str,
        routing_key: str,
        body: Body,
        *,
        sequence: Optional[int] = None,
        timeout: Optional[float] = None,
        **options: Unpack[PublishOptions],
    ) -> Confirm:
        """Publishes a message; blocks while the window is full, then returns at once.

        Args:
            exchange: the exchange; "" routes to the queue that `routing_key` names.
            routing_key: as the exchange's type reads it.
            body: the payload; text is encoded as UTF-8.
            sequence: with a producer_id of your own, the message's number, greater than all
                before; what the broker has already is dropped as a duplicate. Default: the next.
            timeout: seconds to wait for room; then concurrent.futures.TimeoutError is raised.
            options: see `PublishOptions`.

        """
        publication = encode_publication(exchange, routing_key, body, options)
        confirm = Confirm(self._changed)
        message = publication.message
        state = self._state
        with self._lock:
            if self._failed is not None or not state.has_room():
                self._wait_room(timeout)
            state.check_size(len(message.body))
            number = state.last_sequence + 1 if sequence is None else sequence
            if not message.message_id:
                message.message_id = self._id_prefix + str(number)
            confirm.sequence = state.add(publication.SerializeToString(), confirm, number)
            if self._sender_waits:
                self._work.notify()
        return confirm

    def flush(self, timeout: Optional[float] = None) -> None:
        """Waits until everything published so far is confirmed.

        Raises the first rejection since the last flush, so that a program that looks at no
        confirm still learns of it; concurrent.futures.TimeoutError after `timeout` seconds.
        """
        state = self._state
        with self._lock:
            target = state.last_sequence
            done = self._changed.wait_for(
                lambda: not state.unconfirmed or next(iter(state.unconfirmed)) > target, timeout
            )
            if not done:
                raise FutureTimeoutError(
                    f"{len(state.unconfirmed)} messages are not confirmed after {timeout} s"
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

    def close(self, *, flush: bool = True, timeout: Optional[float] = None) -> None:
        """Flushes, unless told otherwise, and ends the stream; what is unconfirmed then fails."""
        try:
            if flush and not self._closing.is_set() and self._failed is None:
                self.flush(self._connection.timeout if timeout is None else timeout)
        finally:
            self._closing.set()
            with self._lock:
                self._attempt += 1
                call = self._call
                self._work.notify_all()
            if call is not None:
                call.cancel()
            self._thread.join(timeout=5)
            self._fail(Closed("the publisher is closed"))

    def __enter__(self) -> Publisher:
        return self

    def __exit__(
        self,
        exc_type: Optional[type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close(flush=exc_type is None)

    def _wait_open(self, timeout: float) -> None:
        state = self._state
        with self._lock:
            self._changed.wait_for(lambda: state.opened_before or self._failed is not None, timeout)
            if state.opened_before:
                return
            error = self._failed or _rpc.unreachable(
                self._connection.target, timeout, self._last_error
            )
        self.close(flush=False)
        raise error

    def _wait_room(self, timeout: Optional[float]) -> None:
        state = self._state
        got = self._room.wait_for(lambda: self._failed is not None or state.has_room(), timeout)
        if self._failed is not None:
            raise self._failed
        if not got:
            raise FutureTimeoutError(f"no room in the window within {timeout} s")

    # --- the stream's side ----------------------------------------------------------------------

    def _run(self) -> None:
        backoff = Backoff()
        down_since: Optional[float] = None
        while not self._closing.is_set():
            error = self._one_stream(backoff)
            if self._closing.is_set():
                break
            with self._lock:
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
                self._fail(error)
                break
            _log.info("publisher %s: %s; opening the stream again", self.producer_id, error)
            self._closing.wait(backoff.next_s())

    def _one_stream(self, backoff: Backoff) -> WarrenError:
        """Runs one stream until it ends; returns why it did."""
        with self._lock:
            self._attempt += 1
            attempt = self._attempt
        try:
            call = self._connection._methods["PublishStream"](
                self._frames(attempt), metadata=self._connection._metadata
            )
            with self._lock:
                self._call = call
            if self._closing.is_set():
                call.cancel()
            for response in call:
                self._received(response, backoff)
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

    def _frames(self, attempt: int) -> Iterator[bytes]:
        """What grpc sends; it asks for the next frame once the last one has left."""
        state = self._state
        yield state.open_frame()
        while True:
            with self._lock:
                while True:
                    if attempt != self._attempt:
                        return
                    frame = state.next_frame()
                    if frame is not None:
                        break
                    self._sender_waits = True
                    self._work.wait()
                    self._sender_waits = False
            yield frame

    def _received(self, response: Any, backoff: Backoff) -> None:
        kind = response.WhichOneof("frame")
        if kind == "confirms":
            with self._lock:
                done = self._state.confirmed(response.confirms)
                callbacks = self._resolve(done)
            _run_callbacks(callbacks)
        elif kind == "opened":
            backoff.reset()
            with self._lock:
                self._state.opened(response.opened)
                self._changed.notify_all()
                self._work.notify_all()
        elif kind in ("blocked", "unblocked"):
            with self._lock:
                self._state.blocked = response.blocked if kind == "blocked" else None
            self._tell_blocked(self.blocked)

    def _resolve(
        self, done: list[tuple[Confirm, PublishResult]]
    ) -> list[tuple[Callable[[Confirm], None], Confirm]]:
        """Settles confirms under the lock; returns the callbacks to run outside of it."""
        callbacks: list[tuple[Callable[[Confirm], None], Confirm]] = []
        for confirm, result in done:
            confirm._result = result
            if result.error is not None and self._first_rejection is None:
                self._first_rejection = result.error
            if confirm._callbacks is not None:
                callbacks.extend((callback, confirm) for callback in confirm._callbacks)
                confirm._callbacks = None
        self._room.notify_all()
        self._changed.notify_all()
        return callbacks

    def _fail(self, error: WarrenError) -> None:
        with self._lock:
            if self._failed is None:
                self._failed = error
            callbacks = self._resolve(self._state.fail(error))
        _run_callbacks(callbacks)

    def _tell_blocked(self, blocked: Optional[Blocked]) -> None:
        if self._on_blocked is not None:
            try:
                self._on_blocked(blocked)
            except Exception:
                _log.exception("on_blocked raised")


def _run_callbacks(callbacks: list[tuple[Callable[[Confirm], None], Confirm]]) -> None:
    for callback, confirm in callbacks:
        try:
            callback(confirm)
        except Exception:
            _log.exception("a confirm's callback raised")
