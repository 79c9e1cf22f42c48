"""Runs warrenctl as an operator does, with nothing of the machine's own settings."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from warren_process import WarrenProcess, binary

OK, REFUSED, USAGE, UNREACHABLE = range(4)
WARNING, CRITICAL, UNKNOWN = 1, 2, 3


class Ctl:
    """Runs it against one broker."""

    def __init__(self, broker: WarrenProcess, folder: Path, **environment: str) -> None:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("WARRENCTL_")}
        self._environment = {
            **inherited, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder),
            "WARRENCTL_ADDRESS": broker.grpc, **environment,
        }  # fmt: skip

    def __call__(self, *words: str, code: int = OK, stdin: str = "") -> str:
        """Its output; the exit code is as expected."""
        done = self.run(*words, stdin=stdin)
        assert done.returncode == code, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout + (done.stderr if code != OK else "")

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "-o", "json"))

    def run(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [binary().parent / "warrenctl", *words], env=self._environment, input=stdin,
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
