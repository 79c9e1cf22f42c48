"""How long to wait before the next attempt to reach the broker."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass
class Backoff:
    """Exponential, capped, with jitter so that a thousand clients don't return as one.

    The pauses are drawn from [half, whole] of min(maximum, initial * 2^n). Not thread-safe.
    """

    initial_s: float = 0.05
    maximum_s: float = 1.0
    random: random.Random = field(default_factory=random.Random)
    _attempt: int = 0

    def next_s(self) -> float:
        """The next pause in seconds."""
        whole = min(self.maximum_s, self.initial_s * 2.0 ** min(self._attempt, 30))
        self._attempt += 1
        return self.random.uniform(whole / 2, whole)

    def reset(self) -> None:
        """Forgets the failures; called once the broker has answered."""
        self._attempt = 0
