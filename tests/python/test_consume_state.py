"""Settlements, lost streams and stale deliveries of a consumer. No broker needed."""

import pytest
import warren
from warren._consume_state import ConsumeState
from warren._proto import broker_pb2, message_pb2
from warren._settle import MAX_FRAME_SETTLEMENTS, Settle


class Settler:
    """Hands settlements to the state, as both consumers do."""

    state: ConsumeState

    def settle(self, delivery, outcome, delay_ms):
        return self.state.settle(delivery, outcome, delay_ms)


def make_state(**options):
    settler = Settler()
    arguments = {
        "name": "worker",
        "prefetch": 10,
        "prefetch_bytes": 0,
        "auto_ack": False,
        "exclusive": False,
        "declare": None,
        "bindings": (),
        "on_settle_error": None,
    }
    settler.state = ConsumeState(settler, "/", "queue", **{**arguments, **options})
    return settler.state


def subscribe(state):
    request = broker_pb2.ConsumeRequest.FromString(state.subscribe_frame()).subscribe
    state.received(
        broker_pb2.ConsumeResponse(
            subscribed=broker_pb2.Subscribed(consumer=request.consumer, queue="queue")
        )
    )
    return request


def deliver(state, *tags):
    deliveries = [
        message_pb2.Delivery(delivery_tag=tag, message=message_pb2.Message(body=b"b"))
        for tag in tags
    ]
    frame = broker_pb2.Deliveries(deliveries=deliveries)
    state.received(broker_pb2.ConsumeResponse(deliveries=frame))


def frames(state):
    out = []
    while (frame := state.next_frame()) is not None:
        out.append(broker_pb2.ConsumeRequest.FromString(frame))
    return out


def take(state):
    out = list(state.ready)
    state.ready.clear()
    return out


def test_settlements_that_pile_up_are_one_frame_in_order():
    state = make_state()
    subscribe(state)
    deliver(state, 1, 2, 3, 4, 5)
    first, second, third, fourth, fifth = take(state)
    assert first.ack() and second.ack() and third.retry(1.5) and fourth.ack() and fifth.reject()
    [frame] = frames(state)
    got = [(s.outcome, list(s.delivery_tags)) for s in frame.settle.settlements]
    assert got == [
        (Settle.ACK.value, [1, 2]), (Settle.RETRY.value, [3]),
        (Settle.ACK.value, [4]), (Settle.REJECT.value, [5]),
    ]  # fmt: skip
    assert frame.settle.settlements[1].retry_delay.nanos == 500_000_000
    assert frame.settle.settle_id == 0


def test_a_delivery_is_settled_once():
    state = make_state()
    subscribe(state)
    deliver(state, 1)
    [delivery] = take(state)
    assert delivery.ack()
    assert not delivery.reject()
    assert len(frames(state)) == 1


def test_no_settlement_crosses_to_another_stream():
    state = make_state()
    assert subscribe(state).consumer == "worker"
    deliver(state, 1)
    [old] = take(state)
    state.disconnected()
    assert old.stale and not old.ack()
    assert subscribe(state).consumer == "worker#2"
    assert not old.ack()
    assert frames(state) == []
    deliver(state, 1)
    [new] = take(state)
    assert not new.stale and new.ack()


def test_unseen_deliveries_go_with_their_stream_except_under_auto_ack():
    for auto_ack in (False, True):
        state = make_state(auto_ack=auto_ack)
        subscribe(state)
        deliver(state, 1, 2)
        state.disconnected()
        assert len(state.ready) == (2 if auto_ack else 0)


def test_auto_acked_deliveries_count_as_settled():
    state = make_state(auto_ack=True)
    subscribe(state)
    deliver(state, 1)
    [delivery] = take(state)
    assert delivery.settled and not delivery.ack()


