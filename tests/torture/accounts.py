"""Who sent, got and settled what, and whether the broker kept its promises.

Everything that producers and consumers see is entered here as they see it. Promises that can be
judged at once are; whether something was lost shows in `balance`, once all queues are empty.

The promises:
1. Nothing confirmed and persistent is lost: each queue that it was for delivered it, and it was
   acknowledged there, or rejected there and then acknowledged where dead letters go.
2. What was settled for good, and the settlement answered, never comes back.
3. A message comes a second time from a queue only if it is flagged `redelivered`. One exception, by
   design: messages are delivered before they are durable. If a crash takes one, its publisher, who
   had no confirm, sends it again, and it comes as a new one. The same holds for a dead letter whose
   rejection was not answered. So each crash excuses one such repeat of what was pending then.
4. What isn't flagged comes, within one stream, in the order in which its producer sent it.
5. Nothing comes that was not sent, nor what the broker said that it refused.
6. A transaction is in all of its queues or in none, and settles its deliveries just then.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Optional

SHOWN = 20  # violations in a report


@dataclass
class Message:
    """A message as its publisher knows it."""

    id: str
    producer: str
    number: int
    persistent: bool
    targets: tuple[str, ...]
    confirmed: bool = False
    refused: bool = False
    crashes_pending: int = 0  # crashes that it met sent and unconfirmed
    restarts: int = 0  # of the broker, since it was sent


@dataclass
class Settlement:
    """What a consumer did with a delivery."""

    outcome: str  # "ack", "reject" or "requeue"
    answered: bool = False


@dataclass
class Copy:
    """A message in one queue, as its consumers know it."""

    deliveries: int = 0
    unflagged_repeats: int = 0
    crashes_pending: int = 0  # as a dead letter whose rejection was unanswered
    settlement: Optional[Settlement] = None
    history: list[str] = field(default_factory=list)


@dataclass
class Transaction:
    """A commit: messages published, and the delivery of `source` messages acknowledged."""

    sources: tuple[str, ...]
    messages: tuple[str, ...]
    outcome: str = "under way"  # then "committed", "refused" or "unknown"


class Accounts:
    """Thread-safe. `dead_letters` maps a queue to where its rejected messages go."""

    def __init__(self, dead_letters: Optional[dict[str, str]] = None) -> None:
        self.violations: list[str] = []
        self.confirmed = 0
        self.delivered = 0
        self.redelivered = 0
        self._dead_letters = dict(dead_letters or {})
        self._lock = threading.Lock()
        self._messages: dict[str, Message] = {}
        self._copies: dict[tuple[str, str], Copy] = {}
        self._transactions: list[Transaction] = []
        self._crashes = 0

    # --- producers ------------------------------------------------------------------------------

    def sending(self, message: Message) -> None:
        """Just before it is published."""
        with self._lock:
            self._messages[message.id] = message

    def answered(self, id: str, error: Optional[BaseException]) -> None:
        """It was confirmed, or refused with `error`."""
        with self._lock:
            message = self._messages[id]
            if message.confirmed or message.refused:
                self._violated(f"{id} was answered twice")
            if error is None:
                message.confirmed = True
                self.confirmed += 1
            else:
                message.refused = True
                self._violated(f"{id} was refused: {error}")

    # --- transactions ---------------------------------------------------------------------------

    def beginning(self, sources: Iterable[str], messages: Sequence[Message]) -> Transaction:
        """Just before the commit is sent."""
        transaction = Transaction(tuple(sources), tuple(message.id for message in messages))
        with self._lock:
            self._transactions.append(transaction)
            for message in messages:
                self._messages[message.id] = message
        return transaction

    def ended(self, transaction: Transaction, outcome: str, queue: str) -> None:
        """The commit, which acknowledged deliveries of `queue`, has ended."""
        with self._lock:
            transaction.outcome = outcome
            for id in transaction.messages:
                self._messages[id].confirmed = outcome == "committed"
                self._messages[id].refused = outcome == "refused"
            if outcome == "committed":
                for id in transaction.sources:
                    copy = self._copy(queue, id)
                    copy.settlement = Settlement("ack", answered=True)
                    copy.history.append("acknowledged by a transaction")

    # --- consumers ------------------------------------------------------------------------------

    def received(self, queue: str, id: str, redelivered: bool, last: dict[str, int]) -> int:
        """A delivery; `last` belongs to its stream. Returns how many of it there were before."""
        with self._lock:
            self.delivered += 1
            self.redelivered += redelivered
            message = self._messages.get(id)
            if message is None:
                self._violated(f"{queue} delivered {id}, which nobody sent")
                return 0
            copy = self._copy(queue, id)
            copy.history.append("redelivered" if redelivered else "delivered")
            self._judge(queue, message, copy, redelivered, last)
            copy.deliveries += 1
            return copy.deliveries - 1

    def settling(self, queue: str, id: str, outcome: str) -> Settlement:
        """Just before a settlement is sent."""
        with self._lock:
            copy = self._copy(queue, id)
            copy.settlement = Settlement(outcome)
            copy.history.append(outcome)
            return copy.settlement

    def not_settled(self, queue: str, id: str, settlement: Settlement) -> None:
        """It wasn't sent after all: the stream was gone."""
        with self._lock:
            copy = self._copy(queue, id)
            copy.history.append("(stale)")
            if copy.settlement is settlement:
                copy.settlement = None

    def settled(self, settlements: Iterable[Settlement]) -> None:
        """The broker answered them: they are durable."""
        with self._lock:
            for settlement in settlements:
                settlement.answered = True

    def violated(self, what: str) -> None:
        """A promise broken that the caller could judge by itself."""
        with self._lock:
            self._violated(what)

    # --- the broker -----------------------------------------------------------------------------

    def crashed(self) -> None:
        """The broker was killed, and is not back yet."""
        with self._lock:
            self._crashes += 1
            for message in self._messages.values():
                message.restarts += 1
                # Messages of a transaction aren't delivered before they are durable.
                message.crashes_pending += bool(message.producer) and not message.confirmed
            for (queue, id), copy in list(self._copies.items()):
                settlement = copy.settlement
                dead = self._dead_letters.get(queue)
                if dead and settlement and settlement.outcome == "reject":
                    self._copy(dead, id).crashes_pending += not settlement.answered

    def stopped(self) -> None:
        """The broker stopped as it was asked to, and is not back yet."""
        with self._lock:
            for message in self._messages.values():
                message.restarts += 1

    # --- the end --------------------------------------------------------------------------------

    def owed(self) -> list[str]:
        """What is confirmed and persistent but not settled for good yet, wherever it was for."""
        with self._lock:
            return list(self._owed())

    def balance(self) -> list[str]:
        """All violations. REQUIRES that nothing is under way and all queues are empty."""
        with self._lock:
            for message in self._messages.values():
                if not message.confirmed and not message.refused and message.producer:
                    self._violated(f"{message.id} was never answered")
            for what in self._owed():
                self._violated(f"lost: {what}")
            self._judge_transactions()
            return list(self.violations)

    def summary(self) -> str:
        """One line of figures."""
        with self._lock:
            return (
                f"{len(self._messages)} messages sent, {self.confirmed} confirms,"
                f" {self.delivered} deliveries ({self.redelivered} flagged),"
                f" {len(self._transactions)} transactions, {self._crashes} crashes,"
                f" {len(self.violations)} violations"
            )

    # --- inside, under the lock -----------------------------------------------------------------

    def _violated(self, what: str) -> None:
        self.violations.append(what)

    def _copy(self, queue: str, id: str) -> Copy:
        return self._copies.setdefault((queue, id), Copy())

    def _judge(
        self, queue: str, message: Message, copy: Copy, redelivered: bool, last: dict[str, int]
    ) -> None:
        what = f"{queue} delivered {message.id} ({', '.join(copy.history[-8:])})"
        settlement = copy.settlement
        if message.refused:
            self._violated(f"{what} although it was refused")
        if settlement and settlement.answered and settlement.outcome != "requeue":
            self._violated(f"{what} after its {settlement.outcome} was answered")
        if redelivered:
            return
        if copy.deliveries:
            copy.unflagged_repeats += 1
            if copy.unflagged_repeats > message.crashes_pending + copy.crashes_pending:
                self._violated(f"{what} again without the flag")
        if queue not in message.targets:
            return  # dead letters come in the order of their rejection
        if message.number <= last.get(message.producer, 0):
            self._violated(f"{what} after number {last[message.producer]} of its producer")
        last[message.producer] = message.number

    def _owed(self) -> Iterable[str]:
        for message in self._messages.values():
            survives = message.persistent or message.restarts == 0
            if not message.confirmed or not survives:
                continue
            for queue in message.targets:
                copy = self._copies.get((queue, message.id), Copy())
                settlement = copy.settlement
                if settlement is not None and settlement.outcome == "reject":
                    copy = self._copies.get((self._dead_letters[queue], message.id), Copy())
                    settlement = copy.settlement
                if settlement is None or settlement.outcome != "ack":
                    history = ", ".join(copy.history[-8:]) or "never delivered"
                    yield f"{message.id} in {queue} ({history})"

    def _judge_transactions(self) -> None:
        by_source: dict[str, int] = {}
        for transaction in self._transactions:
            copies = [
                (queue, id)
                for id in transaction.messages
                for queue in self._messages[id].targets
            ]
            there = [key for key in copies if key in self._copies]
            what = f"the transaction of {', '.join(transaction.messages)}"
            if len(there) not in (0, len(copies)):
                self._violated(f"{what}: only {there} of {copies} arrived")
            if transaction.outcome == "committed" and not there:
                self._violated(f"{what} was committed and is nowhere")
            for id in transaction.sources if there else ():
                by_source[id] = by_source.get(id, 0) + 1
        for id, count in by_source.items():
            if count > 1:
                self._violated(f"{id} was consumed by {count} transactions that took effect")


def report(violations: Sequence[str]) -> str:
    """For a failing test."""
    more = len(violations) - SHOWN
    lines = [*violations[:SHOWN], *([f"... and {more} more"] if more > 0 else [])]
    return "\n".join(lines)
