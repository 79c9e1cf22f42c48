"""The asyncio client against a real broker."""

import asyncio

import pytest
import warren


def run(shared_broker, scenario):
    """Runs `scenario(connection)` on a fresh loop."""

    async def main():
        async with warren.aio.connect(shared_broker.grpc, timeout=15) as connection:
            await scenario(connection)

    asyncio.run(asyncio.wait_for(main(), 60))


async def take(consumer, count):
    """`count` deliveries; fails if they don't come."""
    out = []
    while len(out) < count:
        delivery = await consumer.get(10)
        assert delivery is not None, f"{len(out)} of {count} deliveries"
        out.append(delivery)
    return out


def test_pipelined_messages_arrive_once_and_in_order(shared_broker, name):
    async def scenario(connection):
        await connection.declare_queue(name)
        async with connection.publisher(max_unconfirmed=500) as publisher:
            confirms = [await publisher.publish("", name, str(n)) for n in range(5000)]
            await publisher.flush()
        assert {await confirm for confirm in confirms} == {warren.Outcome.ACCEPTED}
        async with connection.consume(name) as consumer:
            bodies = []
            async for delivery in consumer:
                bodies.append(int(delivery.body))
                delivery.ack()
                if len(bodies) == 5000:
                    break
            assert bodies == list(range(5000))
            await consumer.flush()
        assert (await connection.declare_queue(name)).message_count == 0

    run(shared_broker, scenario)


def test_topology_and_unary_calls(shared_broker, name):
    async def scenario(connection):
        await connection.declare_exchange(name, "fanout")
        await connection.declare_queue(name)
        await connection.bind(name, queue=name)
        assert await connection.publish(name, "", b"1") is warren.Outcome.ACCEPTED
        [result] = await connection.publish_batch([warren.Publication(name, "", b"2")])
        assert result.outcome is warren.Outcome.ACCEPTED
        first, second = await connection.get(name, 2)
        await connection.ack(first)
        with pytest.raises(TypeError, match="await connection"):
            second.ack()
        await connection.requeue(second)
        await connection.unbind(name, queue=name)
        assert await connection.purge_queue(name) == 1
        await connection.delete_exchange(name)
        assert await connection.delete_queue(name) == 0
        with pytest.raises(warren.NotFound):
            await connection.declare_queue(name, passive=True)

    run(shared_broker, scenario)


def test_errors_are_typed(shared_broker, name):
    async def scenario(connection):
        with pytest.raises(warren.NotFound):
            async with connection.consume(name):
                raise AssertionError("there is no such queue")
        async with connection.publisher() as publisher:
            confirm = await publisher.publish(name, "key", b"x")
            with pytest.raises(warren.NotFound):
                await confirm
            with pytest.raises(warren.NotFound):
                await publisher.flush()

    run(shared_broker, scenario)


def test_transactions_commit_or_roll_back(shared_broker, name):
    async def scenario(connection):
        await connection.declare_queue(name)
        await connection.publish("", name, b"in")
        async with connection.consume(name) as consumer:
            [delivery] = await take(consumer, 1)
            with pytest.raises(RuntimeError):
                async with connection.transaction() as tx:
                    tx.ack(delivery)
                    raise RuntimeError
            assert not delivery.settled
            async with connection.transaction() as tx:
                tx.ack(delivery)
                tx.publish("", name, b"out")
            assert delivery.settled
            [out] = await take(consumer, 1)
            assert out.body == b"out" and out.ack()
        assert (await connection.declare_queue(name)).message_count == 0

    run(shared_broker, scenario)


def test_one_consumer_has_several_queues(shared_broker, name):
    async def scenario(connection):
        queues = [f"{name}-{i}" for i in range(6)]
        for queue in queues:
            await connection.declare_queue(queue)
            await connection.publish("", queue, queue.encode())
        async with connection.consume(queues[:5], prefetch=2) as consumer:
            await consumer.add(queues[5])
            deliveries = await take(consumer, 6)
            assert {d.queue for d in deliveries} == set(queues)
            assert all(d.body == d.queue.encode() and d.ack() for d in deliveries)
            await consumer.flush()
            await consumer.remove(queues[0])
            assert consumer.queues == queues[1:]
            consumer.drain()
            assert [d async for d in consumer] == []
        for queue in queues:
            assert (await connection.declare_queue(queue)).message_count == 0

    run(shared_broker, scenario)


def test_draining_and_cancelling_end_the_iteration(shared_broker, name):
    async def scenario(connection):
        await connection.declare_queue(name)
        await connection.publish_batch([warren.Publication("", name, b"x")] * 10)
        seen = []
        async with connection.consume(name, prefetch=3) as consumer:
            async for delivery in consumer:
                seen.append(delivery)
                if len(seen) == 3:
                    consumer.drain()
        assert len(seen) == 3
        async with connection.consume(name) as consumer:
            await take(consumer, 10)
            await connection.delete_queue(name)
            with pytest.raises(warren.ConsumerCancelled):
                await consumer.get(10)

    run(shared_broker, scenario)


def test_publisher_and_consumer_survive_a_crash(broker, name):
    """Everything confirmed arrives at least once, in spite of SIGKILL; nothing twice unsettled."""

    async def scenario(connection):
        await connection.declare_queue(name)
        async with connection.publisher() as publisher, connection.consume(name) as consumer:
            confirms = []
            seen = set()
            for number in range(300):
                confirms.append(await publisher.publish("", name, str(number)))
                if number == 150:
                    await asyncio.to_thread(broker.kill)
                    await asyncio.to_thread(broker.start)
            await publisher.flush()
            outcomes = {await confirm for confirm in confirms}
            assert outcomes <= {warren.Outcome.ACCEPTED, warren.Outcome.DUPLICATE}
            while len(seen) < 300:
                [delivery] = await take(consumer, 1)
                seen.add(int(delivery.body))
                delivery.ack()
            assert seen == set(range(300))
            await consumer.flush()
        assert (await connection.declare_queue(name)).message_count == 0

    run(broker, scenario)
