"""Whether queues cost something that do nothing, and consumers that have little to do."""

from __future__ import annotations

import statistics

import warren
from peers.peer import Figures, LoadedPeer
from peers.warren_peer import Warren

from .queues import by_time

QUEUES = 10_000
CONSUMERS = 1_000


def many_queues(peer: LoadedPeer) -> Figures:
    """10,000 queues are there and 1,000 consumers, each with a queue of its own, which messages go
    to in turn, all of them on one stream; in turns with one queue and one consumer."""
    assert isinstance(peer, Warren)
    queues = max(2, peer.settings.scaled(QUEUES))
    consumers = max(2, peer.settings.scaled(CONSUMERS))
    prefix = "--queue-prefix=many-"
    with warren.connect(peer.address) as connection:
        for number in range(queues):
            connection.declare_queue(f"many-{number}", durable=False)
    one = []
    many = []
    for _ in range(peer.settings.turns):
        load = peer.load(*by_time(peer))
        one.append(load.result["consumed_per_s"])
        # Kept, since those that aren't used would stay otherwise.
        load = peer.load(
            prefix, f"--queues={consumers}", f"--consumers={consumers}", "--keep", *by_time(peer)
        )
        many.append(load.figures("consumed_per_s", "end_to_end_latency"))
    middle = sorted(many, key=lambda figures: figures.msgs_per_s or 0)[len(many) // 2]
    alone = statistics.median(one)
    assert middle.msgs_per_s is not None
    more = {"one_queue_msgs_per_s": round(alone), "of_one_queue": middle.msgs_per_s / alone}
    return Figures(**{**vars(middle), "more": more})
