"""Whether a queue is slower that holds far more than it should."""

from __future__ import annotations

import json
import statistics

from peers.peer import Figures, LoadedPeer

BACKLOG = 5_000_000


def backlog(peer: LoadedPeer) -> Figures:
    """A queue is published to and consumed at once, with 5,000,000 messages in it and before,
    all persistent. Its consumer gets what lay longest, so both ends of the queue are at work."""
    messages = peer.settings.scaled(BACKLOG)
    without = statistics.median(_both(peer) for _ in range(peer.settings.turns))
    peer.load("--persistent", "--consumers=0", "--keep", f"--count={messages}")
    rate = statistics.median(_both(peer) for _ in range(peer.settings.turns))
    return Figures(
        msgs_per_s=rate,
        more={"without_msgs_per_s": round(without), "of_without": rate / without},
    )


def _both(peer: LoadedPeer) -> float:
    """As many messages in as out; the slower of the two counts."""
    count = f"--count={peer.settings.messages}"
    common = [*peer.generator(), *peer.flags(), "--persistent", "--keep", count]
    measured = peer.measured([*common, "--consumers=0"], [*common, "--producers=0"])
    published, consumed = (json.loads(output) for output in measured.outputs)
    return min(published["confirmed_per_s"], consumed["consumed_per_s"])
