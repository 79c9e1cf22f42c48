"""What a message takes that lies in a queue."""

from __future__ import annotations

import measure
from peers.peer import Figures, LoadedPeer
from peers.warren_peer import Warren

BODY_BYTES = 100
MESSAGES = 1_000_000
# Before: buffers that stay whatever is queued.
FIRST = 20_000


def queued_message(peer: LoadedPeer) -> Figures:
    """Growth of the broker's memory by a million messages of 100 bytes, all of it: body,
    properties, the queue's entry, what the store keeps in memory."""
    assert isinstance(peer, Warren)
    messages = peer.settings.scaled(MESSAGES)
    flags = [f"--size={BODY_BYTES}", *(["--persistent"] if peer.durable else [])]
    peer.load(*flags, "--queue-prefix=first", f"--count={FIRST}")
    before = measure.memory_mib([peer.broker])
    load = peer.load(*flags, "--consumers=0", "--keep", f"--count={messages}")
    grown = measure.memory_mib([peer.broker]) - before
    figures = {"bytes_per_message": round(grown * 2**20 / messages, 1)}
    return load.figures("confirmed_per_s", "confirm_latency", figures)
