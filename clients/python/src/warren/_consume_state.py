"""One consumer over any number of Consume streams, one after the other, without I/O.

A consumer of one queue has the stream's only subscription. One of several queues has a numbered
subscription for each, on one stream; numbers rise and are never used again.

Both consumers, threads or asyncio, drive this state and put their own locking around it.

Invariants:
1. At most one stream is alive. A delivery can be settled on the stream that it came on, and on no
   other: when the stream is lost, the broker requeues what was unsettled.
2. No two streams of a consumer have the same name at the broker (the second is "NAME#2", ...), nor
   two subscriptions ("NAME/1", "NAME/2", ...), so a late settlement in a transaction meets "no such
   consumer", never another message.
3. Deliveries that the application has not seen yet are dropped with their stream, except under
   auto_ack, where the broker has settled them already.
"""

from __future__ import annotations

import logging
import uuid
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Callable, Optional, Union

from warren import _topology
from warren._delivery import Delivery, Settler, Stream
from warren._proto import broker_pb2
from warren._settle import Settle, SettleBuffer
from warren.errors import ConsumerCancelled, Unavailable, WarrenError, from_entry

_log = logging.getLogger("warren")

#: What the broker takes when told 0.
DEFAULT_PREFETCH = 1_000

SettleErrorCallback = Callable[[int, WarrenError], None]
#: Called with the queue of a subscription among several that ended, and why.
QueueEndCallback = Callable[[str, WarrenError], None]


class Subscription:
    """One of several on a stream."""

    def __init__(self, number: int, request: broker_pb2.Subscribe) -> None:
        self.number = number
        self.request = request
        self.stream: Optional[Stream] = None  # once the present stream has it
        self.answered = False  # ever
        self.removed = False
        self.drained = False


