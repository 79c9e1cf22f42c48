"""The disk alone: how fast bytes can be appended and synced, whatever they are."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import ClassVar

from .peer import Figures, SelfLoadedPeer

PROGRAM = Path(__file__).resolve().parents[1] / "append_bench.py"


class Disk(SelfLoadedPeer):
    """No server: a file that grows."""

    name: ClassVar[str] = "disk"

    def run(self, case: str) -> Figures:
        """A sync for each window of messages, which is when a producer must wait at the latest."""
        s = self.settings
        measured = self.measured([
            sys.executable, str(PROGRAM), str(self.folder / "file"), str(s.seconds),
            str(s.window * s.size),
        ])  # fmt: skip
        result = json.loads(measured.outputs[0])
        messages = result["syncs"] * s.window
        return Figures(
            msgs_per_s=messages / result["seconds"],
            cpu_s_per_million=measured.cpu_s / messages * 1e6,
            rss_mib=measured.rss_mib,
            p50_ms=result["p50_ms"],
            p99_ms=result["p99_ms"],
        )
