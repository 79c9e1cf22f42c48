"""RocksDB alone: messages as values, in group commits; see tests/bench/rocksdb_bench.cc."""

from __future__ import annotations

import json
from typing import ClassVar

from .peer import Figures, SelfLoadedPeer

BATCH = 1000


class RocksDb(SelfLoadedPeer):
    """No server: a program with a store."""

    name: ClassVar[str] = "rocksdb-commits"

    def start(self) -> None:
        """See Peer."""
        self._program = self.program("warren_rocksdb_bench")

    def run(self, case: str) -> Figures:
        """See SelfLoadedPeer."""
        s = self.settings
        measured = self.measured([
            self._program, str(self.folder / "store"), str(s.seconds), str(BATCH), str(s.size),
        ])  # fmt: skip
        result = json.loads(measured.outputs[0])
        messages = result["commits"] * BATCH
        return Figures(
            msgs_per_s=messages / result["seconds"],
            cpu_s_per_million=measured.cpu_s / messages * 1e6,
            p50_ms=result["p50_ms"],
            p99_ms=result["p99_ms"],
        )