def test_a_barrier_is_answered_after_the_settlements_before_it():
    state = make_state()
    subscribe(state)
    deliver(state, *range(1, MAX_FRAME_SETTLEMENTS + 2))
    for delivery in take(state):
        delivery.ack()
    answers = []
    state.barrier(answers.append)
    first, second = frames(state)
    assert first.settle.settle_id == 0 and second.settle.settle_id != 0
    results = broker_pb2.SettleResults(settle_id=second.settle.settle_id)
    state.received(broker_pb2.ConsumeResponse(settle_results=results))
    assert answers == [None]


def test_a_barrier_of_a_lost_stream_says_so():
    state = make_state()
    subscribe(state)
    answers = []
    state.barrier(answers.append)
    state.disconnected()
    state.barrier(answers.append)
    assert [type(answer) for answer in answers] == [warren.Unavailable] * 2


def test_a_barrier_after_a_lost_stream_tells_that_settlements_went_with_it():
    state = make_state()
    subscribe(state)
    deliver(state, 1)
    assert take(state)[0].ack()
    state.disconnected()
    subscribe(state)
    answers = []
    state.barrier(answers.append)
    assert isinstance(answers[0], warren.Unavailable)
    state.barrier(answers.append)
    assert len(answers) == 1  # waits for the broker: nothing is in doubt any more


def test_a_failed_settlement_is_told_to_the_callback():
    told = []
    state = make_state(on_settle_error=lambda tag, error: told.append((tag, error)))
    subscribe(state)
    error = broker_pb2.Error(code=9, reason="DELIVERY_TAG_UNKNOWN", message="gone")
    failure = broker_pb2.SettleFailure(delivery_tag=7, error=error)
    results = broker_pb2.SettleResults(failures=[failure])
    state.received(broker_pb2.ConsumeResponse(settle_results=results))
    assert told[0][0] == 7 and isinstance(told[0][1], warren.StaleDelivery)


def test_prefetch_set_while_running_holds_for_later_streams():
    state = make_state()
    subscribe(state)
    state.set_prefetch(3, 1024)
    [frame] = frames(state)
    assert frame.set_prefetch.prefetch_messages == 3
    state.disconnected()
    again = subscribe(state)
    assert (again.prefetch_messages, again.prefetch_bytes) == (3, 1024)


def test_a_draining_consumer_does_not_come_back():
    state = make_state()
    subscribe(state)
    state.drain()
    [frame] = frames(state)
    assert frame.WhichOneof("frame") == "drain"
    assert not state.drained
    state.disconnected()
    assert state.drained


def test_a_consumer_that_a_stopping_broker_drained_comes_back():
    state = make_state()
    subscribe(state)
    state.received(broker_pb2.ConsumeResponse(drained=broker_pb2.Drained()))
    state.disconnected()
    assert not state.drained


def test_a_deleted_queue_cancels_for_good_and_a_stopping_broker_does_not():
    for reason, final in ((broker_pb2.CANCEL_REASON_QUEUE_DELETED, True),
                          (broker_pb2.CANCEL_REASON_SHUTTING_DOWN, False)):  # fmt: skip
        state = make_state()
        subscribe(state)
        cancelled = broker_pb2.Cancelled(reason=reason, message="because")
        state.received(broker_pb2.ConsumeResponse(cancelled=cancelled))
        assert (state.cancelled is not None) == final
        if final:
            assert state.cancelled.reason == "QUEUE_DELETED"


def test_subscribe_carries_declaration_and_bindings():
    state = make_state(
        declare={"exclusive": True}, bindings=[warren.Binding("logs", "#", {"x": 1})]
    )
    request = subscribe(state)
    assert request.declare.exclusive and not request.declare.durable
    [binding] = request.bindings
    assert (binding.source, binding.routing_key) == ("logs", "#")
    assert binding.arguments["x"].int_value == 1


# --- several queues on one stream ----------------------------------------------------------------


def make_shared(*queues, **options):
    settler = Settler()
    arguments = {
        "name": "worker",
        "prefetch": 10,
        "prefetch_bytes": 0,
        "auto_ack": False,
        "exclusive": False,
        "declare": None,
        "bindings": (),
        "on_settle_error": None,
    }
    settler.state = ConsumeState(settler, "/", queues, **{**arguments, **options})
    return settler.state


