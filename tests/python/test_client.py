"""The synchronous client against a real broker: topology, publishing, consuming, transactions."""

import contextlib
import threading
import time
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import datetime, timedelta, timezone

import pytest
import warren


def take(consumer, count, timeout=10):
    """`count` deliveries; fails if they don't come."""
    out = []
    while len(out) < count:
        delivery = consumer.get(timeout)
        assert delivery is not None, f"{len(out)} of {count} deliveries"
        out.append(delivery)
    return out


def count(connection, queue, expected, timeout=10):
    """The queue's ready messages; waits for `expected` of them.

    The broker learns a moment later that a consumer has gone, and has its messages back then.
    """
    deadline = time.monotonic() + timeout
    while True:
        found = connection.declare_queue(queue, passive=True).message_count
        if found == expected or time.monotonic() > deadline:
            return found


def test_a_declared_queue_tells_its_counts(connection, name):
    assert connection.declare_queue(name) == warren.QueueInfo(name, 0, 0)
    connection.publish("", name, b"x")
    with connection.consume(name, prefetch=1):
        info = connection.declare_queue(name, passive=True)
        assert info.consumer_count == 1
    assert count(connection, name, 1) == 1
    assert connection.delete_queue(name) == 1


def test_the_server_makes_a_name(connection):
    info = connection.declare_queue()
    assert info.name.startswith("amq.gen-")
    connection.delete_queue(info.name)


def test_errors_are_typed_and_name_the_object(connection, name):
    with pytest.raises(warren.NotFound) as caught:
        connection.declare_queue(name, passive=True)
    assert caught.value.reason == "QUEUE_NOT_FOUND"
    assert caught.value.metadata["name"] == name
    connection.declare_queue(name)
    with pytest.raises(warren.PreconditionFailed, match="max_length"):
        connection.declare_queue(name, max_length=5)
    with pytest.raises(warren.PermissionDenied):
        connection.declare_exchange("amq.mine")
    with pytest.raises(warren.InvalidArgument):
        connection.declare_queue(name + "2", dead_letter_routing_key="key")
    with pytest.raises(warren.NotFound):
        connection.consume(name + "-absent")
    with pytest.raises(warren.NotFound):
        connection.publish(name + "-absent", "key", b"x")


def test_topology_can_be_taken_down_again(connection, name):
    connection.declare_exchange(name, "topic")
    connection.declare_queue(name)
    connection.bind(name, "a.*", queue=name)
    assert connection.publish(name, "a.b", b"1", mandatory=True) is warren.Outcome.ACCEPTED
    connection.unbind(name, "a.*", queue=name)
    assert connection.publish(name, "a.b", b"2", mandatory=True) is warren.Outcome.UNROUTABLE
    assert connection.purge_queue(name) == 1
    connection.delete_exchange(name)
    assert connection.delete_queue(name) == 0


def test_a_message_arrives_as_it_was_published(connection, name):
    connection.declare_queue(name)
    now = datetime.now(timezone.utc).replace(microsecond=0)
    headers = {"s": "text", "i": -1, "f": 1.5, "b": True, "x": b"\x00", "t": now, "n": None,
               "list": [1, "a"], "table": {"deep": [False]}}  # fmt: skip
    connection.publish(
        "", name, b"body", headers=headers, message_id="id", correlation_id="c", reply_to="r",
        type="t", app_id="a", content_type="text/plain", content_encoding="identity",
        timestamp=now, expiration=60,
    )  # fmt: skip
    with connection.consume(name) as consumer:
        [delivery] = take(consumer, 1)
        assert delivery.body == b"body"
        assert delivery.headers == headers
        assert (delivery.exchange, delivery.routing_key) == ("", name)
        assert (delivery.message_id, delivery.correlation_id) == ("id", "c")
        assert (delivery.reply_to, delivery.type, delivery.app_id) == ("r", "t", "a")
        assert (delivery.content_type, delivery.content_encoding) == ("text/plain", "identity")
        assert (delivery.timestamp, delivery.expiration) == (now, timedelta(seconds=60))
        assert delivery.persistent and not delivery.redelivered
        assert abs(datetime.now(timezone.utc) - delivery.published_at) < timedelta(minutes=1)
        delivery.ack()


def test_pipelined_messages_arrive_once_and_in_order(connection, name):
    connection.declare_queue(name)
    with connection.publisher(max_unconfirmed=500) as publisher:
        confirms = [publisher.publish("", name, str(n)) for n in range(5000)]
        publisher.flush(30)
        assert publisher.unconfirmed == 0
    assert {confirm.result() for confirm in confirms} == {warren.Outcome.ACCEPTED}
    with connection.consume(name) as consumer:
        for number in range(5000):
            [delivery] = take(consumer, 1)
            assert int(delivery.body) == number
            delivery.ack()
        consumer.flush(10)
    assert connection.declare_queue(name).message_count == 0


