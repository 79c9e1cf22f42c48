"""What a run of the torture does to the broker, decided from a seed before it begins.

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
    """What befalls the broker at the end of a round."""

    KILL = "SIGKILL"
    KILL_TWICE = "SIGKILL, and again soon after the next start"
    TERMINATE = "SIGTERM"
    PAUSE = "SIGSTOP, SIGCONT, then SIGKILL"


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
        down_s: how long the broker is down (or paused).
    """

    number: int
    messages: int
    after_confirms: int
    after_deliveries: int
    fault: Fault
    jitter_s: float
    down_s: float

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


def rounds(of: random.Random, producers: int, default: int) -> Iterator[Round]:
    """$ROUNDS rounds (`default` if unset), none that begins after $MINUTES minutes."""
    count = int(os.environ.get("ROUNDS", default))
    minutes = float(os.environ.get("MINUTES", "inf"))
    ends = time.monotonic() + minutes * 60
    for number in range(1, count + 1):
        messages = of.randrange(300, 900)
        total = messages * producers
        made = Round(
            number=number,
            messages=messages,
            # Early enough that much is under way, whatever the pace of the machine.
            after_confirms=int(total * of.uniform(0.05, 0.6)),
            after_deliveries=int(total * of.uniform(0.05, 1.0)),
            # The first is always a plain crash; a short run has one at least.
            fault=Fault.KILL
            if number == 1
            else of.choices(list(Fault), weights=[50, 20, 15, 15])[0],
            jitter_s=of.uniform(0, 0.03),
            down_s=of.uniform(0, 0.4),
        )
        if time.monotonic() > ends:
            return
        yield made
