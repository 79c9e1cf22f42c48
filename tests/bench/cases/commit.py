"""What one message costs that nobody sends another beside: publish, confirm, and so on."""

from __future__ import annotations

from peers.peer import Figures, LoadedPeer
from peers.pgbench import PgBench
from peers.warren_peer import WarrenPostgres

from .queues import by_time

# No index, no fence, nothing to read: less can't be committed. Prepared, so that the body isn't
# even sent.
TABLE = "CREATE TABLE bare (id bigint, body bytea)"
INSERT = "INSERT INTO bare VALUES (1, convert_to(repeat('w', {size}), 'UTF8'));\n"


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
        "bare", INSERT.format(size=peer.settings.size), [f"--time={seconds}"]
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
