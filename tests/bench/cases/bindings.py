"""Whether bindings cost something that don't match."""

from __future__ import annotations

import statistics

from peers.peer import Figures, LoadedPeer

from .queues import by_time

FEW = 1_000
MANY = 100_000


def bindings(peer: LoadedPeer) -> Figures:
    """A topic exchange with 100,000 bindings that don't match, in turns with 1,000."""
    rates: dict[int, list[float]] = {}
    few = peer.settings.scaled(FEW)
    many = peer.settings.scaled(MANY)
    for _ in range(peer.settings.turns):
        for number in (few, many):
            load = peer.load("--topology=topic", f"--bindings={number}", *by_time(peer))
            rates.setdefault(number, []).append(load.result["consumed_per_s"])
    with_few = statistics.median(rates[few])
    with_many = statistics.median(rates[many])
    return Figures(
        msgs_per_s=with_many,
        more={"few_msgs_per_s": round(with_few), "times_the_time": with_few / with_many},
    )
