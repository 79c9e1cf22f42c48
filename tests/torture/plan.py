"""What a run of the torture does to broker and database, decided from a seed before it begins.

The plan is the same for the same seed. What the broker is doing at the moment of a fault is not, of
course; the number of confirms that triggers it is.
"""

from __future__ import annotations

import enum
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass


class Fault(enum.Enum):
    """What befalls the broker, or what it stands on, at the end of a round."""

    KILL = "SIGKILL to the broker"
    KILL_TWICE = "SIGKILL to the broker, and again soon after the next start"
    TERMINATE = "SIGTERM to the broker"
    PAUSE = "SIGSTOP to the broker, SIGCONT, then SIGKILL"
    DATABASE_KILL = "SIGKILL to postmaster and all its children"
    DATABASE_IMMEDIATE = "pg_ctl stop -m immediate"
    CUT_BEFORE = "connection cut before COMMIT is passed on"
    CUT_DURING = "connection cut while COMMIT is under way"
    CUT_AFTER = "connection cut before the answer to COMMIT is passed on"
    CUT_LATE = "connection cut, and its COMMIT arrives after that of the next one"
    CUT_BYTE = "connection cut after any byte"


#: Weights of what may come in a round after the first, which has the group's first fault.
GROUPS: dict[str, dict[Fault, int]] = {
    "broker": {Fault.KILL: 50, Fault.KILL_TWICE: 20, Fault.TERMINATE: 15, Fault.PAUSE: 15},
    "database-kill": {Fault.DATABASE_KILL: 1},
    "database-immediate": {Fault.DATABASE_IMMEDIATE: 1},
    "cut-before": {Fault.CUT_BEFORE: 1},
    "cut-during": {Fault.CUT_DURING: 1},
    "cut-after": {Fault.CUT_AFTER: 1},
    "cut-late": {Fault.CUT_LATE: 1},
    "cut-byte": {Fault.CUT_BYTE: 1},
}
SHORT_ROUNDS = 2
CUTS = 3  # a round, since each costs little


@dataclass(frozen=True)
class Round:
    """One round.

    Attributes:
        number: counts from 1.
        messages: how many each producer adds in this round.
        after_confirms: the fault comes once so many messages of this round are confirmed ...
        after_deliveries: ... and so many delivered.
        fault: which.
        jitter_s: how long after that count the fault comes.
        down_s: how long the broker is down or paused, or the database away.
        refuse: whether a cut keeps new connections out for that time, too.
    """

    number: int
    messages: int
    after_confirms: int
    after_deliveries: int
    fault: Fault
    jitter_s: float
    down_s: float
    refuse: bool

    def __str__(self) -> str:
        return (
            f"round {self.number}: {self.fault.value} {self.jitter_s * 1000:.0f} ms after"
            f" {self.after_confirms} confirms and {self.after_deliveries} deliveries,"
            f" down for {self.down_s * 1000:.0f} ms"
        )


def seed() -> int:
    """$SEED, or a fresh one."""
    given = os.environ.get("SEED")
    return int(given) if given else random.SystemRandom().randrange(1 << 31)


def cases(stores: list[str]) -> list[tuple[str, str]]:
    """Storage and group of faults: those that go together, and that $FAULT names."""
    wanted = [name for name in os.environ.get("FAULT", "").split(",") if name] or list(GROUPS)
    for name in wanted:
        if name not in GROUPS:
            raise ValueError(f"FAULT={name}: there are {', '.join(GROUPS)}")
    return [
        (storage, group)
        for storage in stores
        for group in GROUPS
        if group in wanted and (storage == "postgres" or group == "broker")
    ]


def round_count() -> int:
    """$ROUNDS, or few."""
    return int(os.environ.get("ROUNDS", SHORT_ROUNDS))


def rounds(of: random.Random, producers: int, group: str) -> Iterator[Round]:
    """As many as asked for, none that begins after $MINUTES minutes."""
    minutes = float(os.environ.get("MINUTES", "inf"))
    ends = time.monotonic() + minutes * 60
    faults = GROUPS[group]
    for number in range(1, round_count() + 1):
        messages = of.randrange(300, 900)
        total = messages * producers
        made = Round(
            number=number,
            messages=messages,
            # Early enough that much is under way, whatever the pace of the machine.
            after_confirms=int(total * of.uniform(0.05, 0.6)),
            after_deliveries=int(total * of.uniform(0.05, 1.0)),
            fault=next(iter(faults))
            if number == 1
            else of.choices(list(faults), weights=list(faults.values()))[0],
            jitter_s=of.uniform(0, 0.03),
            down_s=of.uniform(0, 0.4),
            refuse=of.random() < 0.5,
        )
        if time.monotonic() > ends:
            return
        yield made
