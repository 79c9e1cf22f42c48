"""Settlements on their way to the broker: what piles up while a write is in flight is one frame.

Pure, no I/O; shared by both consumers, which put their own locking around it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from enum import Enum
from typing import Optional

from warren._proto import broker_pb2
from warren._values import to_duration

MAX_FRAME_SETTLEMENTS = 10_000


class Settle(Enum):
    """What is to become of a delivery."""

    ACK = broker_pb2.SETTLE_OUTCOME_ACK
    REQUEUE = broker_pb2.SETTLE_OUTCOME_REQUEUE
    REJECT = broker_pb2.SETTLE_OUTCOME_REJECT
    RETRY = broker_pb2.SETTLE_OUTCOME_RETRY


#: Delivery tag, outcome, delay in milliseconds (RETRY only; None is the queue's policy).
Entry = tuple[int, Settle, Optional[int]]


def settlements(entries: Iterable[Entry]) -> list[broker_pb2.Settlement]:
    """Settlements in order, neighbours of one outcome joined."""
    out: list[broker_pb2.Settlement] = []
    tags: list[int] = []
    last: Optional[tuple[Settle, Optional[int]]] = None

    def finish() -> None:
        if last is None:
            return
        made = broker_pb2.Settlement(delivery_tags=tags, outcome=last[0].value)
        if last[1] is not None:
            made.retry_delay.CopyFrom(to_duration(last[1] / 1000))
        out.append(made)

    for tag, outcome, delay_ms in entries:
        if last is None or last[0] is not outcome or last[1] != delay_ms:
            finish()
            tags = []
            last = (outcome, delay_ms)
        tags.append(tag)
    finish()
    return out


class SettleBuffer:
    """Collects settlements and control frames of one Consume stream, in order. Not thread-safe."""

    def __init__(self) -> None:
        self._entries: list[tuple[int, Entry]] = []  # each with its subscription
        self._control: deque[broker_pb2.ConsumeRequest] = deque()
        self._last: list[broker_pb2.ConsumeRequest] = []
        self._last_id = 0
        self._barrier = 0

    def add(
        self, tag: int, outcome: Settle, delay_ms: Optional[int], subscription: int = 0
    ) -> None:
        """Adds a settlement."""
        self._entries.append((subscription, (tag, outcome, delay_ms)))

    def barrier(self) -> int:
        """Asks for an answer once all that was added so far is durable; returns its settle_id."""
        if not self._barrier:  # else the one that waits to be sent stands for these as well
            self._last_id += 1
            self._barrier = self._last_id
        return self._barrier

    def control(self, frame: broker_pb2.ConsumeRequest) -> None:
        """Adds a frame that is no settlement; it may overtake settlements."""
        self._control.append(frame)

    def last(self, frame: broker_pb2.ConsumeRequest) -> None:
        """Adds a frame that is no settlement; it leaves after all of them."""
        self._last.append(frame)

    def next_frame(self) -> Optional[bytes]:
        """The next serialised ConsumeRequest; None if there is nothing to send."""
        if self._control:
            return self._control.popleft().SerializeToString()
        if not self._entries and not self._barrier:
            return self._last.pop(0).SerializeToString() if self._last else None
        entries = self._entries[:MAX_FRAME_SETTLEMENTS]
        del self._entries[:MAX_FRAME_SETTLEMENTS]
        # Those of one subscription keep their order, and that is all that order means.
        by_subscription: dict[int, list[Entry]] = {}
        for subscription, entry in entries:
            by_subscription.setdefault(subscription, []).append(entry)
        settle = broker_pb2.Settle()
        for subscription, own in by_subscription.items():
            for settlement in settlements(own):
                settlement.subscription = subscription
                settle.settlements.append(settlement)
        if not self._entries:  # the frame that completes what the barrier stands for
            settle.settle_id, self._barrier = self._barrier, 0
        return broker_pb2.ConsumeRequest(settle=settle).SerializeToString()
