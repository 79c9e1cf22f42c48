"""Who sent, got and settled what, and whether the broker kept its promises.

Everything that producers and consumers see is entered here as they see it. Promises that can be
judged at once are; whether something was lost shows in `balance`, once all queues are empty.

The promises:
1. Nothing confirmed and persistent is lost: each queue that it was for delivered it, and it was
   acknowledged there, or where that queue's dead letters go. A queue that drops what is too much
   may have dropped it. One whose consumers settle by being sent to may have lost what was on its
   way when a connection broke.
2. What was settled for good, and the settlement answered, never comes back, nor as a dead letter.
3. A message comes a second time from a queue only if it is flagged `redelivered`, also if a crash
   took it after its delivery and its publisher sent it again. Two exceptions, by design, of which
   each crash excuses one repeat: a dead letter whose cause was not durable begins anew; and if two
   publishers publish one message, that of the second may be new to both it and the broker.
4. What isn't flagged comes, within one stream, in the order in which its producer sent it (within
   one priority).
5. Nothing comes that was not sent, nor what the broker said that it refused, nor before it is due;
   no dead letter comes without a cause.
6. A transaction is in all of its queues or in none, and settles its deliveries just then.
7. "Duplicate" is what the broker answers if, and only if, it has the message: at once for an id
   that was confirmed before; for a first attempt only if a connection broke and it was sent again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Callable, Optional

from judge import Judge, Order
from ledger import Kind, Message, Settlement, Transaction

SHOWN = 20  # violations in a report


class Accounts(Judge):
    """Thread-safe. `terms` has a queue's only if they are other than the defaults."""

    # --- producers ------------------------------------------------------------------------------

    def sending(self, message: Message) -> None:
        """Just before it is published for the first time."""
        with self._lock:
            self._send(message)

    def sending_again(self, id: str) -> bool:
        """Just before its id is published once more; whether it was confirmed before."""
        with self._lock:
            self._messages[id].unanswered += 1
            self._messages[id].twice = True
            return self._messages[id].confirmed

    def answered(
        self,
        id: str,
        error: Optional[BaseException],
        *,
        duplicate: bool = False,
        repeat_of_confirmed: bool = False,
    ) -> None:
        """It was confirmed, perhaps as a duplicate, or refused with `error`."""
        with self._lock:
            message = self._messages[id]
            message.unanswered -= 1
            if message.unanswered < 0:
                self._violated(Kind.UNANSWERED, f"{id} was answered more often than sent")
            if error is not None:
                message.refused = True
                self._refused += 1
                if not any(self._terms_of(queue).refuses for queue in message.targets):
                    self._violated(Kind.REFUSED, f"{id}: {error}")
                return
            self.confirmed += not message.confirmed
            message.confirmed = True
            message.accepted += not duplicate
            message.duplicates += duplicate
            self._duplicates += duplicate
            self._judge_answer(message, duplicate, repeat_of_confirmed)

    def reopened(self, producer: str, known: int, confirmed: int) -> None:
        """A producer came again: the last sequence that the broker knows, and that it confirmed."""
        with self._lock:
            if known < confirmed:
                what = f"{producer} is told {known} for its last sequence"
                self._violated(Kind.DEDUPLICATION, f"{what}, {confirmed} was confirmed")

    # --- transactions ---------------------------------------------------------------------------

    def beginning(self, sources: Iterable[str], messages: Sequence[Message]) -> Transaction:
        """Just before the commit is sent."""
        transaction = Transaction(tuple(sources), tuple(message.id for message in messages))
        with self._lock:
            self._transactions.append(transaction)
            for message in messages:
                self._send(message)
        return transaction

    def ended(self, transaction: Transaction, outcome: str, queue: str) -> None:
        """The commit, which acknowledged deliveries of `queue`, has ended."""
        with self._lock:
            transaction.outcome = outcome
            for id in transaction.messages:
                self._messages[id].confirmed = outcome == "committed"
                self._messages[id].refused = outcome == "refused"
                self._messages[id].unanswered = 0
            if outcome == "committed":
                for id in transaction.sources:
                    copy = self._copy(queue, id)
                    copy.settlements.append(Settlement("ack", answered=True))
                    copy.history.append("acknowledged by a transaction")

    # --- consumers ------------------------------------------------------------------------------

    def received(
        self,
        queue: str,
        id: str,
        redelivered: bool,
        last: Order,
        alive: Callable[[], bool] = lambda: True,
    ) -> int:
        """A delivery; `last` belongs to its stream. Returns how many of it there were before.

        One that waited in its client while the stream was lost is no news: others may have had the
        message since. So a suspicion counts only if the stream is `alive`.
        """
        with self._lock:
            self.delivered += 1
            self.redelivered += redelivered
            message = self._messages.get(id)
            if message is None:
                self._violated(Kind.UNEXPECTED, f"{queue} delivered {id}, which nobody sent")
                return 0
            copy = self._copy(queue, id)
            suspicions = list(self._judge(queue, message, copy, redelivered, last))
            copy.history.append("redelivered" if redelivered else "delivered")
            copy.deliveries += 1
            copy.stream = last
            before = copy.deliveries - 1
        if suspicions and alive():
            with self._lock:
                for kind, what in suspicions:
                    self._violated(kind, what)
        return before

    def settling(self, queue: str, id: str, outcome: str) -> Settlement:
        """Just before a settlement is sent."""
        with self._lock:
            copy = self._copy(queue, id)
            copy.settlements.append(Settlement(outcome))
            copy.rejected += outcome == "reject"
            copy.history.append(outcome)
            return copy.settlements[-1]

    def not_settled(self, queue: str, id: str, settlement: Settlement) -> None:
        """It wasn't sent after all: the stream was gone."""
        with self._lock:
            copy = self._copy(queue, id)
            copy.rejected -= settlement.outcome == "reject"
            copy.history.append("(stale)")
            copy.settlements = [s for s in copy.settlements if s is not settlement]

    def settled(self, settlements: Iterable[Settlement]) -> None:
        """The broker answered them: they are durable."""
        with self._lock:
            for settlement in settlements:
                settlement.answered = True

    def violated(self, what: str) -> None:
        """A promise broken that the caller could judge by itself."""
        with self._lock:
            self._violated(Kind.TROUBLE, what)

    # --- the broker -----------------------------------------------------------------------------

    @property
    def restarts(self) -> int:
        """How often the broker was started again, or another took over."""
        return self._restarts

    def crashed(self) -> None:
        """The broker was killed, and neither it nor another serves yet."""
        with self._lock:
            self._crashes += 1
            self._restart()
            self._open = {m.id: m for m in self._open.values() if not self._is_over(m)}
            for message in self._open.values():
                # Messages of a transaction aren't delivered before they are durable.
                unknown = not message.confirmed and not message.refused
                message.crashes_pending += bool(message.producer) and unknown
                for queue in message.targets:
                    if (dead := self._terms_of(queue).dead_letters) and self._may_die(
                        queue, message.id
                    ):
                        self._copy(dead, message.id).crashes_pending += 1

    def stopped(self) -> None:
        """The broker stopped as it was asked to, and neither it nor another serves yet."""
        with self._lock:
            self._restart()

    @contextmanager
    def breaking(self) -> Iterator[None]:
        """While the block runs, connections of clients break."""
        with self._lock:
            self._breaks += 1
            self._breaking += 1
        yield
        with self._lock:
            self._breaks += 1
            self._breaking -= 1

    # --- the end --------------------------------------------------------------------------------

    def owed(self) -> list[str]:
        """What is confirmed and persistent but not settled for good yet, wherever it was for."""
        with self._lock:
            return list(self._owed())

    def balance(self) -> list[str]:
        """All violations. REQUIRES that nothing is under way and all queues are empty."""
        with self._lock:
            for message in self._open.values():
                if message.unanswered > 0 and message.producer:
                    self._violated(Kind.UNANSWERED, f"{message.id} was never answered")
            for what in self._owed():
                self._violated(Kind.LOST, what)
            self._judge_transactions()
            return list(self.violations)

    def summary(self) -> str:
        """One line of figures."""
        with self._lock:
            found = ", ".join(f"{n} {kind.value}" for kind, n in self.kinds.items())
            return (
                f"{len(self._messages)} messages sent, {self.confirmed} confirms"
                f" ({self._duplicates} duplicates), {self._refused} refused,"
                f" {self.delivered} deliveries ({self.redelivered} flagged),"
                f" {len(self._transactions)} transactions, {self._crashes} crashes,"
                f" {len(self.violations)} violations{f' ({found})' if found else ''}"
            )


def report(violations: Sequence[str]) -> str:
    """For a failing test."""
    more = len(violations) - SHOWN
    lines = [*violations[:SHOWN], *([f"... and {more} more"] if more > 0 else [])]
    return "\n".join(lines)
