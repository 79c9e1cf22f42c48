"""PostgreSQL is away for a while, or its disk is full: publishers wait and know why, nobody else.

What is in memory goes to consumers as ever. Once the trouble is over all goes on by itself: no
restart, nothing lost, nothing doubled.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Callable, Optional

import pytest
import storages
import warren
from postgres_server import PostgresServer
from small_disk import CannotMount, SmallDisk
from warren_process import WarrenProcess

SOON_S = 60.0  # on a slow and busy machine
TOLD_S = 5.0
QUEUE = "q"
BEFORE = 200  # messages that are there when the trouble begins
PREFETCH = 20
BODY = bytes(10_000)

NewBroker = Callable[..., WarrenProcess]


class Load:
    """One publisher and one consumer of a queue that has BEFORE messages in it."""

    def __init__(self, broker: WarrenProcess, stack: ExitStack) -> None:
        self._connection = stack.enter_context(warren.connect(broker.grpc, timeout=SOON_S))
        self._connection.declare_queue(QUEUE, durable=True)
        self._held = threading.Event()
        self.reasons: list[warren.Blocked] = []
        self._publisher = self._connection.publisher(
            max_unconfirmed=100_000, on_blocked=self._on_blocked
        )
        stack.callback(self._publisher.close, flush=False)
        self._confirms: list[warren.Confirm] = []
        self.publish(BEFORE)
        self._publisher.flush(SOON_S)
        self._consumer = stack.enter_context(self._connection.consume(QUEUE, prefetch=PREFETCH))
        self._got: list[warren.Delivery] = []

    @property
    def held(self) -> bool:
        """Whether the publisher was told that the store is the trouble."""
        return self._held.is_set()

    def wait_held(self) -> None:
        assert self._held.wait(SOON_S), "the publisher was not told"

    def publish(self, messages: int) -> None:
        for _ in range(messages):
            number = len(self._confirms)
            body = b"%d %s" % (number, BODY)
            self._confirms.append(self._publisher.publish("", QUEUE, body))

    def consume(self, count: int) -> None:
        """Takes and settles so many; the settlements need not be durable yet."""
        for _ in range(count):
            delivery = self._consumer.get(SOON_S)
            assert delivery is not None, f"only {len(self._got)} came"
            assert not delivery.redelivered
            assert delivery.ack()
            self._got.append(delivery)

    def finish(self) -> None:
        """Everything is confirmed, consumed and settled, once and in order."""
        outcomes = {confirm.result(SOON_S) for confirm in self._confirms}
        assert outcomes == {warren.Outcome.ACCEPTED}
        self.consume(len(self._confirms) - len(self._got))
        self._consumer.flush(SOON_S)
        numbers = [int(delivery.body.split(b" ", 1)[0]) for delivery in self._got]
        assert numbers == list(range(len(self._confirms)))

    @property
    def unconfirmed(self) -> int:
        return self._publisher.unconfirmed

    def _on_blocked(self, why: Optional[warren.Blocked]) -> None:
        if why is not None:
            self.reasons.append(why)
            if why.reason == "STORAGE":
                self._held.set()


def assert_nothing_comes_back(broker: WarrenProcess) -> None:
    """Not even after a crash."""
    broker.kill()
    broker.start()
    with warren.connect(broker.grpc, timeout=SOON_S) as connection:
        assert connection.declare_queue(QUEUE, passive=True).message_count == 0


@pytest.fixture
def skipped_without_postgres() -> None:
    if reason := storages.why_not("postgres"):
        pytest.skip(reason)


@pytest.mark.parametrize("mode", ["kill", "immediate", "fast"])
def test_consumers_go_on_and_publishers_know_why_they_wait(
    new_broker: NewBroker, skipped_without_postgres: None, mode: str
) -> None:
    with PostgresServer() as server, ExitStack() as stack:
        broker = new_broker(server.create_database()).start()
        pid = broker.pid
        load = Load(broker, stack)
        if mode == "kill":
            server.kill()
        else:
            server.stop(mode)
        began = time.monotonic()
        load.publish(10)
        load.wait_held()
        assert time.monotonic() - began < TOLD_S
        load.consume(BEFORE)
        assert load.unconfirmed == 10
        server.start()
        load.finish()
        assert broker.pid == pid and broker.running
        assert_nothing_comes_back(broker)
        broker.stop()


@pytest.fixture(params=["data", "write-ahead log"])
def small(
    request: pytest.FixtureRequest, skipped_without_postgres: None
) -> Iterator[tuple[PostgresServer, SmallDisk]]:
    """PostgreSQL with its data, or its write-ahead log, on a small disk."""
    with ExitStack() as stack:
        other = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="warren-wal-")))
        data = request.param == "data"
        try:
            disk = stack.enter_context(SmallDisk(160 if data else 80))
        except CannotMount as why:
            pytest.skip(str(why))
        server = PostgresServer(
            data_in=disk.path if data else None,
            wal_in=other if data else disk.path,
            settings=["max_wal_size = 48MB", "min_wal_size = 32MB"],
        )
        yield stack.enter_context(server), disk


def test_a_full_disk_is_sat_out(
    new_broker: NewBroker, small: tuple[PostgresServer, SmallDisk]
) -> None:
    """PostgreSQL itself dies of a full write-ahead log; somebody must start it, we do."""
    server, disk = small
    with ExitStack() as stack:
        broker = new_broker(server.create_database()).start()
        pid = broker.pid
        load = Load(broker, stack)
        disk.fill()
        while not load.held:
            load.publish(50)
            disk.fill()
            threading.Event().wait(0.01)
            assert load.unconfirmed < 20_000, "the disk is full, and nobody minds"
        load.consume(BEFORE)
        assert load.unconfirmed > 0
        disk.free()
        if not server.running:
            server.start()
        load.finish()
        assert broker.pid == pid and broker.running
        assert_nothing_comes_back(broker)
        broker.stop()
