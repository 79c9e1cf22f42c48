"""PostgreSQL alone: the rows of messages by binary COPY, a transaction for each batch.

warren_copy_bench takes turns with it and with Warren's journal, without a broker, so that a busy
disk slows both alike; see tests/bench/copy_bench.cc.
"""

from __future__ import annotations

import re
from typing import ClassVar

from .peer import Figures, SelfLoadedPeer

BATCH = 1000
CASES = ("copy", "journal_alone")
LINE = re.compile(rf"batches of +{BATCH}, backlog +bare COPY +(\d+)/s +Append +(\d+)/s")


class PostgresCopy(SelfLoadedPeer):
    """The program starts its own server. It measures both cases at once, but no cost of either."""

    name: ClassVar[str] = "postgres-copy"

    def start(self) -> None:
        """See Peer."""
        self._rates: dict[str, float] = {}
        self._program = self.program("warren_copy_bench")

    def run(self, case: str) -> Figures:
        """See SelfLoadedPeer."""
        if not self._rates:
            said = self.measured([self._program, str(self.settings.messages)]).outputs[0]
            found = LINE.search(said)
            if found is None:
                raise RuntimeError(f"{self._program} told no rates:\n{said}")
            self._rates = dict(zip(CASES, map(float, found.groups())))
        return Figures(msgs_per_s=self._rates[case])
