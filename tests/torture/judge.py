"""The judge of the torture's accounts: what they hold, and which entries break which promise."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Optional

from ledger import Copy, Kind, Message, Terms, Transaction

CLOCK_S = 0.005  # the broker counts in milliseconds

Order = dict[tuple[str, int], int]  # of a stream: producer and priority -> last number
Suspicion = tuple[Kind, str]


class Judge:
    """Everything with an underscore is called under the lock."""

    def __init__(self, terms: Optional[Mapping[str, Terms]] = None) -> None:
        self.violations: list[str] = []
        self.kinds: Counter[Kind] = Counter()
        self.confirmed = 0
        self.delivered = 0
        self.redelivered = 0
        self._terms = dict(terms or {})
        self._lock = threading.Lock()
        self._messages: dict[str, Message] = {}
        self._open: dict[str, Message] = {}  # something is yet to happen with these
        self._copies: dict[tuple[str, str], Copy] = {}
        self._transactions: list[Transaction] = []
        self._crashes = 0
        self._restarts = 0
        self._breaks = 0
        self._breaking = 0
        self._refused = 0
        self._duplicates = 0

    def _violated(self, kind: Kind, what: str) -> None:
        self.kinds[kind] += 1
        self.violations.append(f"{kind.value}: {what}")

    def _terms_of(self, queue: str) -> Terms:
        return self._terms.get(queue, Terms())

    def _copy(self, queue: str, id: str) -> Copy:
        return self._copies.setdefault((queue, id), Copy())

    def _send(self, message: Message) -> None:
        message.restarts = self._restarts
        message.breaks = self._breaks
        self._messages[message.id] = message
        self._open[message.id] = message

    def _restart(self) -> None:
        self._restarts += 1
        self._breaks += 1

    def _broken_since(self, breaks: int) -> bool:
        return self._breaking > 0 or breaks != self._breaks

    def _judge_answer(self, message: Message, duplicate: bool, repeat_of_confirmed: bool) -> None:
        id = message.id
        if not duplicate and (repeat_of_confirmed or message.accepted > 1):
            self._violated(Kind.DEDUPLICATION, f"{id} was accepted again")
        answered = message.unanswered == 0
        if answered and not message.accepted and not self._broken_since(message.breaks):
            self._violated(Kind.DEDUPLICATION, f"{id} is called a duplicate and is the first")

    def _judge(
        self, queue: str, message: Message, copy: Copy, redelivered: bool, last: Order
    ) -> Iterator[Suspicion]:
        what = f"{queue} delivered {message.id} ({copy.story})"
        terms = self._terms_of(queue)
        # A crash may have taken what was delivered, and a full queue have refused it thereafter.
        if message.refused and not message.crashes_pending:
            yield Kind.UNEXPECTED, f"{what} although it was refused"
        for final in ("ack", "reject"):
            if copy.answered(final):
                yield Kind.RETURNED, f"{what} after its {final} was answered"
        if terms.auto_ack and copy.stream is last:
            yield Kind.RETURNED, f"{what} again by the stream that settled it"
        if message.due > time.time() + CLOCK_S:
            yield Kind.EARLY, f"{what} {message.due - time.time():.3f} s before it was due"
        if queue not in message.targets:
            yield from self._judge_dead_letter(queue, message, copy, what)
        if redelivered:
            return
        if copy.deliveries:
            copy.unflagged_repeats += 1
            excused = copy.crashes_pending + (message.crashes_pending if message.twice else 0)
            if copy.unflagged_repeats > excused:
                yield Kind.UNFLAGGED, f"{what} again without the flag"
        if queue not in message.targets or not terms.ordered:
            return  # dead letters come in the order of their death
        line = (message.producer, message.priority)
        if message.number <= last.get(line, 0):
            yield Kind.REORDERED, f"{what} after number {last[line]} of its producer"
        last[line] = message.number

    def _judge_dead_letter(
        self, queue: str, message: Message, copy: Copy, what: str
    ) -> Iterator[Suspicion]:
        origins = [q for q in message.targets if self._terms_of(q).dead_letters == queue]
        if not origins:
            yield Kind.UNEXPECTED, f"{what}, and it was for {', '.join(message.targets)}"
        elif not copy.crashes_pending and not any(self._may_die(q, message.id) for q in origins):
            story = "; ".join(f"{q}: {self._copy(q, message.id).story}" for q in origins)
            yield Kind.UNREJECTED, f"{what}, which nobody rejected ({story})"

    def _may_die(self, queue: str, id: str) -> bool:
        """Whether it may be a dead letter of that queue, or become one."""
        copy = self._copies.get((queue, id), Copy())
        if copy.answered("ack"):
            return False
        return copy.rejected > 0 or self._terms_of(queue).dies_unrejected

    def _is_over(self, message: Message) -> bool:
        """Whether nothing more is to happen with it, and a crash changes nothing."""
        if message.unanswered > 0 or not (message.confirmed or message.refused):
            return False
        return message.refused or all(self._is_done(q, message.id) for q in message.targets)

    def _is_done(self, queue: str, id: str) -> bool:
        terms = self._terms_of(queue)
        copy = self._copies.get((queue, id), Copy())
        if terms.auto_ack:
            return copy.deliveries > 0
        if terms.drops or copy.acknowledged:
            return terms.drops or copy.answered("ack")
        dead = self._copies.get((terms.dead_letters, id))
        return dead is not None and dead.answered("ack")

    def _owed(self) -> Iterable[str]:
        for message in self._open.values():
            survives = message.persistent or message.restarts == self._restarts
            if not message.confirmed or not survives:
                continue
            for queue in message.targets:
                if not self._arrived(queue, message):
                    story = self._copies.get((queue, message.id), Copy()).story
                    duplicate = message.duplicates and not message.accepted
                    said = "called a duplicate, " if duplicate else ""
                    yield f"{message.id} in {queue} ({said}{story})"

    def _arrived(self, queue: str, message: Message) -> bool:
        terms = self._terms_of(queue)
        copy = self._copies.get((queue, message.id), Copy())
        if copy.acknowledged or terms.drops:
            return True
        if terms.auto_ack:
            return copy.deliveries > 0 or self._broken_since(message.breaks)
        dead = self._copies.get((terms.dead_letters, message.id), Copy())
        return dead.acknowledged and self._may_die(queue, message.id)

    def _judge_transactions(self) -> None:
        by_source: Counter[str] = Counter()
        for transaction in self._transactions:
            copies = [
                (queue, id)
                for id in transaction.messages
                for queue in self._messages[id].targets
            ]
            there = [key for key in copies if key in self._copies]
            what = f"the transaction of {', '.join(transaction.messages)}"
            if len(there) not in (0, len(copies)):
                self._violated(Kind.TORN, f"{what}: only {there} of {copies} arrived")
            if transaction.outcome == "committed" and not there:
                self._violated(Kind.TORN, f"{what} was committed and is nowhere")
            by_source.update(transaction.sources if there else ())
        for id, count in by_source.items():
            if count > 1:
                self._violated(Kind.TORN, f"{id} was consumed by {count} transactions")
