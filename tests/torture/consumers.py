"""The consumers of the load that have a stream: what they do with which message."""

from __future__ import annotations

import warren
from judge import Order
from ledger import Settlement
from work import ANSWER_S, WAIT_S, StreamOrder, Work, id_of

FLUSHED = 50  # settlements between two waits for their answer
BACKLOG = 400  # messages that may stay
LONGEST_REST_S = 3.0


def decide(work: Work, queue: str, id: str, before: int) -> tuple[str, float]:
    """What becomes of a message that was delivered so often before: the outcome, and a delay."""
    dice = work.dice(queue, id, before)
    draw = dice.random()
    if queue in ("work", "leased"):
        if draw < 0.05 and before < 3:
            return "requeue", 0.0
        if draw < 0.08 and before < 3:
            return "retry", dice.uniform(0.01, 0.1)
        return ("reject" if draw > 0.95 else "ack"), 0.0
    if queue == "tries":
        fails = work.dice(queue, id).choice((0, 0, 0, 0, 0, 1, 2, 9))
        return ("requeue" if before < fails else "ack"), 0.0
    return "ack", 0.0


class Settling:
    """Settles a consumer's deliveries, and enters which of that the broker has answered."""

    def __init__(self, work: Work, queue: str, consumer: warren.Consumer) -> None:
        self._work = work
        self._queue = queue
        self._consumer = consumer
        self._pending: list[tuple[warren.Delivery, Settlement]] = []

    def settle(self, delivery: warren.Delivery, order: Order) -> None:
        """As it is decided; waits for answers now and then."""
        accounts = self._work.accounts
        id = id_of(delivery)
        before = accounts.received(
            self._queue, id, delivery.redelivered, order, lambda: self._lives(delivery)
        )
        outcome, delay = decide(self._work, self._queue, id, before)
        settlement = accounts.settling(self._queue, id, outcome)
        taken = delivery.retry(delay) if outcome == "retry" else getattr(delivery, outcome)()
        if taken:
            self._pending.append((delivery, settlement))
        else:
            accounts.not_settled(self._queue, id, settlement)
        if len(self._pending) >= FLUSHED:
            self.flush()

    def _lives(self, delivery: warren.Delivery) -> bool:
        """Whether the delivery's stream is there still, as the broker sees it."""
        try:
            self._consumer.flush(ANSWER_S)
        except warren.Unavailable:
            return False
        return not delivery.stale

    def flush(self) -> None:
        """Waits until all are durable, unless the stream is lost."""
        pending, self._pending = self._pending, []
        # If the stream was lost, what of it was durable shows later.
        if pending and self._lives(pending[0][0]):
            self._work.accounts.settled(settlement for _, settlement in pending)
            self._work.news()


def consume(work: Work, queue: str, prefetch: int) -> None:
    """Until the end, on one stream after the other."""
    order = StreamOrder()
    with work.connect().consume(
        queue, prefetch=prefetch, on_settle_error=work.settle_failed
    ) as consumer:
        settling = Settling(work, queue, consumer)
        while not work.stop.is_set():
            batch = consumer.get_batch(FLUSHED, WAIT_S)
            for delivery in batch:
                settling.settle(delivery, order.of(delivery))
            if not batch:
                settling.flush()
        settling.flush()


def be_told(work: Work, queue: str) -> None:
    """With auto_ack."""
    order = StreamOrder()
    with work.connect().consume(queue, auto_ack=True) as consumer:
        while not work.stop.is_set():
            for d in consumer.get_batch(FLUSHED, WAIT_S):
                work.accounts.received(queue, id_of(d), d.redelivered, order.of(d))
            work.news()


def consume_seldom(work: Work, queue: str) -> None:
    """Lets a backlog grow, so that it leaves memory; takes most of it, and goes again."""
    dice = work.dice(queue)
    connection = work.connect()
    take = 0
    while not work.stop.is_set():
        if take <= 0:
            rest = dice.uniform(0.1, LONGEST_REST_S)
            work.wait(lambda: work.finishing or work.stop.is_set(), rest)
            there = connection.declare_queue(queue, passive=True).message_count
            take = max(dice.randint(1, BACKLOG), there - BACKLOG)
        if work.resting.is_set() and not work.finishing:
            work.stop.wait(WAIT_S)
            continue
        order = StreamOrder()
        with connection.consume(
            queue, prefetch=dice.choice((5, 50, 300)), on_settle_error=work.settle_failed
        ) as consumer:
            settling = Settling(work, queue, consumer)
            while take > 0 and not work.resting.is_set() and not work.stop.is_set():
                batch = consumer.get_batch(min(take, FLUSHED), WAIT_S)
                take -= max(len(batch), 1)
                for delivery in batch:
                    settling.settle(delivery, order.of(delivery))
            settling.flush()
