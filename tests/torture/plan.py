"""What a run of the torture does to broker, store and connections, decided from a seed beforehand.

The plan is the same for the same seed. What the broker is doing at the moment of a fault is not, of
course; the number of confirms that triggers it is.
"""

from __future__ import annotations

import enum
import itertools
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional


class Fault(enum.Enum):
    """What befalls the broker, or what it stands on, at the end of a round."""

    KILL = "SIGKILL to the broker"
    KILL_TWICE = "SIGKILL to the broker, and again soon after the next start"
    TERMINATE = "SIGTERM to the broker"
    PAUSE = "SIGSTOP to the broker, then SIGCONT"
    PAUSE_KILL = "SIGSTOP to the broker, SIGCONT, then SIGKILL"
    CLIENTS_CUT = "all connections of clients cut, three times"
    CLIENTS_CUT_SOME = "every second connection of clients cut, three times"
    CLIENTS_STALL = "every second client reads nothing for a while"
    CLIENTS_SLOW = "every second client is slow for a while"
    DATABASE_KILL = "SIGKILL to postmaster and all its children"
    DATABASE_IMMEDIATE = "pg_ctl stop -m immediate"
    DATABASE_SLOW = "connection to the database slow for a while"
    CUT_BEFORE = "connection to the database cut before COMMIT is passed on"
    CUT_DURING = "connection to the database cut while COMMIT is under way"
    CUT_AFTER = "connection to the database cut before the answer to COMMIT is passed on"
    CUT_LATE = "connection to the database cut, and its COMMIT arrives after that of the next one"
    CUT_BYTE = "connection to the database cut after any byte"
    STORE_FULL = "disk of the store's data full"
    WAL_FULL = "disk of the database's write-ahead log full"
    SPILL_FULL = "disk of what is paged out full"
    FAIL_OVER_KILL = "SIGKILL to the broker, another stands by"
    FAIL_OVER_TERMINATE = "SIGTERM to the broker, another stands by"
    FAIL_OVER_PAUSE = "SIGSTOP to the broker until another has taken over, then SIGCONT"

    @property
    def label(self) -> str:
        """As FAULT=... has it."""
        return self.name.lower().replace("_", "-")


#: Weights of what may come once each fault of the group came.
GROUPS: dict[str, dict[Fault, int]] = {
    "broker": {
        Fault.KILL: 50,
        Fault.KILL_TWICE: 20,
        Fault.TERMINATE: 15,
        Fault.PAUSE: 10,
        Fault.PAUSE_KILL: 15,
    },
    "clients": {
        Fault.CLIENTS_CUT: 4,
        Fault.CLIENTS_CUT_SOME: 3,
        Fault.CLIENTS_STALL: 2,
        Fault.CLIENTS_SLOW: 2,
    },
    "database": {Fault.DATABASE_KILL: 2, Fault.DATABASE_IMMEDIATE: 2, Fault.DATABASE_SLOW: 1},
    "cuts": {
        Fault.CUT_BEFORE: 1,
        Fault.CUT_DURING: 1,
        Fault.CUT_AFTER: 1,
        Fault.CUT_LATE: 1,
        Fault.CUT_BYTE: 1,
    },
    "disks": {Fault.STORE_FULL: 1, Fault.WAL_FULL: 1, Fault.SPILL_FULL: 1},
    "two-brokers": {
        Fault.FAIL_OVER_KILL: 3,
        Fault.FAIL_OVER_TERMINATE: 2,
        Fault.FAIL_OVER_PAUSE: 1,
    },
}
#: Of the mixture, for each weight above: crashes come most, full disks, which take long, least.
SHARES = {"broker": 3, "clients": 10, "database": 15, "cuts": 20, "disks": 10, "two-brokers": 15}
ALL = {
    fault: SHARES[group] * weight
    for group, weights in GROUPS.items()
    for fault, weight in weights.items()
}
GROUPS["all"] = ALL
GROUPS.update({fault.label: {fault: 1} for fault in Fault})

SMALL_DISKS = frozenset(GROUPS["disks"])
POSTGRES = frozenset(
    {*GROUPS["database"], *GROUPS["cuts"], *GROUPS["two-brokers"], Fault.WAL_FULL}
)
BY_DEFAULT = ("broker", "clients", "database", "cuts", "disks", "two-brokers", "all")
FEW = 4  # rounds of the mixture, without $ROUNDS; of others, as many as there are faults
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
            f"round {self.number}: {self.fault.value}, {self.jitter_s * 1000:.0f} ms after"
            f" {self.after_confirms} confirms and {self.after_deliveries} deliveries,"
            f" for {self.down_s * 1000:.0f} ms"
        )


def seed() -> int:
    """$SEED, or a fresh one."""
    given = os.environ.get("SEED")
    return int(given) if given else random.SystemRandom().randrange(1 << 31)


def faults(storage: str, group: str, small_disks: bool = True) -> dict[Fault, int]:
    """Those of the group that can befall a store, with their weights."""
    return {
        fault: weight
        for fault, weight in GROUPS[group].items()
        if (storage == "postgres" or fault not in POSTGRES)
        and (small_disks or fault not in SMALL_DISKS)
    }


def cases(stores: list[str]) -> list[tuple[str, str]]:
    """Storage and group of faults: those that go together, and that $FAULT names.

    Without it all groups; the mixture alone if $MINUTES says how long.
    """
    wanted = [name for name in os.environ.get("FAULT", "").split(",") if name]
    for name in wanted:
        if name not in GROUPS:
            raise ValueError(f"FAULT={name}: there are {', '.join(GROUPS)}")
    wanted = wanted or (["all"] if minutes() else list(BY_DEFAULT))
    return [
        (storage, group)
        for storage in stores
        for group in GROUPS
        if group in wanted and faults(storage, group)
    ]


def minutes() -> float:
    """$MINUTES; 0 without."""
    return float(os.environ.get("MINUTES") or 0)


def round_count(storage: str, group: str) -> Optional[int]:
    """$ROUNDS, or as many as fit into $MINUTES (None), or few."""
    if given := os.environ.get("ROUNDS"):
        return int(given)
    if minutes():
        return None
    return FEW if group == "all" else len(faults(storage, group))


def longest_s(storage: str, group: str) -> float:
    """When a run must be over, on a slow and busy machine."""
    if minutes():
        return minutes() * 60 + 600
    return 150 + 120 * (round_count(storage, group) or 0)


def rounds(of: random.Random, producers: int, weights: dict[Fault, int]) -> Iterator[Round]:
    """Without end: each fault once, unless it is the mixture; then as they weigh."""
    each_once = [] if len(weights) > len(GROUPS["broker"]) else list(weights)
    for number in itertools.count(1):
        messages = of.randrange(60, 200)
        total = messages * producers
        drawn = of.choices(list(weights), weights=list(weights.values()))[0]
        yield Round(
            number=number,
            messages=messages,
            # Early enough that much is under way, whatever the pace of the machine.
            after_confirms=int(total * of.uniform(0.05, 0.6)),
            after_deliveries=int(total * of.uniform(0.05, 1.0)),
            fault=each_once[number - 1] if number <= len(each_once) else drawn,
            jitter_s=of.uniform(0, 0.03),
            down_s=of.uniform(0, 0.4),
            refuse=of.random() < 0.5,
        )


def in_time(planned: Iterator[Round], count: Optional[int]) -> Iterator[Round]:
    """The first `count` of them, none that begins after $MINUTES minutes."""
    ends = time.monotonic() + minutes() * 60
    for part in itertools.islice(planned, count):
        if minutes() and time.monotonic() > ends:
            return
        yield part
