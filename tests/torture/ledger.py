"""The entries of the accounts: messages, their copies in queues, settlements, transactions."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class Kind(enum.Enum):
    """What is wrong, and how a report calls it."""

    LOST = "lost"
    RETURNED = "came back"  # although its settlement was answered
    UNFLAGGED = "doubled"  # without the flag, and no crash excuses it
    REORDERED = "reordered"
    UNEXPECTED = "unexpected"  # never published, refused, or not for that queue
    UNREJECTED = "dead without cause"
    EARLY = "early"  # before it was due
    TORN = "torn transaction"
    DEDUPLICATION = "wrong deduplication"
    UNANSWERED = "unanswered"
    REFUSED = "refused"  # though nothing is full
    TROUBLE = "trouble"  # the broker died, hangs, tells nothing


@dataclass(frozen=True)
class Terms:
    """What a queue is declared to do with its messages.

    Attributes:
        dead_letters: the queue that gets what dies here.
        dies_unrejected: by length or by too many deliveries, with no consumer rejecting it.
        drops: what is too much is gone for good.
        refuses: what is too much is refused.
        auto_ack: its consumers settle as they are sent to.
        ordered: what is new comes in the order of its producer and priority.
    """

    dead_letters: str = ""
    dies_unrejected: bool = False
    drops: bool = False
    refuses: bool = False
    auto_ack: bool = False
    ordered: bool = True


@dataclass
class Message:
    """A message as its publisher knows it."""

    id: str
    producer: str  # "" for one of a transaction
    number: int
    persistent: bool
    targets: tuple[str, ...]
    priority: int = 0
    due: float = 0.0  # by time.time()
    confirmed: bool = False
    refused: bool = False
    accepted: int = 0  # answers that said so
    duplicates: int = 0  # answers that said so
    unanswered: int = 1  # attempts to publish it
    twice: bool = False  # its program published it twice, on purpose
    crashes_pending: int = 0  # crashes that it met sent and unconfirmed
    restarts: int = 0  # of the broker, when it was sent
    breaks: int = 0  # of connections, when it was sent


@dataclass
class Settlement:
    """What a consumer did with a delivery."""

    outcome: str  # "ack", "reject", "requeue" or "retry"
    answered: bool = False


@dataclass
class Copy:
    """A message in one queue, as its consumers know it."""

    deliveries: int = 0
    unflagged_repeats: int = 0
    rejected: int = 0
    crashes_pending: int = 0  # as a dead letter that may not have been durable
    stream: object = None  # of the last delivery
    settlements: list[Settlement] = field(default_factory=list)  # those that were sent
    history: list[str] = field(default_factory=list)

    @property
    def acknowledged(self) -> bool:
        """Whether a consumer was done with it."""
        return any(settlement.outcome == "ack" for settlement in self.settlements)

    def answered(self, *outcomes: str) -> bool:
        """Whether the broker answered such a settlement."""
        return any(s.answered and s.outcome in outcomes for s in self.settlements)

    @property
    def story(self) -> str:
        """The last of what happened to it, for people."""
        return ", ".join(self.history[-8:]) or "never delivered"


@dataclass
class Transaction:
    """A commit: messages published, and the delivery of `source` messages acknowledged."""

    sources: tuple[str, ...]
    messages: tuple[str, ...]
    outcome: str = "under way"  # then "committed", "refused" or "unknown"
