"""A queue as people build it from a PostgreSQL table: INSERT, and DELETE … FOR UPDATE SKIP LOCKED.

Loaded by pgbench, with as many messages a transaction as the other systems' consumers settle at
once. Kind to the table: bodies are made in the server instead of being sent to it, and there is one
index only. What is consumed is sent to the client, as it is by the others.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Optional
from urllib.parse import urlsplit

from postgres_server import PostgresServer

from .peer import Figures, Measured, SelfLoadedPeer, Settings
from .pgbench import PgBench
from .warren_peer import start_postgres

SCHEMA = "CREATE TABLE queue (id bigserial PRIMARY KEY, body bytea NOT NULL)"
PUBLISH = """\
INSERT INTO queue (body) SELECT convert_to(repeat(md5(i::text), {size} / 32), 'UTF8')
  FROM generate_series(1, {batch}) AS i;
"""
CONSUME = """\
DELETE FROM queue WHERE id IN
  (SELECT id FROM queue ORDER BY id LIMIT {batch} FOR UPDATE SKIP LOCKED) RETURNING body;
"""


class SkipLocked(SelfLoadedPeer):
    """Latency is that of a transaction, since a table doesn't tell its consumers of news."""

    name: ClassVar[str] = "skip-locked"

    def __init__(self, settings: Settings, folder: Path) -> None:
        """Starts nothing yet."""
        super().__init__(settings, folder)
        self._server: Optional[PostgresServer] = None
        self._url = ""
        values = {"size": settings.size, "batch": settings.ack_batch}
        self._scripts = {
            "publish": PUBLISH.format(**values),
            "consume": CONSUME.format(**values),
        }

    def start(self) -> None:
        """See Peer."""
        self._server = start_postgres()
        self._url = self._server.create_database()
        self._query(SCHEMA)
        # pgbench's plan is made once, for an empty table: it would read all of it ever after.
        database = urlsplit(self._url).path[1:]
        self._query(f'ALTER DATABASE "{database}" SET enable_seqscan = off')
        # What TOAST compresses wouldn't be the same work.
        self._query("ALTER TABLE queue ALTER COLUMN body SET STORAGE EXTERNAL")
        self._pgbench = PgBench(self.folder, self._url)

    def stop(self) -> None:
        """See Peer."""
        if self._server is not None:
            self._server.close()

    def servers(self) -> list[int]:
        """See Peer."""
        assert self._server is not None
        return [self._server.pid]

    def version(self) -> str:
        """See Peer."""
        assert self._server is not None
        return self._server.version

    def run(self, case: str) -> Figures:
        """See SelfLoadedPeer."""
        s = self.settings
        transactions = s.messages // s.ack_batch
        if case == "publish_only":
            return self._counted("publish", transactions)
        if case == "drain":
            return self._counted("consume", transactions)
        before = self._published()
        left = self._rows()
        extent = ["-T", str(round(s.seconds))]
        measured = self.measured(self._command("publish", extent), self._command("consume", extent))
        consumed = self._published() - before - (self._rows() - left)
        self._query("TRUNCATE queue")
        return self._figures("consume", measured, consumed, round(s.seconds))

    def _counted(self, script: str, transactions: int) -> Figures:
        before = self._rows()
        measured = self.measured(self._command(script, ["-t", str(transactions)]))
        messages = transactions * self.settings.ack_batch
        after = self._rows()
        if abs(after - before) != messages:
            raise RuntimeError(f"{script}: {before} rows became {after}, {messages} were moved")
        seconds = sum(self._pgbench.latencies_us(script)) / 1e6
        return self._figures(script, measured, messages, seconds)

    def _figures(
        self, script: str, measured: Measured, messages: int, seconds: float
    ) -> Figures:
        times = sorted(self._pgbench.latencies_us(script))
        return Figures(
            msgs_per_s=messages / seconds,
            cpu_s_per_million=measured.cpu_s / messages * 1e6,
            rss_mib=measured.rss_mib,
            p50_ms=times[len(times) // 2] / 1e3,
            p99_ms=times[len(times) * 99 // 100] / 1e3,
        )

    def _command(self, script: str, extent: list[str]) -> list[str]:
        return self._pgbench.command(script, self._scripts[script], extent)

    def _query(self, sql: str) -> list[list[str]]:
        assert self._server is not None
        return self._server.query(urlsplit(self._url).path[1:], sql)

    def _rows(self) -> int:
        return int(self._query("SELECT count(*) FROM queue")[0][0])

    def _published(self) -> int:
        return int(self._query("SELECT last_value FROM queue_id_seq")[0][0])
