"""What a program in Python gets: persistent messages, each confirmed."""

from __future__ import annotations

import json

from peers.peer import Figures, LoadedPeer


def python(peer: LoadedPeer) -> Figures:
    """As many messages in flight as the window allows."""
    return _publish(peer, peer.settings.window)


def python_one_at_a_time(peer: LoadedPeer) -> Figures:
    """The call that publishes one message and returns when it is confirmed."""
    return _publish(peer, 1)


def _publish(peer: LoadedPeer, window: int) -> Figures:
    s = peer.settings
    measured = peer.measured([*peer.python_publisher(), str(window), str(s.seconds), str(s.size)])
    result = json.loads(measured.outputs[0])
    return Figures(
        msgs_per_s=result["messages"] / result["seconds"],
        cpu_s_per_million=measured.cpu_s / result["messages"] * 1e6,
        rss_mib=measured.rss_mib,
    )
