"""/livez, /readyz, /startupz and grpc.health.v1 of real brokers: what they say, when, and why."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Callable

import grpc
import pytest
import warren
from exposition import get, scrape
from postgres_server import PostgresServer
from storages import Storage, why_not
from warren_process import WarrenProcess

PATIENCE_S = 30.0
CHECK = "/grpc.health.v1.Health/Check"
SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"  # HealthCheckResponse, as it is on the wire
BROKER_SERVICE = b"\x0a\x17warren.v1.BrokerService"


def eventually(address: str, path: str, status: int, text: str = "") -> str:
    """Waits until a page answers so; what it says then."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        told = get(address, path)
        if told[0] == status and text in told[1]:
            return told[1]
        assert time.monotonic() < deadline, f"{path}: {told}, not {status} {text}"
        time.sleep(0.02)


def health(broker: WarrenProcess, request: bytes = b"") -> bytes:
    with grpc.insecure_channel(broker.grpc) as channel:
        answer: bytes = channel.unary_unary(CHECK)(request, timeout=10)
        return answer


def http_of(broker: WarrenProcess) -> str:
    """The HTTP port of one that doesn't take calls yet."""
    line = broker.wait_output("serving metrics and health")
    address: str = json.loads(line)["http"]
    return address


@pytest.fixture
def database() -> Iterator[PostgresServer]:
    if why_not("postgres"):
        pytest.skip(why_not("postgres"))
    with PostgresServer() as server:
        yield server


def test_a_broker_that_serves_is_well(
    new_broker: Callable[..., WarrenProcess], storage: Storage
) -> None:
    broker = new_broker(storage).start()
    assert get(broker.http, "/startupz") == (200, "started\n")
    assert get(broker.http, "/readyz") == (200, "ready\n")
    assert get(broker.http, "/livez") == (200, "alive\n")
    assert health(broker) == health(broker, BROKER_SERVICE) == SERVING
    with pytest.raises(grpc.RpcError) as refused:
        health(broker, b"\x0a\x04none")
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND
    assert get(broker.http, "/nothing")[0] == 404


def test_one_that_stands_by_says_whom_it_waits_for(
    new_broker: Callable[..., WarrenProcess], postgres: PostgresServer
) -> None:
    storage = postgres.create_database()
    first = new_broker(storage).start()
    began = datetime.now(timezone.utc).replace(microsecond=0)
    second = new_broker(storage).stand_by()
    http = second.http
    for page in ("/startupz", "/readyz"):
        said = eventually(http, page, 200, "standing by for")
        assert f"process {first.pid}, at {first.grpc}, since " in said
        since = datetime.strptime(said.split("since ")[1].strip(), "%Y-%m-%dT%H:%M:%SZ")
        assert began <= since.replace(tzinfo=timezone.utc) <= datetime.now(timezone.utc)
    assert get(http, "/livez") == (200, "alive\n")
    assert health(second) == SERVING, "as the first says, through the second's forwarder"
    told = scrape(http)
    assert told["warren_storage_errors_total"].value() == 0, "waiting is no trouble"
    assert told["warren_shard_leader"].value() == 0
    assert told["warren_lease_remaining_seconds"].value() == 0
    leader = scrape(first.http)
    assert leader["warren_shard_leader"].value() == 1
    assert 0 < leader["warren_lease_remaining_seconds"].value() <= 10
    first.stop()
    assert second.wait_ready(PATIENCE_S)
    assert get(http, "/startupz") == (200, "started\n")
    assert get(http, "/readyz") == (200, "ready\n")
    told = scrape(http)
    assert told["warren_shard_leader"].value() == 1
    assert told["warren_shard_epoch"].value() == leader["warren_shard_epoch"].value() + 1


def test_one_that_stands_by_without_a_database_is_not_ready(
    new_broker: Callable[..., WarrenProcess], database: PostgresServer
) -> None:
    storage = database.create_database()
    first = new_broker(storage, "--lease=60s").start()
    second = new_broker(storage).stand_by()
    database.stop()
    eventually(second.http, "/readyz", 503, "the store can't be opened yet")
    assert get(second.http, "/livez") == (200, "alive\n")
    database.start()
    eventually(second.http, "/readyz", 200, f"process {first.pid}")
    database.stop()
    eventually(second.http, "/readyz", 503, "the store can't be opened yet")
    database.start()
    eventually(second.http, "/readyz", 200, f"process {first.pid}")


