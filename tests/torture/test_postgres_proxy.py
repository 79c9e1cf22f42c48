"""The proxy cuts where it says, and PostgreSQL itself tells what became of the transaction."""

from __future__ import annotations

import random
import struct
import subprocess
import time
from collections.abc import Iterator

import pytest
from postgres_proxy import Cut, Messages, PostgresProxy
from postgres_server import PostgresServer, bin_directory

TIMEOUT_S = 30.0
LAG_S = 0.05
COPY = "BEGIN; COPY t FROM STDIN; COPY t FROM STDIN; INSERT INTO t VALUES (3); COMMIT"
PLAIN = "BEGIN; INSERT INTO t VALUES (1), (2), (3); COMMIT"
# As the journal writes: one query of several statements is one transaction.
BATCH = "COPY t FROM STDIN; COPY t FROM STDIN; INSERT INTO t VALUES (3); SELECT 'commit_batch'"
# Or, if the batch is small, as prepared statements of which only the last is followed by a Sync.
PIPELINE = """\\startpipeline
INSERT INTO t VALUES (1), (2);
INSERT INTO t VALUES (3);
SELECT 'commit_batch';
\\endpipeline
"""
STATEMENTS = pytest.mark.parametrize(
    "statements", [PLAIN, COPY, BATCH, PIPELINE], ids=["plain", "copy", "batch", "pipeline"]
)


@pytest.fixture
def database(postgres: PostgresServer) -> str:
    name = postgres.create_database().partition("@/")[2].partition("?")[0]
    postgres.query(name, "CREATE TABLE t (i int)")
    return name


@pytest.fixture(params=["unix", "tcp"])
def proxy(postgres: PostgresServer, request: pytest.FixtureRequest) -> Iterator[PostgresProxy]:
    seed = random.SystemRandom().randrange(1 << 31)
    print(f"seed {seed}")
    dice = random.Random(seed)
    with PostgresProxy(postgres.socket, dice, tcp=request.param == "tcp") as made:
        yield made


def run(url: str, statements: str) -> bool:
    """One simple query, or PIPELINE, over a connection of its own; whether it was answered."""
    command = ["psql", "-X", "-v", "ON_ERROR_STOP=1", "-c", statements, url]
    said = "1\n\\.\n2\n\\.\n"
    if statements == PIPELINE:  # which psql can't do
        command = ["pgbench", "-n", "-t", "1", "-M", "prepared", "-f", "-", url]
        said = statements
    done = subprocess.run(
        [bin_directory() / command[0], *command[1:]],
        input=said, capture_output=True, text=True, check=False, timeout=TIMEOUT_S,
    )  # fmt: skip
    return done.returncode == 0


def rows(server: PostgresServer, database: str) -> list[int]:
    # An old backend may not have seen yet that its client is gone: wait for its locks.
    lock = "BEGIN; LOCK TABLE t; SELECT i FROM t ORDER BY i; COMMIT"
    return [int(row[0]) for row in server.query(database, lock)]


@STATEMENTS
def test_what_is_not_cut_passes(postgres, proxy, database, statements) -> None:
    assert run(proxy.url(database), statements)
    assert rows(postgres, database) == [1, 2, 3]
    assert proxy.commits == 1


@STATEMENTS
@pytest.mark.parametrize(
    ("cut", "possible"),
    [(Cut.BEFORE, [[]]), (Cut.DURING, [[], [1, 2, 3]]), (Cut.AFTER, [[1, 2, 3]])],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_commit_is_cut(postgres, proxy, database, statements, cut, possible) -> None:
    proxy.arm(cut)
    assert not run(proxy.url(database), statements)
    assert proxy.wait_cut(TIMEOUT_S)
    assert rows(postgres, database) in possible
    assert proxy.commits == 0
    assert run(proxy.url(database), PLAIN), "the next connection is whole"


def test_a_late_commit_comes_after_the_next_one(postgres, proxy, database) -> None:
    proxy.late_s = TIMEOUT_S
    proxy.arm(Cut.LATE)
    assert not run(proxy.url(database), COPY)
    assert proxy.wait_cut(TIMEOUT_S)
    assert postgres.query(database, "SELECT count(*) FROM t") == [["0"]]
    assert run(proxy.url(database), "BEGIN; SELECT; COMMIT")
    assert proxy.wait_late(TIMEOUT_S)
    assert rows(postgres, database) == [1, 2, 3]


def test_any_byte_can_be_the_last(postgres, proxy, database) -> None:
    for _ in range(8):
        proxy.arm(Cut.BYTE, within=2000)
        while not proxy.wait_cut(0):  # the cut may take no more than a farewell
            run(proxy.url(database), COPY)
    assert len(rows(postgres, database)) % 3 == 0


def test_a_refusing_proxy_looks_like_a_database_that_is_away(postgres, proxy, database) -> None:
    held = subprocess.Popen(
        [bin_directory() / "psql", "-X", "-c", "SELECT pg_sleep(600)", proxy.url(database)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert proxy.wait_connected(TIMEOUT_S)
    proxy.refuse()
    _, said = held.communicate(timeout=TIMEOUT_S)
    assert held.returncode == 2, said
    assert not run(proxy.url(database), PLAIN)
    proxy.accept()
    assert run(proxy.url(database), PLAIN)


def test_a_slow_proxy_passes_all_later(postgres, proxy, database) -> None:
    with proxy.slowed(LAG_S):
        began = time.monotonic()
        assert run(proxy.url(database), COPY)
    assert time.monotonic() - began >= 4 * LAG_S, "greeting, query, answer and farewell at least"
    assert rows(postgres, database) == [1, 2, 3]


def test_messages_are_found_however_the_stream_is_cut() -> None:
    seed = random.SystemRandom().randrange(1 << 31)
    print(f"seed {seed}")
    dice = random.Random(seed)
    startup = struct.pack("!ii", 8, 80877103) + struct.pack("!ii4s", 12, 196608, b"\0\0\0\0")
    sent = [("d", bytes(dice.randrange(0, 90))) for _ in range(200)]
    sent.insert(100, ("d", bytes(3 << 20)))  # its content isn't kept
    stream = startup + b"".join(
        kind.encode() + struct.pack("!i", len(content) + 4) + content for kind, content in sent
    )
    messages = Messages(startup=True)
    found = []
    position = 0
    while position < len(stream):
        size = dice.choice([1, 7, 100, 1 << 16])
        piece = stream[position : position + size]
        for kind, content, begin, end in messages.feed(piece):
            assert 0 <= begin < end <= len(piece)
            found.append((kind, content))
        position += size
    assert [kind for kind, _ in found[:2]] == ["", ""]
    assert found[2:] == [message for message in sent if len(message[1]) < 1 << 20]
