"""Consumers that work in transactions, while the broker holds publishers: they are the way out."""

import threading

import pytest
import warren
from warren_process import WarrenProcess


def move(connection, deliveries, target):
    """Passes deliveries on in one transaction."""
    with connection.transaction(timeout=20) as tx:
        for delivery in deliveries:
            tx.publish("", target, b"done")
            tx.ack(delivery)


def wait_for_log(broker, text):
    """Returns once the broker has said it."""
    for _ in range(1000):
        if any(text in line for line in broker.output):
            return
        threading.Event().wait(0.01)
    pytest.fail(f"the broker never said {text!r}")


def test_work_at_hand_is_finished_while_the_broker_stops(tmp_path, name):
    arguments = ["--drain-timeout=60s"]  # the stop waits for the transactions, not for this
    with WarrenProcess(tmp_path / "broker", arguments=arguments) as broker:
        with warren.connect(broker.grpc, timeout=20) as connection:
            connection.declare_queue(name)
            connection.declare_queue(name + "-done")
            connection.publish_batch([warren.Publication("", name, b"x")] * 20)
            with connection.consume(name, prefetch=10) as consumer:
                held = [consumer.get(10) for _ in range(10)]
                stop = threading.Thread(target=broker.stop)
                stop.start()
                wait_for_log(broker, "draining")
                move(connection, held[:5], name + "-done")
                assert stop.is_alive()
                move(connection, held[5:], name + "-done")
                stop.join(25)
                assert not stop.is_alive()
            broker.start()
            counts = [connection.declare_queue(queue, passive=True).message_count
                      for queue in (name, name + "-done")]  # fmt: skip
            assert counts == [10, 10]


def test_transactions_free_a_full_memory(tmp_path, name):
    arguments = ["--memory-limit=1M"]
    with WarrenProcess(tmp_path / "broker", arguments=arguments) as broker:
        with warren.connect(broker.grpc, timeout=20) as connection:
            connection.declare_queue(name)
            connection.declare_queue(name + "-done")
            blocked = threading.Event()
            publisher = connection.publisher(on_blocked=lambda why: why and blocked.set())
            confirms = [publisher.publish("", name, bytes(10_000)) for _ in range(400)]
            assert blocked.wait(20)
            assert publisher.blocked is None or publisher.blocked.reason == "MEMORY"
            with connection.consume(name) as consumer:
                for _ in range(40):
                    move(connection, [consumer.get(20) for _ in range(10)], name + "-done")
            assert {confirm.result(20) for confirm in confirms} == {warren.Outcome.ACCEPTED}
            publisher.close()
