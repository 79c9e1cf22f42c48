"""Clients that vanish, never read, or open without end; others must not notice."""

from __future__ import annotations

import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import warren
from health import assert_serves, eventually, metric, resident_mib, round_trip
from warren._proto import broker_pb2 as pb
from warren._proto.message_pb2 import Message, Publication
from warren_process import WarrenProcess
from wire import Stream, Wire

STORAGES = ("rocksdb",)  # the store has no part in this
MIB = 1 << 20
MEMORY_LIMIT_MIB = 64
MAX_RESIDENT_MIB = 400
STREAMS = 1000
SOON_S = 5.0
DEADLINE_S = 60.0


@pytest.fixture
def small(tmp_path: Path) -> Iterator[WarrenProcess]:
    """A broker of the test's own, with little memory for bodies."""
    arguments = [f"--memory-limit={MEMORY_LIMIT_MIB}MiB", "--drain-timeout=0s"]
    with WarrenProcess(tmp_path / "broker", arguments=arguments) as broker:
        yield broker
        assert broker.running, broker.logs()


def flood(
    publisher: warren.Publisher, queue: str, stop: threading.Event, body: bytes = bytes(16 << 10)
) -> None:
    while not stop.is_set():
        try:
            publisher.publish("", queue, body, persistent=False, timeout=1)
        except TimeoutError:
            pass  # the window is full: the broker holds us


def is_held(broker: WarrenProcess, publisher: warren.Publisher) -> bool:
    """Whether the broker takes nothing more, and not just until it has paged something out."""
    taken = metric(broker, "warren_messages_received_total")
    threading.Event().wait(0.5)
    still = publisher.blocked is not None
    return still and metric(broker, "warren_messages_received_total") == taken


def subscribe(queue: str, **options: object) -> pb.ConsumeRequest:
    return pb.ConsumeRequest(subscribe=pb.Subscribe(queue=queue, **options))