class ConsumeState:
    """See the module. Not thread-safe."""

    def __init__(
        self,
        settler: Settler,
        virtual_host: str,
        queue: Union[str, Sequence[str]],
        *,
        name: str,
        prefetch: int,
        prefetch_bytes: int,
        auto_ack: bool,
        exclusive: bool,
        declare: Optional[_topology.QueueOptions],
        bindings: Sequence[_topology.Binding],
        on_settle_error: Optional[SettleErrorCallback],
        on_queue_end: Optional[QueueEndCallback] = None,
    ) -> None:
        self.auto_ack = auto_ack
        self.shared = not isinstance(queue, str)
        self.queue = queue if isinstance(queue, str) else ""
        self.stream: Optional[Stream] = None
        self.ready: deque[Delivery] = deque()
        self.buffer = SettleBuffer()
        self.opened_before = False
        self.is_open = False
        self.message_count = 0
        #: Set when no delivery will come any more, by `drain`.
        self.drained = False
        #: Set when the broker ended the consumer for good.
        self.cancelled: Optional[WarrenError] = None
        #: By number, of a consumer of several queues; those that have ended are taken out.
        self.subscriptions: dict[int, Subscription] = {}
        self._last_number = 0
        self._begun = False  # the present stream's first frame has been made
        self._on_queue_end = on_queue_end
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
            queue=self.queue,
            prefetch_messages=prefetch,
            prefetch_bytes=prefetch_bytes,
            auto_ack=auto_ack,
            exclusive=exclusive,
            bindings=_topology.subscribe_bindings(bindings),
        )
        if declare is not None:
            self._subscribe.declare.CopyFrom(_topology.queue_options(declare))
        if not isinstance(queue, str):
            self._add_all(queue)

    def _add_all(self, queues: Iterable[str]) -> None:
        for queue in queues:
            self.add(queue)
        if not self.subscriptions:
            raise ValueError("a consumer needs one queue at least")

    @property
    def queues(self) -> list[str]:
        """The queues that are consumed, in the order in which they were added."""
        if not self.shared:
            return [self.queue]
        return [s.request.queue for s in self.subscriptions.values() if not s.removed]

    @property
    def over_for_good(self) -> bool:
        """Whether the stream is to be ended, since nothing can come of it."""
        return self.shared and self.cancelled is not None

    @property
    def name(self) -> str:
        """The consumer's name at the broker, on the present stream."""
        return self._subscribe.consumer

    @property
    def buffer_limit(self) -> int:
        """How many unseen deliveries to hold before reading no more; bounds auto_ack."""
        each = self._subscribe.prefetch_messages or DEFAULT_PREFETCH
        return each * max(1, len(self.subscriptions))

    # --- to the broker --------------------------------------------------------------------------

    def subscribe_frame(self) -> bytes:
        """Begins a new stream; returns its first frame."""
        self._generation += 1
        suffix = "" if self._generation == 1 else f"#{self._generation}"
        self._subscribe.consumer = self._name + suffix
        self.stream = Stream(self._subscribe.consumer, self.queue)
        self.buffer = SettleBuffer()
        self._begun = True
        if self.shared:
            first, *rest = [self._numbered(s) for s in self.subscriptions.values()]
            for frame in rest:
                self.buffer.control(frame)
            return first.SerializeToString()
        return broker_pb2.ConsumeRequest(subscribe=self._subscribe).SerializeToString()

    def _numbered(self, subscription: Subscription) -> broker_pb2.ConsumeRequest:
        subscription.request.consumer = f"{self._subscribe.consumer}/{subscription.number}"
        return broker_pb2.ConsumeRequest(subscribe=subscription.request)

    def add(self, queue: str) -> Subscription:
        """One more queue; it is subscribed to on this stream and those after it."""
        if not self.shared:
            raise ValueError("only a consumer that was given a list of queues takes more of them")
        self._last_number += 1
        request = broker_pb2.Subscribe()
        request.CopyFrom(self._subscribe)
        request.queue = queue
        request.subscription = self._last_number
        added = Subscription(self._last_number, request)
        self.subscriptions[added.number] = added
        if self._begun:
            self.buffer.control(self._numbered(added))
        return added

    def remove(self, queue: str) -> list[Subscription]:
        """Ends the subscriptions to a queue; what they have unsettled is requeued."""
        ending = [
            s for s in self.subscriptions.values() if s.request.queue == queue and not s.removed
        ]
        for subscription in ending:
            subscription.removed = True
            if not self._begun:
                del self.subscriptions[subscription.number]
                continue
            frame = broker_pb2.Unsubscribe(subscription=subscription.number)
            # After the settlements that were made before.
            self.buffer.last(broker_pb2.ConsumeRequest(unsubscribe=frame))
        return ending

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
        self.buffer.add(delivery.delivery_tag, outcome, delay_ms, stream.subscription)
        return True

    def set_prefetch(self, messages: int, bytes: int) -> None:
        """Changes the limits, on this stream and those after it."""
        self._subscribe.prefetch_messages = messages
        self._subscribe.prefetch_bytes = bytes
        for subscription in self.subscriptions.values():
            subscription.request.prefetch_messages = messages
            subscription.request.prefetch_bytes = bytes
            if self.is_open:
                frame = broker_pb2.SetPrefetch(
                    prefetch_messages=messages,
                    prefetch_bytes=bytes,
                    subscription=subscription.number,
                )
                self.buffer.control(broker_pb2.ConsumeRequest(set_prefetch=frame))
        if self.is_open and not self.shared:
            frame = broker_pb2.SetPrefetch(prefetch_messages=messages, prefetch_bytes=bytes)
            self.buffer.control(broker_pb2.ConsumeRequest(set_prefetch=frame))

    def drain(self) -> None:
        """Asks for no new deliveries."""
        if not self._draining:
            self._draining = True
            if self.is_open and self.shared:
                for number in self.subscriptions:
                    drain = broker_pb2.Drain(subscription=number)
                    self.buffer.control(broker_pb2.ConsumeRequest(drain=drain))
                self.drained = not self.subscriptions
            elif self.is_open:
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
        if self.shared and kind != "settle_results":
            self._received_shared(kind, response)
        elif kind == "deliveries":
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
            if self.stream is not None:
                self.stream.queue = self.queue
        elif kind == "drained":
            # A stopping broker drains all consumers; those that didn't ask for it come back.
            self.drained = self._draining
        elif kind == "cancelled":
            cancelled = response.cancelled
            error = _cancelled(cancelled)
            if cancelled.reason != broker_pb2.CANCEL_REASON_SHUTTING_DOWN:
                self.cancelled = error

    def _received_shared(self, kind: Optional[str], response: broker_pb2.ConsumeResponse) -> None:
        self.is_open = True
        if kind == "deliveries":
            settler, auto_ack, subscriptions = self._settler, self.auto_ack, self.subscriptions
            for pb in response.deliveries.deliveries:
                subscription = subscriptions.get(pb.subscription)
                if subscription is not None:
                    self.ready.append(Delivery(pb, settler, subscription.stream, auto_ack))
        elif kind == "subscribed":
            subscribed = response.subscribed
            added = self.subscriptions[subscribed.subscription]
            added.request.queue = subscribed.queue
            added.stream = Stream(subscribed.consumer, subscribed.queue, added.number)
            if not added.answered:
                self.message_count += subscribed.message_count
            added.answered = True
            if all(s.answered for s in self.subscriptions.values()):
                self.opened_before = True
        elif kind == "drained":
            drained = self.subscriptions.get(response.drained.subscription)
            if drained is not None and self._draining:
                drained.drained = True
        elif kind == "cancelled":
            cancelled = response.cancelled
            # A stopping broker ends the stream as well; then all of them come back.
            if cancelled.reason != broker_pb2.CANCEL_REASON_SHUTTING_DOWN:
                self._ended(cancelled.subscription, _cancelled(cancelled))
        elif kind == "subscription_ended":
            ended = response.subscription_ended
            if not ended.HasField("error"):
                self._ended(ended.subscription, None)
            elif ended.error.reason != "SHUTTING_DOWN":
                self._ended(ended.subscription, from_entry(ended.error))
        if self._draining:
            self.drained = all(s.drained for s in self.subscriptions.values())

    def _ended(self, number: int, why: Optional[WarrenError]) -> None:
        ended = self.subscriptions.pop(number, None)
        if ended is None:
            return
        if ended.stream is not None:
            ended.stream.alive = False
        if why is None or ended.removed:
            return
        if not self.opened_before and not ended.answered:
            self.cancelled = self.cancelled or why  # one that was asked for from the start
        elif self._on_queue_end is not None:
            self._on_queue_end(ended.request.queue, why)
        else:
            _log.warning("queue %s is not consumed any more: %s", ended.request.queue, why)
        if not self.subscriptions:
            self.cancelled = self.cancelled or why

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
        self._begun = False
        self._lost |= self._unanswered
        self._unanswered = False
        if self.stream is not None:
            self.stream.alive = False
        for subscription in list(self.subscriptions.values()):
            if subscription.stream is not None:
                subscription.stream.alive = False
            if subscription.removed:
                del self.subscriptions[subscription.number]
        if self.shared and not self.subscriptions:
            self.drained = True
        if not self.auto_ack:
            self.ready.clear()
        if self._draining:
            self.drained = True
        barriers, self._barriers = self._barriers, {}
        for waiting in barriers.values():
            for done in waiting:
                done(_lost())


def _cancelled(cancelled: broker_pb2.Cancelled) -> ConsumerCancelled:
    reason = broker_pb2.CancelReason.Name(cancelled.reason).replace("CANCEL_REASON_", "")
    return ConsumerCancelled(cancelled.message, reason=reason)


def _lost() -> WarrenError:
    return Unavailable(
        "the stream was lost before the settlements were durable; what was not is delivered again",
        reason="STREAM_LOST",
    )
