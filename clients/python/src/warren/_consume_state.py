"""One consumer over any number of Consume streams, one after the other, without I/O.

Both consumers, threads or asyncio, drive this state and put their own locking around it.

Invariants:
1. At most one stream is alive. A delivery can be settled on the stream that it came on, and on no
   other: when the stream is lost, the broker requeues what was unsettled.
2. No two streams of a consumer have the same name at the broker (the second is "NAME#2", ...), so
   a late settlement in a transaction meets "no such consumer", never another message.
3. Deliveries that the application has not seen yet are dropped with their stream, except under
   auto_ack, where the broker has settled them already.
"""

from __future__ import annotations

import logging
import uuid
from collections import deque
from collections.abc import Sequence
from typing import Callable, Optional

from warren import _topology
from warren._delivery import Delivery, Settler, Stream
from warren._proto import broker_pb2
from warren._settle import Settle, SettleBuffer
from warren.errors import ConsumerCancelled, Unavailable, WarrenError, from_entry

_log = logging.getLogger("warren")

#: What the broker takes when told 0.
DEFAULT_PREFETCH = 1_000

SettleErrorCallback = Callable[[int, WarrenError], None]


class ConsumeState:
    """See the module. Not thread-safe."""

    def __init__(
        self,
        settler: Settler,
        virtual_host: str,
        queue: str,
        *,
        name: str,
        prefetch: int,
        prefetch_bytes: int,
        auto_ack: bool,
        exclusive: bool,
        declare: Optional[_topology.QueueOptions],
        bindings: Sequence[_topology.Binding],
        on_settle_error: Optional[SettleErrorCallback],
    ) -> None:
        self.auto_ack = auto_ack
        self.queue = queue
        self.stream: Optional[Stream] = None
        self.ready: deque[Delivery] = deque()
        self.buffer = SettleBuffer()
        self.opened_before = False
        self.is_open = False
        self.message_count = 0
        #: Set when no delivery will come any more, by `drain`.
        self.drained = False
        #: Set when the broker ended the consumer for good.
        self.cancelled: Optional[ConsumerCancelled] = None
        self._settler = settler
        self._name = name or f"py-{uuid.uuid4().hex[:16]}"
        self._generation = 0
        self._draining = False
        #: Settlements since the last barrier, and whether a lost stream took such with it.
        self._unanswered = False
        self._lost = False
        self._on_settle_error = on_settle_error
        #: Barriers that wait: settle_id -> called with the failures, or the error of the stream.
        self._barriers: dict[int, list[Callable[[Optional[WarrenError]], None]]] = {}
        self._subscribe = broker_pb2.Subscribe(
            virtual_host=virtual_host,
            queue=queue,
            prefetch_messages=prefetch,
            prefetch_bytes=prefetch_bytes,
            auto_ack=auto_ack,
            exclusive=exclusive,
            bindings=_topology.subscribe_bindings(bindings),
        )
        if declare is not None:
            self._subscribe.declare.CopyFrom(_topology.queue_options(declare))

    @property
    def name(self) -> str:
        """The consumer's name at the broker, on the present stream."""
        return self._subscribe.consumer

    @property
    def buffer_limit(self) -> int:
        """How many unseen deliveries to hold before reading no more; bounds auto_ack."""
        return self._subscribe.prefetch_messages or DEFAULT_PREFETCH

    # --- to the broker --------------------------------------------------------------------------

    def subscribe_frame(self) -> bytes:
        """Begins a new stream; returns its first frame."""
        self._generation += 1
        suffix = "" if self._generation == 1 else f"#{self._generation}"
        self._subscribe.consumer = self._name + suffix
        self.stream = Stream(self._subscribe.consumer)
        self.buffer = SettleBuffer()
        return broker_pb2.ConsumeRequest(subscribe=self._subscribe).SerializeToString()

    def next_frame(self) -> Optional[bytes]:
        """The next settlements or control frame; None if there is nothing to send."""
        return self.buffer.next_frame() if self.is_open else None

    def settle(self, delivery: Delivery, outcome: Settle, delay_ms: Optional[int]) -> bool:
        """Takes a settlement; False if the delivery is stale or settled."""
        stream = delivery._stream
        if delivery._settled or stream is None or not stream.alive:
            return False
        delivery._settled = True
        self._unanswered = True
        self.buffer.add(delivery.delivery_tag, outcome, delay_ms)
        return True

    def set_prefetch(self, messages: int, bytes: int) -> None:
        """Changes the limits, on this stream and those after it."""
        self._subscribe.prefetch_messages = messages
        self._subscribe.prefetch_bytes = bytes
        if self.is_open:
            frame = broker_pb2.SetPrefetch(prefetch_messages=messages, prefetch_bytes=bytes)
            self.buffer.control(broker_pb2.ConsumeRequest(set_prefetch=frame))

    def drain(self) -> None:
        """Asks for no new deliveries."""
        if not self._draining:
            self._draining = True
            if self.is_open:
                drain = broker_pb2.Drain()
                self.buffer.control(broker_pb2.ConsumeRequest(drain=drain))
            elif self.opened_before:
                self.drained = True

    def barrier(self, done: Callable[[Optional[WarrenError]], None]) -> None:
        """Has `done` called once all settlements so far are durable, or can't be any more."""
        if not self.is_open or self._lost:
            self._lost = False
            done(_lost())
        else:
            self._unanswered = False
            self._barriers.setdefault(self.buffer.barrier(), []).append(done)

    # --- from the broker ------------------------------------------------------------------------

    def received(self, response: broker_pb2.ConsumeResponse) -> None:
        """Takes a frame of the present stream."""
        kind = response.WhichOneof("frame")
        if kind == "deliveries":
            stream, settler, auto_ack = self.stream, self._settler, self.auto_ack
            self.ready.extend(
                [Delivery(pb, settler, stream, auto_ack) for pb in response.deliveries.deliveries]
            )
        elif kind == "settle_results":
            self._settle_results(response.settle_results)
        elif kind == "subscribed":
            self.is_open = True
            self.opened_before = True
            self.queue = response.subscribed.queue
            self.message_count = response.subscribed.message_count
        elif kind == "drained":
            # A stopping broker drains all consumers; those that didn't ask for it come back.
            self.drained = self._draining
        elif kind == "cancelled":
            cancelled = response.cancelled
            reason = broker_pb2.CancelReason.Name(cancelled.reason).replace("CANCEL_REASON_", "")
            error = ConsumerCancelled(cancelled.message, reason=reason)
            if cancelled.reason != broker_pb2.CANCEL_REASON_SHUTTING_DOWN:
                self.cancelled = error

    def _settle_results(self, results: broker_pb2.SettleResults) -> None:
        first: Optional[WarrenError] = None
        for failure in results.failures:
            error = from_entry(failure.error)
            first = first or error
            if self._on_settle_error is not None:
                self._on_settle_error(failure.delivery_tag, error)
            else:
                _log.warning("delivery %d was not settled: %s", failure.delivery_tag, error)
        for done in self._barriers.pop(results.settle_id, ()):
            done(first)

    # --- from the transport ---------------------------------------------------------------------

    def disconnected(self) -> None:
        """The stream is gone, and with it all that was not settled durably."""
        self.is_open = False
        self._lost |= self._unanswered
        self._unanswered = False
        if self.stream is not None:
            self.stream.alive = False
        if not self.auto_ack:
            self.ready.clear()
        if self._draining:
            self.drained = True
        barriers, self._barriers = self._barriers, {}
        for waiting in barriers.values():
            for done in waiting:
                done(_lost())


def _lost() -> WarrenError:
    return Unavailable(
        "the stream was lost before the settlements were durable; what was not is delivered again",
        reason="STREAM_LOST",
    )