def test_readiness_follows_the_store_and_liveness_does_not(
    new_broker: Callable[..., WarrenProcess], database: PostgresServer
) -> None:
    broker = new_broker(database.create_database(), "--lease=1s").start()
    database.stop()
    with warren.connect(broker.grpc, timeout=60) as connection:
        said = eventually(broker.http, "/readyz", 503, "store: ")
        assert len(said.splitlines()) == 1
        assert get(broker.http, "/livez") == (200, "alive\n")
        assert get(broker.http, "/startupz") == (200, "started\n")
        assert health(broker) == NOT_SERVING
        told = scrape(broker.http)
        assert told["warren_alarm_active"].value(alarm="storage") == 1
        database.start()
        eventually(broker.http, "/readyz", 200)
        assert health(broker) == SERVING
        connection.declare_queue("orders")
    assert scrape(broker.http)["warren_flow_blocked_seconds_total"].value() > 0


def test_a_database_that_is_not_there_yet_is_waited_for(
    new_broker: Callable[..., WarrenProcess], database: PostgresServer
) -> None:
    storage = database.create_database()
    database.stop()
    broker = new_broker(storage)
    broker.launch()
    http = http_of(broker)
    eventually(http, "/startupz", 503, "can't be opened yet")
    assert scrape(http)["warren_storage_connected"].value() == 0
    assert scrape(http)["warren_storage_errors_total"].value() >= 1
    database.start()
    eventually(http, "/startupz", 200)
    assert scrape(http)["warren_storage_connected"].value() == 1


def test_a_broker_that_drains_is_not_ready(
    new_broker: Callable[..., WarrenProcess], storage: Storage
) -> None:
    broker = new_broker(storage, "--drain-timeout=20s").start()
    with warren.connect(broker.grpc) as connection:
        connection.declare_queue("orders")
        connection.publish("", "orders", b"one")
        with connection.consume("orders") as consumer:
            delivery = consumer.get(10)
            assert delivery is not None
            os.kill(broker.pid, signal.SIGTERM)
            eventually(broker.http, "/readyz", 503, "drains")
            assert get(broker.http, "/livez") == (200, "alive\n")
            assert health(broker) == NOT_SERVING
            delivery.ack()
    assert broker.wait_ended(PATIENCE_S) == 0


def test_a_loop_that_is_stuck_is_not_alive(new_broker: Callable[..., WarrenProcess]) -> None:
    """The main thread, which runs the loop, is held alone: the others go on."""
    broker = new_broker("memory:").start()
    with held_thread(broker.pid):
        assert "the loop has not answered" in eventually(broker.http, "/livez", 503)
        assert "the loop has not answered" in eventually(broker.http, "/readyz", 503)
        assert "warren_queues" not in scrape(broker.http), "nobody has told yet"
    eventually(broker.http, "/livez", 200)
    eventually(broker.http, "/readyz", 200)


@contextmanager
def held_thread(thread: int) -> Iterator[None]:
    """Holds one thread of another process while the block runs, as a debugger does."""
    seize, interrupt, detach, wait_all = 0x4206, 0x4207, 17, 0x40000000
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(seize, thread, None, None) != 0:
        pytest.skip(f"can't hold a thread here: {os.strerror(ctypes.get_errno())}")
    try:
        libc.ptrace(interrupt, thread, None, None)
        os.waitpid(thread, wait_all)
        yield
    finally:
        libc.ptrace(detach, thread, None, None)


def test_publishers_are_held_while_a_disk_is_nearly_full(
    new_broker: Callable[..., WarrenProcess],
) -> None:
    broker = new_broker("memory:", "--disk-free-limit=1000000GiB").start()
    with warren.connect(broker.grpc) as connection, connection.publisher() as publisher:
        publisher.publish("", "nowhere", b"x")
        deadline = time.monotonic() + PATIENCE_S
        while publisher.blocked is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert publisher.blocked is not None
        assert publisher.blocked.reason == "DISK"
        assert "--disk-free-limit" in publisher.blocked.message
        told = scrape(broker.http)
        assert told["warren_alarm_active"].value(alarm="disk") == 1
        assert told["warren_publishers_blocked"].value() == 1
        assert told["warren_disk_free_limit_bytes"].value() == 1_000_000 << 30
        assert get(broker.http, "/readyz")[0] == 200, "consumers are served"
        publisher.close(flush=False)
