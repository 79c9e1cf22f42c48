"""Whether a queue is slower that holds far more than it should."""

from __future__ import annotations

import dataclasses
import json
import statistics

from peers.peer import Figures, LoadedPeer

BACKLOG = 5_000_000


def backlog(peer: LoadedPeer) -> Figures:
    """A queue is published to and consumed at once, with 5,000,000 messages in it and before,
    all persistent. Its consumer gets what lay longest, so both ends of the queue are at work."""
    messages = peer.settings.scaled(BACKLOG)
    before = [_both(peer) for _ in range(peer.settings.turns)]
    filling = peer.load("--persistent", "--consumers=0", "--keep", f"--count={messages}")
    beside = [_both(peer) for _ in range(peer.settings.turns)]
    without = statistics.median(both.msgs_per_s for both in before)
    rate = statistics.median(both.msgs_per_s for both in beside)
    return Figures(
        msgs_per_s=rate,
        more={
            "without_msgs_per_s": round(without),
            "of_without": rate / without,
            # Without a backlog most messages are settled before they are written; here all are.
            "of_publishing_only": rate / filling.result["confirmed_per_s"],
            "drained_per_s": round(statistics.median(both.consumed_per_s for both in beside)),
            "without_confirm_p99_ms": statistics.median(both.confirm_p99_ms for both in before),
            "confirm_p99_ms": statistics.median(both.confirm_p99_ms for both in beside),
        },
    )


@dataclasses.dataclass(frozen=True)
class Both:
    """Of a publisher and a consumer at once."""

    msgs_per_s: float  # of the slower of the two
    consumed_per_s: float
    confirm_p99_ms: float


def _both(peer: LoadedPeer) -> Both:
    """As many messages in as out."""
    count = f"--count={peer.settings.messages}"
    common = [*peer.generator(), *peer.flags(), "--persistent", "--keep", count]
    measured = peer.measured([*common, "--consumers=0"], [*common, "--producers=0"])
    published, consumed = (json.loads(output) for output in measured.outputs)
    return Both(
        min(published["confirmed_per_s"], consumed["consumed_per_s"]),
        consumed["consumed_per_s"],
        published["confirm_latency"]["p99_ms"],
    )
