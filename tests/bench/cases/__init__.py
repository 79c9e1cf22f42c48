"""What is measured, by name: functions that take a started LoadedPeer and give Figures.

One idea a file; `plan.py` says which system does which case.
"""

from __future__ import annotations

from typing import Callable

from peers.peer import Figures, LoadedPeer

from . import (
    backlog,
    bindings,
    commit,
    delayed,
    many_queues,
    memory,
    python_client,
    queues,
    rates,
)

CASES: dict[str, Callable[[LoadedPeer], Figures]] = {
    "keeping_up": queues.keeping_up,
    "keeping_up_transient": queues.keeping_up_transient,
    "publish_only": queues.publish_only,
    "drain": queues.drain,
    "ten_queues": queues.ten_queues,
    **{rates.name_of(rate): rates.persistent(rate) for rate in rates.RATES},
    "rate_10000_transient": rates.transient_10000,
    "one_at_a_time": commit.one_at_a_time,
    "bare_commit": commit.bare_commit,
    "python": python_client.python,
    "python_one_at_a_time": python_client.python_one_at_a_time,
    "queued_message": memory.queued_message,
    "bindings": bindings.bindings,
    "many_queues": many_queues.many_queues,
    "delayed": delayed.delayed,
    "backlog": backlog.backlog,
}
