"""pgbench, PostgreSQL's own load generator, with a script of ours and the latency of each
transaction."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from postgres_server import bin_directory


class PgBench:
    """Scripts and logs lie in `folder`; one connection to the database at `url`."""

    def __init__(self, folder: Path, url: str) -> None:
        """Runs nothing."""
        self._folder = folder
        self._url = url

    def command(self, name: str, script: str, extent: Sequence[str]) -> list[str]:
        """Runs the script again and again; `extent` is pgbench's flag that says how long."""
        found = bin_directory()
        assert found is not None
        file = self._folder / f"{name}.sql"
        file.write_text(script)
        for old in self._logs(name):
            old.unlink()
        return [
            str(found / "pgbench"), "--no-vacuum", "--client=1", *extent, "--log",
            f"--log-prefix={self._folder / name}", f"--file={file}", "--protocol=prepared",
            self._url,
        ]  # fmt: skip

    def latencies_us(self, name: str) -> list[int]:
        """Of each transaction of the last run."""
        return [
            int(line.split()[2])
            for log in self._logs(name)
            for line in log.read_text().splitlines()
        ]

    def _logs(self, name: str) -> list[Path]:
        return sorted(p for p in self._folder.glob(f"{name}.*") if p.suffix != ".sql")
