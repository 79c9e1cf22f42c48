"""Consumers that work in transactions, while the broker holds publishers: they are the way out."""

import threading

import warren


def move(connection, deliveries, target):
    """Passes deliveries on in one transaction."""
    with connection.transaction(timeout=20) as tx:
        for delivery in deliveries:
            tx.publish("", target, b"done")
            tx.ack(delivery)


def test_work_at_hand_is_finished_while_the_broker_stops(new_broker, durable_storage, name):
    # The stop waits for the transactions, not for this.
    with new_broker(durable_storage, "--drain-timeout=60s") as broker:
        with warren.connect(broker.grpc, timeout=20) as connection:
            connection.declare_queue(name)
            connection.declare_queue(name + "-done")
            connection.publish_batch([warren.Publication("", name, b"x")] * 20)
            with connection.consume(name, prefetch=10) as consumer:
                held = [consumer.get(10) for _ in range(10)]
                stop = threading.Thread(target=broker.stop)
                stop.start()
                broker.wait_output("draining")
                move(connection, held[:5], name + "-done")
                assert stop.is_alive()
                move(connection, held[5:], name + "-done")
                stop.join(25)
                assert not stop.is_alive()
            broker.start()
            counts = [connection.declare_queue(queue, passive=True).message_count
                      for queue in (name, name + "-done")]  # fmt: skip
            assert counts == [10, 10]


def test_transactions_free_a_full_memory(new_broker, storage, name):
    with new_broker(storage, "--memory-limit=1M") as broker:
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
