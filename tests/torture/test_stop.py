"""A broker that is asked to stop, or paused by the system, under load."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import contextmanager
from typing import Callable, Iterator

import pytest
import warren
from storages import Storage
from warren_process import WarrenProcess

DRAIN_S = 2.0
GRACE_S = 10.0  # beyond the drain timeout: the last batch, the end of calls, a busy machine
PREFETCH = 50


@pytest.fixture
def broker(new_broker: Callable[..., WarrenProcess], durable_storage: Storage) -> WarrenProcess:
    return new_broker(durable_storage, f"--drain-timeout={DRAIN_S:g}s").start()


class Publishing:
    """Publishes numbers to a queue, as fast as it can, until it is told to stop."""

    def __init__(self, connection: warren.Connection, queue: str) -> None:
        self.confirms: list[warren.Confirm] = []
        self._queue = queue
        self._publisher = connection.publisher(max_unconfirmed=500)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set() and len(self.confirms) < 50_000:
            body = str(len(self.confirms))
            self.confirms.append(self._publisher.publish("", self._queue, body))

    def confirmed(self, count: int) -> bool:
        """Waits until so many are confirmed."""
        deadline = time.monotonic() + 60
        while len(self.confirms) <= count and time.monotonic() < deadline:
            self._thread.join(0.01)
        return self.confirms[count].result(60) == warren.Outcome.ACCEPTED

    def unconfirmed(self) -> set[bytes]:
        """Bodies of what isn't confirmed now."""
        return {b"%d" % n for n, confirm in enumerate(list(self.confirms)) if not confirm.done()}

    def finish(self) -> int:
        """Stops, waits for all confirms; how many were published."""
        self._stop.set()
        self._thread.join(60)
        self._publisher.close(timeout=60)
        assert all(confirm.result(0) for confirm in self.confirms)
        return len(self.confirms)


@contextmanager
def paused(broker: WarrenProcess) -> Iterator[None]:
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(broker.pid, signal.SIGCONT)


def take_all(connection: warren.Connection, queue: str) -> list[warren.Delivery]:
    out: list[warren.Delivery] = []
    while batch := connection.get(queue, 10_000, auto_ack=True):
        out += batch
    return out


def test_sigterm_under_load_keeps_all_and_flags_what_was_delivered(broker: WarrenProcess) -> None:
    with warren.connect(broker.grpc, timeout=60) as connection:
        for queue in ("served", "untouched"):
            connection.declare_queue(queue, durable=True)
        publishing = [Publishing(connection, queue) for queue in ("served", "untouched")]
        with connection.consume("served", prefetch=PREFETCH) as consumer:
            held = {consumer.get(60).body for _ in range(PREFETCH)}
            assert all(p.confirmed(1000) for p in publishing)

            began = time.monotonic()
            status = broker.stop()
            took = time.monotonic() - began
        assert status == 0, broker.logs()
        # What of these had been sent is sent again, and may be flagged as well.
        unconfirmed = [p.unconfirmed() for p in publishing]
        # The consumer settles nothing, so the drain takes its time, and not much more.
        assert DRAIN_S * 0.9 <= took <= DRAIN_S + GRACE_S
        broker.start()

        delivered = {"served": held, "untouched": set[bytes]()}
        for publisher, (queue, before), open_then in zip(
            publishing, delivered.items(), unconfirmed
        ):
            count = publisher.finish()
            got = take_all(connection, queue)
            assert [int(d.body) for d in got] == list(range(count))
            flagged = {d.body for d in got if d.redelivered}
            assert before <= flagged <= before | open_then


def test_sigterm_waits_for_settlements_and_not_a_moment_longer(
    new_broker: Callable[..., WarrenProcess], durable_storage: Storage
) -> None:
    with (
        new_broker(durable_storage, "--drain-timeout=60s") as broker,
        warren.connect(broker.grpc, timeout=60) as connection,
    ):
        connection.declare_queue("tasks", durable=True)
        connection.publish_batch([warren.Publication("", "tasks", str(n)) for n in range(20)])
        with connection.consume("tasks", prefetch=10) as consumer:
            held = [consumer.get(60) for _ in range(10)]
            stopping = threading.Thread(target=broker.stop)
            began = time.monotonic()
            stopping.start()
            broker.wait_output('"draining"')
            for delivery in held:
                assert delivery.ack()
            # With the last settlement the broker is free to go: no answer is owed any more.
            stopping.join(60)
            assert time.monotonic() - began < GRACE_S
        broker.start()
        left = take_all(connection, "tasks")
        assert [(int(d.body), d.redelivered) for d in left] == [(n, False) for n in range(10, 20)]


def test_a_paused_broker_goes_on_where_it_was(broker: WarrenProcess) -> None:
    with (
        warren.connect(broker.grpc, timeout=60) as connection,
        warren.connect(broker.grpc, timeout=0.5) as hasty,
    ):
        connection.declare_queue("q", durable=True)
        publishing = Publishing(connection, "q")
        with connection.consume("q", prefetch=200) as consumer:
            got = [consumer.get(60) for _ in range(100)]
            assert publishing.confirmed(500)
            with paused(broker):
                with pytest.raises(warren.Unavailable, match="no answer"):
                    hasty.declare_queue("q", passive=True)
            assert hasty.declare_queue("q", passive=True, durable=True).consumer_count == 1
            count = publishing.finish()
            while len(got) < count:
                delivery = consumer.get(60)
                assert delivery is not None
                got.append(delivery)
                if len(got) % 50 == 0:
                    for d in got[-150:]:
                        d.ack()
            for d in got:
                d.ack()
            consumer.flush(60)
        assert [int(d.body) for d in got] == list(range(count))
        assert not any(d.redelivered for d in got)
        assert take_all(connection, "q") == []
