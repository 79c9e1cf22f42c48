"""The transactor of the load: consumes, processes and publishes in one step."""

from __future__ import annotations

import itertools

import warren
from ledger import Message
from work import ANSWER_S, WAIT_S, StreamOrder, Work, body, id_of

LARGEST = 10  # deliveries of a transaction
ROLLED_BACK = 0.05


def transact(work: Work, queue: str, targets: tuple[str, ...]) -> None:
    """Each message consumed becomes one in each of `targets`."""
    dice = work.dice("transactions")
    order = StreamOrder()
    connection = work.connect()
    with connection.consume(queue, prefetch=50, on_settle_error=work.settle_failed) as consumer:
        for number in itertools.count(1):
            batch = consumer.get_batch(dice.randint(1, LARGEST), WAIT_S)
            if work.stop.is_set():
                return
            for d in batch:
                work.accounts.received(queue, id_of(d), d.redelivered, order.of(d))
            if batch and dice.random() < ROLLED_BACK:
                for d in batch:
                    d.requeue()
            elif batch:
                commit(work, connection, number, queue, batch, targets)
                work.news()


def commit(
    work: Work,
    connection: warren.Connection,
    number: int,
    queue: str,
    batch: list[warren.Delivery],
    targets: tuple[str, ...],
) -> None:
    messages = [
        Message(f"t{number}-{side}-{i}", "", number * 100 + i, True, (side,))
        for i in range(1, len(batch) + 1)
        for side in targets
    ]
    outcome = "committed"
    transaction = work.accounts.beginning(map(id_of, batch), messages)
    try:
        with connection.transaction(timeout=ANSWER_S) as tx:
            for message in messages:
                tx.publish("", message.targets[0], body(message))
            tx.ack(*batch)
    except warren.StaleDelivery:
        outcome = "refused"
    except warren.OutcomeUnknown:
        outcome = "unknown"
    work.accounts.ended(transaction, outcome, queue)
