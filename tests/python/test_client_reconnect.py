"""The client while its broker is killed, stopped and restarted."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
import warren
import warren.aio


@pytest.fixture
def connection(broker):
    """A connection to a broker that the test may kill."""
    with warren.connect(broker.grpc, timeout=30) as made:
        yield made


def drain(connection, queue):
    """All messages in the queue."""
    out = []
    while batch := connection.get(queue, 10_000, auto_ack=True):
        out += batch
    return [int(delivery.body) for delivery in out]


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_published_messages_are_neither_lost_nor_doubled(broker, connection, end, name):
    connection.declare_queue(name)
    half = threading.Event()

    def publish():
        with connection.publisher(max_unconfirmed=200) as publisher:
            for number in range(4000):
                confirms.append(publisher.publish("", name, str(number)))
                if number == 1000:
                    half.set()
            publisher.flush(60)

    confirms = []
    thread = threading.Thread(target=publish)
    thread.start()
    assert half.wait(30)
    getattr(broker, end)()
    broker.start()
    thread.join(60)
    assert all(c.result(0) is not warren.Outcome.UNROUTABLE for c in confirms)
    assert drain(connection, name) == list(range(4000))


def test_messages_published_while_the_broker_is_down_arrive(broker, connection, name):
    connection.declare_queue(name)
    with connection.publisher() as publisher:
        publisher.publish("", name, "0").result(10)
        broker.kill()
        confirms = [publisher.publish("", name, str(n)) for n in range(1, 100)]
        assert publisher.unconfirmed >= 99
        broker.start()
        assert {confirm.result(30) for confirm in confirms} == {warren.Outcome.ACCEPTED}
    assert drain(connection, name) == list(range(100))


def test_a_consumer_subscribes_again_and_its_old_deliveries_are_stale(broker, connection, name):
    connection.declare_queue(name)
    connection.publish("", name, b"0")
    with connection.consume(name, name="worker") as consumer:
        old = consumer.get(10)
        broker.kill()
        broker.start()
        new = consumer.get(30)
        assert new is not None and new.body == b"0" and new.redelivered
        assert old.stale and not old.ack()
        with pytest.raises(warren.StaleDelivery), connection.transaction() as tx:
            tx.ack(old)
        assert new.ack()
        consumer.flush(10)
        assert consumer.name.startswith("worker#")
    assert drain(connection, name) == []


def test_durable_settlements_survive_a_crash(broker, connection, name):
    connection.declare_queue(name)
    connection.publish_batch([warren.Publication("", name, str(n)) for n in range(100)])
    with connection.consume(name) as consumer:
        for _ in range(50):
            assert consumer.get(10).ack()
        consumer.flush(10)
        broker.kill()
    broker.start()
    assert drain(connection, name) == list(range(50, 100))


def test_transactions_apply_once_over_crashes(broker, connection, name):
    """Moves messages from queue to queue, in transactions, while the broker dies three times."""
    source, target = name, name + "-out"
    for queue in (source, target):
        connection.declare_queue(queue)
    connection.publish_batch([warren.Publication("", source, str(n)) for n in range(600)])
    stop = threading.Event()
    failures = []

    def move():
        with connection.consume(source, prefetch=20) as consumer:
            while not stop.is_set():
                batch = consumer.get_batch(5, timeout=0.1)
                if not batch:
                    continue
                try:
                    with connection.transaction() as tx:
                        for delivery in batch:
                            tx.publish("", target, delivery.body)
                            tx.ack(delivery)
                except warren.WarrenError as error:
                    failures.append(error)
                    for delivery in batch:
                        delivery.requeue()

    workers = [threading.Thread(target=move) for _ in range(2)]
    for worker in workers:
        worker.start()
    for count in (100, 250, 400):
        while connection.declare_queue(target, passive=True).message_count < count:
            pass
        broker.kill()
        broker.start()
    while connection.declare_queue(target, passive=True).message_count < 600:
        pass
    stop.set()
    for worker in workers:
        worker.join(30)
    assert sorted(drain(connection, target)) == list(range(600)), failures
    assert drain(connection, source) == []


def test_giving_up_fails_what_is_unconfirmed(broker, connection, name):
    connection.declare_queue(name)
    publisher = connection.publisher(give_up_after=0.3)
    consumer = connection.consume(name, give_up_after=0.3)
    broker.kill()
    confirm = publisher.publish("", name, b"x")
    with pytest.raises(warren.Unavailable):
        confirm.result(30)
    with pytest.raises(warren.Unavailable):
        publisher.publish("", name, b"y")
    with pytest.raises(warren.Unavailable):
        consumer.get(30)
    publisher.close(flush=False)


@pytest.mark.parametrize("flavour", ["sync", "async"])
@pytest.mark.parametrize("code", [grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL])
def test_a_call_that_a_stopping_broker_ends_is_unavailable(flavour, code):
    """A server that stops ends the calls that it has with CANCELLED, by gRPC itself."""

    class Ending(grpc.GenericRpcHandler):
        def service(self, _):
            return grpc.unary_unary_rpc_method_handler(lambda _, context: context.abort(code, ""))

    async def get_async(target):
        async with warren.aio.connect(target) as connection:
            await connection.get("q")

    server = grpc.server(ThreadPoolExecutor(1), handlers=[Ending()])
    target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    with pytest.raises(warren.Unavailable, match="before the answer") as raised:
        if flavour == "async":
            asyncio.run(get_async(target))
        else:
            with warren.connect(target) as connection:
                connection.get("q")
    server.stop(None)
    assert raised.value.reason == "ANSWER_LOST"
