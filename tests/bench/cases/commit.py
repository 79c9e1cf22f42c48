"""What one message costs that nobody sends another beside: publish, confirm, and so on."""

from __future__ import annotations

from peers.peer import Figures, LoadedPeer
from peers.pgbench import PgBench
from peers.warren_peer import WarrenPostgres

from .queues import by_time

# The row that Warren writes, without a fence: less can't be committed. What differs from message to
# message is a parameter of the prepared statement, so the body is sent. It is sent as text, as
# pgbench does, which for these bytes is the bytes themselves.
TABLE = (
    "CREATE TABLE bare (segment int, id bigint, published_at timestamptz, queues bigint[],"
    " expires_at_ms bigint[], due_at_ms bigint[], delivery_counts bigint[], exchange text,"
    " routing_key text, priority smallint, expiration_ms bigint, properties jsonb, headers jsonb,"
    " deaths jsonb, exact bytea, body bytea)"
    " WITH (toast_tuple_target = 8160, autovacuum_enabled = false)"
)
INSERT = (
    "INSERT INTO bare (segment, id, published_at, queues, exchange, routing_key, priority, body)"
    " VALUES (1, :client_id, '2026-01-01', '{1}', '', 'bench', 0, :body);\n"
)


def one_at_a_time(peer: LoadedPeer) -> Figures:
    """A persistent message is published when the one before is confirmed; nobody consumes."""
    load = peer.load("--persistent", "--consumers=0", "--window=1", *by_time(peer))
    return load.figures("confirmed_per_s", "confirm_latency")


def bare_commit(peer: LoadedPeer) -> Figures:
    """A row of the same bytes is inserted and committed, by libpq, on the same server."""
    assert isinstance(peer, WarrenPostgres)
    database = peer.create_database()
    peer.server.query(database.name, TABLE)
    pgbench = PgBench(peer.folder, database.url)
    seconds = max(1, round(peer.settings.seconds))
    command = pgbench.command(
        "bare", INSERT, [f"--time={seconds}", f"--define=body={'w' * peer.settings.size}"]
    )
    measured = peer.measured(command)
    times = sorted(pgbench.latencies_us("bare"))
    return Figures(
        msgs_per_s=len(times) / (sum(times) / 1e6),
        cpu_s_per_million=measured.cpu_s / len(times) * 1e6,
        rss_mib=measured.rss_mib,
        p50_ms=times[len(times) // 2] / 1e3,
        p99_ms=times[len(times) * 99 // 100] / 1e3,
    )
