"""The exchanges and queues that the torture works on, and what each queue promises.

    fanout "all"  --> "work"      acked, requeued, retried, rejected --> "dead"
                  --> "audit"     acked, one by one (prefetch 1)
                  --> "told"      consumers with auto_ack
                  --> "capped"    takes 40 at most; the oldest --> "pushed-out"
                  --> "lossy"     takes 40 at most; the oldest is dropped
    "tight"         takes 40 at most; refuses more
    "urgent"        priorities
    "late"          delayed messages
    "tries"         a retry policy; what fails too often --> "dead"
    "once"          a deduplication window
    "reopened"      of a producer that comes again and again
    "leased"        taken by Get; rejected --> "dead"
    "backlog"       large, seldom consumed, so that its content leaves memory
    "source"        consumed by transactions that publish to "left" and "right"
"""

from __future__ import annotations

from dataclasses import dataclass, field

import warren
from ledger import Terms

FEW = 40  # messages in a queue that takes few
ATTEMPTS = 4  # of a message in "tries"
PRIORITIES = 5
DAY_S = 86400.0


@dataclass(frozen=True)
class Queue:
    """One queue: how it is declared, and what follows from it."""

    options: warren.QueueOptions = field(default_factory=lambda: warren.QueueOptions())
    terms: Terms = Terms()


def _to(queue: str) -> warren.QueueOptions:
    return {"dead_letter_exchange": "", "dead_letter_routing_key": queue}


QUEUES: dict[str, Queue] = {
    "work": Queue(_to("dead"), Terms(dead_letters="dead")),
    "audit": Queue(),
    "told": Queue(terms=Terms(auto_ack=True)),
    "capped": Queue(
        {"max_length": FEW, **_to("pushed-out")},
        Terms(dead_letters="pushed-out", dies_unrejected=True),
    ),
    "lossy": Queue({"max_length": FEW}, Terms(drops=True)),
    "tight": Queue({"max_length": FEW, "overflow": "reject_publish"}, Terms(refuses=True)),
    "urgent": Queue({"max_priority": PRIORITIES}),
    "late": Queue(terms=Terms(ordered=False)),
    "tries": Queue(
        {
            "retry": warren.RetryPolicy(
                ATTEMPTS, initial_backoff=0.02, multiplier=2.0, max_backoff=0.2, jitter=0.5
            ),
            **_to("dead"),
        },
        Terms(dead_letters="dead", dies_unrejected=True),
    ),
    "once": Queue({"deduplication_window": DAY_S}, Terms(ordered=False)),
    "reopened": Queue(),
    "leased": Queue(_to("dead"), Terms(dead_letters="dead")),
    "backlog": Queue(),
    "source": Queue(),
    "left": Queue(),
    "right": Queue(),
    "dead": Queue(),
    "pushed-out": Queue(),
}
TERMS = {name: queue.terms for name, queue in QUEUES.items()}
FANNED_OUT = ("work", "audit", "told", "capped", "lossy")


def declare(connection: warren.Connection) -> None:
    """All of the above; again is no harm."""
    connection.declare_exchange("all", "fanout", durable=True)
    for name, queue in QUEUES.items():
        connection.declare_queue(name, durable=True, **queue.options)
    for name in FANNED_OUT:
        connection.bind("all", queue=name)