def test_messages_get_an_identity_of_their_own(connection, name):
    connection.declare_queue(name)
    with connection.publisher(producer_id=name) as publisher:
        publisher.publish("", name, b"1")
        publisher.publish("", name, b"2", message_id="mine")
    with connection.consume(name) as consumer:
        assert [d.message_id for d in take(consumer, 2)] == [f"{name}:1", "mine"]


def test_several_threads_share_a_publisher(connection, name):
    connection.declare_queue(name)
    with connection.publisher() as publisher:

        def publish():
            for _ in range(500):
                publisher.publish("", name, b"x")

        threads = [threading.Thread(target=publish) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert connection.declare_queue(name).message_count == 2000


def test_one_bad_message_fails_alone(connection, name):
    connection.declare_queue(name)
    told = []
    with connection.publisher() as publisher:
        good = publisher.publish("", name, b"1")
        bad = publisher.publish(name + "-absent", "key", b"2")
        bad.add_done_callback(told.append)
        also_good = publisher.publish("", name, b"3")
        assert good.result(10) is also_good.result(10) is warren.Outcome.ACCEPTED
        with pytest.raises(warren.NotFound):
            bad.result(10)
        with pytest.raises(warren.NotFound):
            publisher.flush(10)
        publisher.flush(10)  # told once
    assert told == [bad]


def test_unroutable_can_be_an_error(connection, name):
    with connection.publisher(raise_unroutable=True) as publisher:
        confirm = publisher.publish("amq.direct", name, b"x", mandatory=True)
        with pytest.raises(warren.Unroutable):
            confirm.result(10)
        with pytest.raises(warren.Unroutable):
            publisher.flush(10)


def test_a_full_queue_rejects_and_names_itself(connection, name):
    connection.declare_queue(name, max_length=1, overflow="reject_publish")
    connection.publish("", name, b"1")
    with pytest.raises(warren.ResourceExhausted) as caught:
        connection.publish("", name, b"2")
    assert caught.value.reason == "QUEUE_FULL"
    assert caught.value.metadata["name"] == name


def test_a_batch_has_a_result_for_each_message(connection, name):
    connection.declare_queue(name)
    results = connection.publish_batch(
        [
            warren.Publication("", name, b"1"),
            warren.Publication(name + "-absent", "", b"2"),
            warren.Publication("amq.direct", name, b"3", mandatory=True),
        ]
    )
    assert results[0].outcome is warren.Outcome.ACCEPTED
    assert isinstance(results[1].error, warren.NotFound)
    assert results[2].outcome is warren.Outcome.UNROUTABLE


def test_a_named_producer_goes_on_where_it_ended(connection, name):
    connection.declare_queue(name)
    with connection.publisher(producer_id=name) as publisher:
        assert publisher.last_sequence == 0
        publisher.publish("", name, b"1", sequence=10)
    with connection.publisher(producer_id=name) as publisher:
        assert publisher.last_sequence == 10
        publisher.publish("", name, b"2")
    assert connection.declare_queue(name).message_count == 2


def test_a_second_publisher_of_a_name_takes_over(connection, name):
    first = connection.publisher(producer_id=name)
    with connection.publisher(producer_id=name), pytest.raises(warren.Aborted) as caught:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            first.publish("amq.direct", name, b"x").result(10)
    assert caught.value.reason == "PRODUCER_TAKEN_OVER"
    first.close(flush=False)


def test_requeue_reject_and_retry(connection, name):
    connection.declare_queue(name + "-dead")
    connection.declare_queue(name, dead_letter_exchange="", dead_letter_routing_key=name + "-dead")
    connection.publish("", name, b"x")
    with connection.consume(name) as consumer:
        [first] = take(consumer, 1)
        assert first.requeue() and first.settled
        [second] = take(consumer, 1)
        assert second.redelivered and second.delivery_count == 1
        started = time.monotonic()
        second.retry(0.2)
        [third] = take(consumer, 1)
        assert time.monotonic() - started >= 0.19
        third.reject()
    with connection.consume(name + "-dead") as consumer:
        [dead] = take(consumer, 1)
        [death] = dead.deaths
        assert (death.queue, death.reason, death.count) == (name, "rejected", 1)
        assert death.routing_keys == (name,)
        assert dead.headers["x-first-death-queue"] == name


def test_prefetch_bounds_what_is_unsettled_and_can_change(connection, name):
    connection.declare_queue(name)
    connection.publish_batch([warren.Publication("", name, b"x")] * 10)
    with connection.consume(name, prefetch=2) as consumer:
        take(consumer, 2)
        assert consumer.get(0.2) is None
        consumer.set_prefetch(5)
        take(consumer, 3)
        assert consumer.get(0.2) is None


def test_what_is_unsettled_comes_back_when_the_consumer_closes(connection, name):
    connection.declare_queue(name)
    connection.publish("", name, b"x")
    with connection.consume(name) as consumer:
        [old] = take(consumer, 1)
    assert old.stale or not old.ack()
    with connection.consume(name) as consumer:
        [new] = take(consumer, 1)
        assert new.redelivered


def test_settlements_before_close_are_kept(connection, name):
    connection.declare_queue(name)
    connection.publish_batch([warren.Publication("", name, b"x")] * 1000)
    with connection.consume(name) as consumer:
        for delivery in take(consumer, 1000):
            delivery.ack()
    assert connection.declare_queue(name).message_count == 0


def test_a_drained_consumer_ends_and_still_settles(connection, name):
    connection.declare_queue(name)
    connection.publish_batch([warren.Publication("", name, str(n)) for n in range(10)])
    with connection.consume(name, prefetch=3) as consumer:
        seen = []
        for delivery in consumer:
            seen.append(delivery)
            if len(seen) == 3:
                consumer.drain()
        assert len(seen) == 3
        assert all(delivery.ack() for delivery in seen)
        consumer.flush(10)
        with pytest.raises(warren.Closed):
            consumer.get(1)
    assert connection.declare_queue(name).message_count == 7


def test_auto_ack_settles_on_delivery(connection, name):
    connection.declare_queue(name)
    connection.publish_batch([warren.Publication("", name, b"x")] * 100)
    with connection.consume(name, auto_ack=True, prefetch=10) as consumer:
        assert all(delivery.settled for delivery in take(consumer, 100))
    assert connection.declare_queue(name).message_count == 0


def test_a_deleted_queue_cancels_its_consumers(connection, name):
    connection.declare_queue(name)
    with connection.consume(name) as consumer:
        connection.delete_queue(name)
        with pytest.raises(warren.ConsumerCancelled) as caught:
            next(consumer)
        assert caught.value.reason == "QUEUE_DELETED"


def test_one_consumer_has_several_queues(connection, name):
    queues = [f"{name}-{i}" for i in range(20)]
    for queue in queues:
        connection.declare_queue(queue)
        connection.publish("", queue, queue.encode())
    told = []
    with connection.consume(
        queues[:10], prefetch=2, on_queue_end=lambda queue, error: told.append((queue, error))
    ) as consumer:
        first = take(consumer, 10)
        assert {d.queue for d in first} == set(queues[:10])
        assert all(d.body == d.queue.encode() and d.ack() for d in first)
        for queue in queues[10:]:
            consumer.add(queue)
        assert consumer.queues == queues
        rest = take(consumer, 10)
        assert {d.queue for d in rest} == set(queues[10:])
        kept = rest.pop()
        assert all(d.ack() for d in rest)
        consumer.flush(10)
        # One leaves and has its message back; the others go on.
        consumer.remove(kept.queue)
        assert kept.stale and not kept.ack()
        assert count(connection, kept.queue, 1) == 1
        # One is refused, one is deleted: both are told, and end nothing else.
        consumer.add(f"{name}-missing")
        assert [(queue, error.reason) for queue, error in told] == [
            (f"{name}-missing", "QUEUE_NOT_FOUND")
        ]
        connection.delete_queue(queues[0])
        connection.publish("", queues[1], b"x")
        [delivery] = take(consumer, 1)
        assert delivery.queue == queues[1] and delivery.ack()
        assert told[1][0] == queues[0] and told[1][1].reason == "QUEUE_DELETED"
    assert all(count(connection, queue, 0) == 0 for queue in queues[1:10])


def test_a_list_with_a_queue_that_is_missing_is_refused(connection, name):
    connection.declare_queue(name)
    with pytest.raises(warren.NotFound) as caught:
        connection.consume([name, f"{name}-missing"])
    assert caught.value.reason == "QUEUE_NOT_FOUND"


def test_an_exclusive_queue_lives_with_its_consumer(connection, name):
    bindings = [warren.Binding("amq.topic", f"{name}.#")]
    with connection.consume(declare={"exclusive": True}, bindings=bindings) as consumer:
        assert consumer.queue.startswith("amq.gen-")
        connection.publish("amq.topic", f"{name}.a.b", b"x")
        [delivery] = take(consumer, 1)
        delivery.ack()
        queue = consumer.queue
    deadline = time.monotonic() + 10
    with pytest.raises(warren.NotFound):
        while time.monotonic() < deadline:  # locked, until the broker learns of the end
            with contextlib.suppress(warren.PreconditionFailed):
                connection.declare_queue(queue, passive=True)


def test_a_consumers_name_is_unique(connection, name):
    connection.declare_queue(name)
    with connection.consume(name, name=name) as consumer:
        assert consumer.name == name
        with pytest.raises(warren.PreconditionFailed) as caught:
            connection.consume(name, name=name)
        assert caught.value.reason == "CONSUMER_EXISTS"


def test_get_leases_messages_until_they_are_settled(connection, name):
    connection.declare_queue(name)
    assert connection.get(name) == []
    connection.publish_batch([warren.Publication("", name, str(n)) for n in range(5)])
    first, second, third = connection.get(name, 3)
    connection.ack(first)
    assert second.requeue()
    with pytest.raises(warren.StaleDelivery):
        connection.ack(first)
    connection.reject(third)
    assert [d.body for d in connection.get(name, 10, auto_ack=True)] == [b"1", b"3", b"4"]
    assert connection.declare_queue(name).message_count == 0


def test_a_lease_runs_out(connection, name):
    connection.declare_queue(name)
    connection.publish("", name, b"x")
    connection.get(name, lease=0.2)
    with connection.consume(name) as consumer:
        [delivery] = take(consumer, 1)
        assert delivery.redelivered


def test_a_transaction_does_all_of_it(connection, name):
    connection.declare_queue(name)
    connection.declare_queue(name + "-out")
    connection.publish("", name, b"in")
    with connection.consume(name) as consumer:
        [delivery] = take(consumer, 1)
        with connection.transaction() as tx:
            tx.publish("", name + "-out", b"1")
            tx.publish("", name + "-out", b"2")
            tx.ack(delivery)
            assert connection.declare_queue(name + "-out").message_count == 0
        assert delivery.settled and not tx.duplicate
    assert connection.declare_queue(name).message_count == 0
    assert connection.declare_queue(name + "-out").message_count == 2


def test_a_transaction_does_nothing_after_an_exception(connection, name):
    connection.declare_queue(name)
    connection.publish("", name, b"in")
    with connection.consume(name) as consumer:
        [delivery] = take(consumer, 1)
        with pytest.raises(RuntimeError), connection.transaction() as tx:
            tx.publish("", name, b"never")
            tx.ack(delivery)
            raise RuntimeError
        assert not delivery.settled
        with pytest.raises(warren.Closed):
            tx.publish("", name, b"late")
    assert count(connection, name, 1) == 1


def test_a_transaction_with_a_bad_entry_does_nothing(connection, name):
    connection.declare_queue(name)
    connection.publish("", name, b"in")
    with connection.consume(name) as consumer:
        [delivery] = take(consumer, 1)
        with pytest.raises(warren.NotFound), connection.transaction() as tx:
            tx.ack(delivery)
            tx.publish(name + "-absent", "key", b"x")
        assert not delivery.settled
        assert delivery.ack()
    assert connection.declare_queue(name).message_count == 0


def test_a_transaction_settles_leases(connection, name):
    connection.declare_queue(name)
    connection.publish("", name, b"in")
    [lease] = connection.get(name)
    with connection.transaction() as tx:
        tx.ack(lease)
        tx.publish("", name, b"out")
    [left] = connection.get(name, 10, auto_ack=True)
    assert left.body == b"out"


def test_native_delay_and_priorities(connection, name):
    connection.declare_queue(name, max_priority=10)
    started = time.monotonic()
    connection.publish("", name, b"late", delay=0.3)
    connection.publish("", name, b"low", priority=1)
    connection.publish("", name, b"high", priority=10)
    with connection.consume(name) as consumer:
        assert [d.body for d in take(consumer, 2)] == [b"high", b"low"]
        [late] = take(consumer, 1)
        assert late.body == b"late" and time.monotonic() - started >= 0.29


def test_a_retry_policy_ends_in_dead_letters(connection, name):
    connection.declare_queue(name + "-dead")
    connection.declare_queue(
        name,
        dead_letter_exchange="",
        dead_letter_routing_key=name + "-dead",
        retry=warren.RetryPolicy(max_attempts=3, initial_backoff=0.05, multiplier=1),
    )
    connection.publish("", name, b"x")
    with connection.consume(name) as consumer:
        for attempt in range(3):
            [delivery] = take(consumer, 1)
            assert delivery.delivery_count == attempt
            delivery.retry()
    with connection.consume(name + "-dead") as consumer:
        [dead] = take(consumer, 1)
        assert dead.deaths[0].reason == "delivery_limit"


def test_waiting_for_a_confirm_has_a_limit(connection, name):
    confirm = warren.Confirm(threading.Condition())
    with pytest.raises(FutureTimeoutError):
        confirm.result(0.01)
