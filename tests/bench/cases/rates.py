"""Latency at a given rate, from when a message was due; each is published by itself."""

from __future__ import annotations

from typing import Callable

from peers.peer import Figures, LoadedPeer

from .queues import by_time

RATES = (1_000, 5_000, 10_000, 20_000, 40_000, 80_000)


def name_of(rate: int) -> str:
    """Of the case of persistent messages at that rate."""
    return f"rate_{rate}"


def persistent(rate: int) -> Callable[[LoadedPeer], Figures]:
    """One queue, a producer with so many messages a second, a consumer that keeps up."""
    return lambda peer: _at(peer, rate, "--persistent")


def transient_10000(peer: LoadedPeer) -> Figures:
    """Neither persistent nor durable."""
    return _at(peer, 10_000)


def _at(peer: LoadedPeer, rate: int, *flags: str) -> Figures:
    load = peer.load(f"--rate={rate}", *flags, *by_time(peer))
    confirms = load.result["confirm_latency"]
    return load.figures(
        "consumed_per_s",
        "end_to_end_latency",
        {"confirm_p50_ms": confirms["p50_ms"], "confirm_p99_ms": confirms["p99_ms"]},
    )
