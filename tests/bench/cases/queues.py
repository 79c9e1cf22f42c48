"""One queue or ten: consumers that keep up, publishing alone, draining what was published."""

from __future__ import annotations

from peers.peer import Figures, LoadedPeer


def by_time(peer: LoadedPeer) -> list[str]:
    """Flags of a load that watches the clock."""
    return [f"--duration={peer.settings.seconds}", f"--warmup={peer.settings.warmup_s}"]


def _counted(peer: LoadedPeer) -> list[str]:
    return [f"--count={round(peer.settings.messages * peer.messages_share)}"]


def keeping_up(peer: LoadedPeer) -> Figures:
    """Persistent messages, a durable queue; latency end to end."""
    load = peer.load("--persistent", *by_time(peer))
    return load.figures("consumed_per_s", "end_to_end_latency")


def keeping_up_transient(peer: LoadedPeer) -> Figures:
    """The same, neither persistent nor durable."""
    return peer.load(*by_time(peer)).figures("consumed_per_s", "end_to_end_latency")


def publish_only(peer: LoadedPeer) -> Figures:
    """Nobody consumes; latency until the confirm."""
    load = peer.load("--persistent", "--consumers=0", "--keep", *_counted(peer))
    return load.figures("confirmed_per_s", "confirm_latency")


def drain(peer: LoadedPeer) -> Figures:
    """What `publish_only` left is consumed."""
    load = peer.load("--persistent", "--producers=0", *_counted(peer))
    return load.figures("consumed_per_s", None)


def ten_queues(peer: LoadedPeer) -> Figures:
    """`keeping_up` with ten queues, each with a producer and a consumer of its own."""
    load = peer.load(
        "--persistent", "--queues=10", "--producers=10", "--consumers=10", *by_time(peer)
    )
    return load.figures("consumed_per_s", "end_to_end_latency")
