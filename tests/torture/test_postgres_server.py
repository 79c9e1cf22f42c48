"""The PostgreSQL of the tests keeps what it committed, however it is ended, and leaves nothing."""

from __future__ import annotations

import time
from typing import Callable

import pytest
import storages
from postgres_server import PostgresServer, children

ENDS: dict[str, Callable[[PostgresServer], None]] = {
    "kill": PostgresServer.kill,
    "immediate": lambda server: server.stop("immediate"),
    "fast": PostgresServer.stop,
}


def test_it_comes_back_after_any_end_and_goes_without_a_trace() -> None:
    if reason := storages.why_not("postgres"):
        pytest.skip(reason)
    with PostgresServer() as server:
        assert server.query("postgres", "SHOW fsync") == [["on"]]
        server.create_database()
        server.query("test1", "CREATE TABLE t (what text)")
        for name, end in ENDS.items():
            server.query("test1", f"INSERT INTO t VALUES ('{name}')")
            processes = [server.pid, *children(server.pid)]
            end(server)
            assert not server.running
            # Whoever has let go of the log is about to be gone.
            ends = time.monotonic() + 10
            while any(is_postgres(pid) for pid in processes):
                assert time.monotonic() < ends, f"{processes} are there"
            server.start()
        assert server.query("test1", "SELECT what FROM t") == [[name] for name in ENDS]
        directory = server.directory
    assert not directory.exists()


def is_postgres(pid: int) -> bool:
    """Whether it is there and not just waiting for its parent to take notice of its end."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            name, _, rest = file.read().rpartition(") ")
    except OSError:
        return False
    return name.endswith("(postgres") and rest[0] != "Z"
