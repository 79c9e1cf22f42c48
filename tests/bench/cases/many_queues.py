"""Whether queues cost something that do nothing, and consumers that have little to do."""

from __future__ import annotations

import dataclasses
import statistics

import warren
from peers.peer import Figures, LoadedPeer
from peers.warren_peer import Warren

from .queues import by_time

QUEUES = 10_000
CONSUMERS = 1_000


def many_queues(peer: LoadedPeer) -> Figures:
    """10,000 queues are there and 1,000 consumers, each with a queue of its own, which messages go
    to in turn, all of them on one stream; in turns with one queue and one consumer. Each message is
    settled by itself. Then once more in batches: as the consumers are served in turn, theirs are
    full at the same time, so 100,000 messages are unsettled and settled at once, where one consumer
    has 100."""
    assert isinstance(peer, Warren)
    queues = max(2, peer.settings.scaled(QUEUES))
    with warren.connect(peer.address) as connection:
        for number in range(queues):
            connection.declare_queue(f"many-{number}", durable=False)
    each = _of_one_queue(peer, "--ack-batch=1")
    batches = _of_one_queue(peer)
    more = {
        "one_queue_msgs_per_s": round(each.one_queue_msgs_per_s),
        "of_one_queue": each.ratio,
        "in_batches_msgs_per_s": batches.many.msgs_per_s,
        "in_batches_of_one_queue": batches.ratio,
    }
    return Figures(**{**vars(each.many), "more": more})


@dataclasses.dataclass(frozen=True)
class Beside:
    """Medians of some turns."""

    many: Figures
    one_queue_msgs_per_s: float
    ratio: float


def _of_one_queue(peer: Warren, *flags: str) -> Beside:
    consumers = max(2, peer.settings.scaled(CONSUMERS))
    # Kept, since those that aren't used would stay otherwise.
    spread = ("--queue-prefix=many-", f"--queues={consumers}", f"--consumers={consumers}", "--keep")
    one = []
    many = []
    for _ in range(peer.settings.turns):
        one.append(peer.load(*flags, *by_time(peer)).result["consumed_per_s"])
        load = peer.load(*flags, *spread, *by_time(peer))
        many.append(load.figures("consumed_per_s", "end_to_end_latency"))
    middle = sorted(many, key=lambda figures: figures.msgs_per_s or 0)[len(many) // 2]
    alone = statistics.median(one)
    assert middle.msgs_per_s is not None
    return Beside(middle, alone, middle.msgs_per_s / alone)
