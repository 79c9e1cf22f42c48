"""The window of unconfirmed messages of one producer: what a publish stream does, without I/O.

Both publishers, threads or asyncio, drive this state and put their own locking around it; so the
rules below are tested without a broker.

Invariants:
1. A message keeps its sequence for ever; sequences grow in the order of publishing.
2. `unconfirmed` holds every message from `add` until its confirm, in sequence order, so after a
   lost stream all of it can be sent again under the same sequences. The broker answers those that
   it has with DUPLICATE, hence nothing is lost and nothing is doubled.
3. On one stream, frames are sent in sequence order, and a frame's sequences have no gap.
   A frame of messages that an earlier stream was given says `resent`; none has both kinds.
4. Nothing but `open` is sent before the broker has answered it.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, Optional, TypeVar

from warren._frames import publication_piece, publish_frame
from warren._proto import broker_pb2
from warren._publication import PublishResult, decode_result
from warren.errors import ResourceExhausted, WarrenError

#: The waiting end of a message: a Confirm, or an asyncio future.
Handle = TypeVar("Handle")

MAX_FRAME_MESSAGES = 1_000
MAX_FRAME_BYTES = 1 << 20


class PublishState(Generic[Handle]):
    """See the module. Not thread-safe."""

    def __init__(
        self,
        producer_id: str,
        virtual_host: str,
        max_messages: int,
        max_bytes: int,
        raise_unroutable: bool,
    ) -> None:
        if max_messages < 1 or max_bytes < 1:
            raise ValueError("a publisher's window must have room for one message at least")
        self.producer_id = producer_id
        self.unconfirmed: dict[int, tuple[bytes, Handle]] = {}
        self.unconfirmed_bytes = 0
        self.last_sequence = 0
        self.max_message_bytes = 0
        self.is_open = False
        self.opened_before = False
        self.blocked: Optional[broker_pb2.PublishBlocked] = None
        self._virtual_host = virtual_host
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._raise_unroutable = raise_unroutable
        self._unsent: deque[tuple[int, bytes]] = deque()
        self._given = 0  # sequences up to this one were given to a stream

    # --- from the application -------------------------------------------------------------------

    def has_room(self) -> bool:
        """Whether one more message may be added; one message always fits an empty window."""
        return (
            len(self.unconfirmed) < self._max_messages
            and self.unconfirmed_bytes < self._max_bytes
        )  # fmt: skip

    def check_size(self, body_bytes: int) -> None:
        """Raises ResourceExhausted for a body that the broker would break the stream over."""
        if 0 < self.max_message_bytes < body_bytes:
            raise ResourceExhausted(
                f"body of {body_bytes} bytes: the broker takes {self.max_message_bytes} at most; "
                "split it, or raise the broker's limit",
                reason="MESSAGE_TOO_LARGE",
                metadata={"limit": str(self.max_message_bytes)},
            )

    def add(self, serialised: bytes, handle: Handle, sequence: Optional[int] = None) -> int:
        """Takes a message into the window and gives it its sequence."""
        if sequence is None:
            sequence = self.last_sequence + 1
        elif sequence <= self.last_sequence:
            raise ValueError(
                f"sequence {sequence} must be greater than the last one, {self.last_sequence}"
            )
        piece = publication_piece(serialised)
        self.last_sequence = sequence
        self.unconfirmed[sequence] = (piece, handle)
        self.unconfirmed_bytes += len(piece)
        self._unsent.append((sequence, piece))
        return sequence

    # --- to the broker --------------------------------------------------------------------------

    def open_frame(self) -> bytes:
        """The first frame of every stream."""
        return broker_pb2.PublishStreamRequest(
            open=broker_pb2.PublishOpen(
                virtual_host=self._virtual_host, producer_id=self.producer_id
            )
        ).SerializeToString()

    def next_frame(self) -> Optional[bytes]:
        """All that piled up, as one frame within limits; None if there is nothing to send."""
        unsent = self._unsent
        if not unsent or not self.is_open:
            return None
        first = unsent[0][0]
        resent = first <= self._given
        pieces: list[bytes] = []
        size = 0
        while unsent and len(pieces) < MAX_FRAME_MESSAGES:
            sequence, piece = unsent[0]
            size += len(piece)
            if pieces and (sequence != first + len(pieces) or size > MAX_FRAME_BYTES):
                break
            if resent and sequence > self._given:
                break
            pieces.append(piece)
            unsent.popleft()
        self._given = max(self._given, first + len(pieces) - 1)
        return publish_frame(first, pieces, resent)

    # --- from the broker ------------------------------------------------------------------------

    def opened(self, answer: broker_pb2.PublishOpened) -> None:
        """The stream is open: everything unconfirmed is due to be sent, again or for once."""
        self.is_open = True
        self.opened_before = True
        self.max_message_bytes = answer.max_message_bytes
        # A producer_id of an earlier process goes on after that one's last sequence.
        if not self.unconfirmed:
            self.last_sequence = max(self.last_sequence, answer.last_sequence)

    def confirmed(self, confirms: broker_pb2.PublishConfirms) -> list[tuple[Handle, PublishResult]]:
        """Takes confirmed messages out of the window; sequences not in it are ignored."""
        done: list[tuple[Handle, PublishResult]] = []
        window = self.unconfirmed
        for confirm in confirms.confirms:
            first, last = confirm.first_sequence, confirm.last_sequence
            # A range far wider than the window costs the window, not the range.
            sequences = (
                range(first, last + 1)
                if last - first < 2 * len(window) + 2
                else [sequence for sequence in window if first <= sequence <= last]
            )
            what = f"message with sequence {first}"
            result = decode_result(confirm.outcome, confirm.error, what, self._raise_unroutable)
            for sequence in sequences:
                entry = window.pop(sequence, None)
                if entry is not None:
                    self.unconfirmed_bytes -= len(entry[0])
                    done.append((entry[1], result))
        return done

    # --- from the transport ---------------------------------------------------------------------

    def disconnected(self) -> None:
        """The stream is gone; all that is unconfirmed will be sent again on the next one."""
        self.is_open = False
        self.blocked = None
        self._unsent = deque(
            (sequence, piece) for sequence, (piece, _) in self.unconfirmed.items()
        )  # fmt: skip

    def fail(self, error: WarrenError) -> list[tuple[Handle, PublishResult]]:
        """Gives up on everything unconfirmed."""
        self.is_open = False
        done = [
            (handle, PublishResult(None, error)) for _, handle in self.unconfirmed.values()
        ]  # fmt: skip
        self.unconfirmed.clear()
        self._unsent.clear()
        self.unconfirmed_bytes = 0
        return done