def test_what_a_killed_client_held_is_redelivered_soon(broker: WarrenProcess, queue: str) -> None:
    count = 50
    script = Path(__file__).parent / "vanishing_consumer.py"
    with warren.connect(broker.grpc, timeout=30) as connection:
        connection.publish_batch([warren.Publication("", queue, str(n)) for n in range(count)])
        client = subprocess.Popen(
            [sys.executable, str(script), broker.grpc, queue, str(count)],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert client.stdout is not None and client.stdout.readline() == "holding\n"
            with connection.consume(queue) as consumer:
                client.kill()
                began = time.monotonic()
                got = [consumer.get(30) for _ in range(count)]
                took = time.monotonic() - began
                assert [int(d.body) for d in got if d] == list(range(count))
                assert all(d.redelivered for d in got if d)
                assert took < SOON_S
                for delivery in got:
                    delivery.ack()
                consumer.flush(30)
        finally:
            client.kill()
            client.wait()
            client.stdout.close()


@pytest.mark.parametrize("auto_ack", [False, True])
def test_a_consumer_that_never_reads_costs_bounded_memory(
    small: WarrenProcess, auto_ack: bool
) -> None:
    with (
        warren.connect(small.grpc, timeout=60) as connection,
        warren.connect(small.grpc, timeout=60) as other,
        Wire(small.grpc) as wire,
    ):
        connection.declare_queue("flooded", durable=False)
        deaf = wire.stream(
            "Consume",
            subscribe(
                "flooded", prefetch_messages=65535, prefetch_bytes=1 << 62, auto_ack=auto_ack
            ),
        )
        other.declare_queue("calm", durable=False)
        stop, blocked = threading.Event(), threading.Event()
        publisher = connection.publisher(on_blocked=lambda why: why and blocked.set())
        flooding = threading.Thread(target=flood, args=(publisher, "flooded", stop))
        with other.consume("calm") as consumer:
            other.publish_batch([warren.Publication("", "calm", b"") for _ in range(50)])
            flooding.start()
            took = []
            while not blocked.is_set() and len(took) < 50:
                began = time.monotonic()
                delivery = consumer.get(30)
                assert delivery is not None and delivery.ack()
                consumer.flush(30)
                took.append(time.monotonic() - began)
            assert blocked.wait(DEADLINE_S)
            assert publisher.blocked is not None and publisher.blocked.reason == "MEMORY"
            # Publishers are held; whoever consumes goes on.
            while len(took) < 50:
                began = time.monotonic()
                delivery = consumer.get(30)
                assert delivery is not None and delivery.ack()
                consumer.flush(30)
                took.append(time.monotonic() - began)
        assert statistics.median(took) < 1
        assert resident_mib(small) < MAX_RESIDENT_MIB
        stop.set()
        flooding.join()
        deaf.cancel()
        connection.delete_queue("flooded")
        publisher.close(timeout=60)
        eventually(
            lambda: metric(small, "warren_memory_used_bytes") == 0, "bodies are still in memory",
            DEADLINE_S,
        )
        assert_serves(small)


def test_a_publisher_that_never_reads_its_confirms_costs_bounded_memory(
    small: WarrenProcess,
) -> None:
    """Each is refused with a long text of its own, so that confirms can't be merged into few."""
    with Wire(small.grpc) as wire:
        deaf = wire.stream("PublishStream", pb.PublishStreamRequest(open=pb.PublishOpen()))
        count, sent = 500, 100_000
        publications = [
            Publication(exchange="x" * 250 + str(n % 2), message=Message()) for n in range(count)
        ]
        for first in range(1, sent, count):
            batch = pb.PublishBatch(first_sequence=first, publications=publications)
            deaf.send(pb.PublishStreamRequest(batch=batch))
        took = [round_trip(small) for _ in range(20)]
        # The broker reads from it for a while, and stops long before all that it sent.
        received = [metric(small, "warren_messages_received_total")]
        while len(received) < 2 or received[-1] != received[-2]:
            threading.Event().wait(0.5)
            received.append(metric(small, "warren_messages_received_total"))
        took += [round_trip(small) for _ in range(20)]
        assert received[-1] < sent
        assert statistics.median(took) < 1
        assert resident_mib(small) < MAX_RESIDENT_MIB
        deaf.cancel()
        eventually(
            lambda: metric(small, "warren_publishers") == 0, "the publisher is still there",
            DEADLINE_S,
        )  # fmt: skip


def test_streams_opened_and_dropped_leave_nothing(broker: WarrenProcess, queue: str) -> None:
    before = {n: metric(broker, n) for n in ("warren_consumers", "warren_publishers")}
    for drop in ("cancel", "close"):
        wires = [Wire(broker.grpc) for _ in range(10)]
        streams: list[Stream] = []
        for number in range(STREAMS // 2):
            wire = wires[number % len(wires)]
            opening = pb.PublishStreamRequest(open=pb.PublishOpen(producer_id=f"{queue}-{number}"))
            streams.append(wire.stream("PublishStream", opening))
            streams.append(wire.stream("Consume", subscribe(queue, auto_ack=bool(number % 2))))
            if number % 100 == 99:
                for stream in streams[-200::2]:
                    assert stream.read().HasField("opened")
                for stream in streams[-199::2]:
                    assert stream.read().HasField("subscribed")
                if drop == "cancel":
                    for stream in streams[-200:]:
                        stream.cancel()
        for wire in wires:
            wire.close()
        for stream in streams:
            stream.cancel()
    with warren.connect(broker.grpc, timeout=30) as connection:
        eventually(
            lambda: connection.declare_queue(queue, passive=True).consumer_count == 0,
            "consumers are still there",
            DEADLINE_S,
        )
    for name, count in before.items():
        eventually(lambda n=name, c=count: metric(broker, n) <= c, f"{name} stays high", DEADLINE_S)


def test_calls_held_past_their_deadline_leave_nothing(new_broker) -> None:
    """Publishers are held for want of memory; a call that gives up is neither done nor kept."""
    broker = new_broker("memory:", "--memory-limit=1MiB", "--drain-timeout=0s").start()
    with warren.connect(broker.grpc, timeout=60) as connection, Wire(broker.grpc) as wire:
        connection.declare_queue("full", durable=False)
        # A small window, so that what is left of it has room once the queue is empty.
        publisher = connection.publisher(max_unconfirmed=100)
        stop = threading.Event()
        flooding = threading.Thread(target=flood, args=(publisher, "full", stop, b""))
        flooding.start()
        eventually(lambda: is_held(broker, publisher), "nobody is held", DEADLINE_S)
        stop.set()
        flooding.join()
        connection.declare_queue("late", durable=False)
        late = Publication(routing_key="late", message=Message(body=b"late"))
        for method, request in (
            ("Publish", pb.PublishRequest(publications=[late])),
            ("Commit", pb.CommitRequest(publications=[late])),
        ):
            for _ in range(20):
                assert wire.fails(method, request, timeout=0.05).code == "DEADLINE_EXCEEDED"
        connection.purge_queue("full")
        publisher.close(timeout=60)
        connection.publish("", "late", b"on time")
        assert [d.body for d in connection.get("late", 100, auto_ack=True)] == [b"on time"]
        assert metric(broker, "warren_publishers") == 0