def accept(state, request):
    state.received(
        broker_pb2.ConsumeResponse(
            subscribed=broker_pb2.Subscribed(
                consumer=request.consumer, queue=request.queue, subscription=request.subscription
            )
        )
    )


def subscribe_all(state):
    """Begins a stream as a broker that takes everything; returns what was subscribed."""
    first = broker_pb2.ConsumeRequest.FromString(state.subscribe_frame()).subscribe
    accept(state, first)
    rest = [frame.subscribe for frame in frames(state)]
    for request in rest:
        accept(state, request)
    return [first, *rest]


def deliver_of(state, *pairs):
    deliveries = [
        message_pb2.Delivery(delivery_tag=tag, subscription=number) for number, tag in pairs
    ]
    frame = broker_pb2.Deliveries(deliveries=deliveries)
    state.received(broker_pb2.ConsumeResponse(deliveries=frame))


def end_of(number, reason):
    ended = broker_pb2.SubscriptionEnded(subscription=number)
    if reason:
        ended.error.reason = reason
        ended.error.code = 5
    return broker_pb2.ConsumeResponse(subscription_ended=ended)


def test_deliveries_of_several_queues_name_theirs_and_are_settled_in_one_frame():
    state = make_shared("a", "b")
    requests = subscribe_all(state)
    assert [(r.subscription, r.queue, r.consumer) for r in requests] == [
        (1, "a", "worker/1"),
        (2, "b", "worker/2"),
    ]
    assert state.opened_before
    deliver_of(state, (1, 1), (2, 1), (1, 2))
    got = take(state)
    assert [d.queue for d in got] == ["a", "b", "a"]
    assert all(d.ack() for d in got)
    [frame] = frames(state)
    settled = [(s.subscription, list(s.delivery_tags)) for s in frame.settle.settlements]
    assert settled == [(1, [1, 2]), (2, [1])]


def test_a_new_stream_subscribes_to_all_queues_again_under_new_names():
    state = make_shared("a", "b")
    subscribe_all(state)
    state.add("c")
    [added] = frames(state)
    accept(state, added.subscribe)
    deliver_of(state, (3, 1))
    [old] = take(state)
    state.disconnected()
    assert old.stale and not old.ack()
    requests = subscribe_all(state)
    assert [(r.subscription, r.consumer) for r in requests] == [
        (1, "worker#2/1"),
        (2, "worker#2/2"),
        (3, "worker#2/3"),
    ]


def test_a_queue_that_is_removed_is_left_after_its_settlements():
    state = make_shared("a", "b")
    subscribe_all(state)
    deliver_of(state, (1, 1), (1, 2))
    first, second = take(state)
    first.ack()
    state.remove("a")
    settle, unsubscribe = frames(state)
    assert settle.HasField("settle") and unsubscribe.unsubscribe.subscription == 1
    assert state.queues == ["b"]
    state.received(end_of(1, ""))
    assert second.stale and not second.ack()
    assert state.cancelled is None


def test_a_queue_that_ends_is_told_and_the_last_one_ends_the_consumer():
    told = []
    state = make_shared("a", "b", on_queue_end=lambda queue, error: told.append((queue, error)))
    subscribe_all(state)
    state.received(end_of(1, "QUEUE_NOT_FOUND"))
    assert [(queue, error.reason) for queue, error in told] == [("a", "QUEUE_NOT_FOUND")]
    assert not state.over_for_good
    state.received(end_of(2, "QUEUE_NOT_FOUND"))
    assert state.over_for_good


def test_a_queue_that_is_refused_from_the_start_fails_the_consumer():
    state = make_shared("a", "b")
    state.subscribe_frame()
    state.received(end_of(1, "QUEUE_NOT_FOUND"))
    assert state.over_for_good
    assert state.cancelled.reason == "QUEUE_NOT_FOUND"


def test_a_consumer_of_one_queue_takes_no_more():
    state = make_state()
    subscribe(state)
    deliver(state, 1)
    assert take(state)[0].queue == "queue"
    with pytest.raises(ValueError, match="list of queues"):
        state.add("other")
