"""The consumer of the load that takes messages by Get, and settles them within their lease."""

from __future__ import annotations

import warren
from consumers import decide
from judge import Order
from work import WAIT_S, Work, id_of

MOST = 20  # messages of a Get
LEASE_S = (0.5, 3.0)
FORGOTTEN = 0.03  # of the leases run out


def take(work: Work, queue: str) -> None:
    """Until the end. An answer that got lost is a lease that runs out."""
    dice = work.dice("leases")
    connection = work.connect()
    order: Order = {}
    restarts = 0
    while not work.stop.is_set():
        try:
            got = connection.get(queue, dice.randint(1, MOST), lease=dice.uniform(*LEASE_S))
        except warren.Unavailable:
            got = []
        if restarts != work.accounts.restarts:  # the order is a broker's
            restarts, order = work.accounts.restarts, {}
        by_outcome: dict[tuple[str, float], list[warren.Delivery]] = {}
        for d in got:
            before = work.accounts.received(queue, id_of(d), d.redelivered, order)
            by_outcome.setdefault(decide(work, queue, id_of(d), before), []).append(d)
        if dice.random() > FORGOTTEN:
            for (outcome, delay), deliveries in by_outcome.items():
                settle(work, connection, queue, outcome, delay, deliveries)
        work.news()
        if not got:
            work.stop.wait(WAIT_S)


def settle(
    work: Work,
    connection: warren.Connection,
    queue: str,
    outcome: str,
    delay: float,
    deliveries: list[warren.Delivery],
) -> None:
    settlements = [work.accounts.settling(queue, id_of(d), outcome) for d in deliveries]
    try:
        if outcome == "retry":
            connection.retry(*deliveries, delay=delay)
        else:
            getattr(connection, outcome)(*deliveries)
    except (warren.Unavailable, warren.PreconditionFailed):
        return  # lost on its way, or the lease has run out: which of them were taken isn't known
    work.accounts.settled(settlements)
