"""Options, errors, transactions and pauses of the client. No broker needed."""

import random

import grpc
import pytest
import warren
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from warren import _requests, _rpc, _topology
from warren._backoff import Backoff
from warren._commit import Lane, Lanes, TransactionBuffer
from warren._delivery import Delivery, Stream
from warren._proto import broker_pb2, message_pb2
from warren._publication import encode_publication
from warren._settle import Settle
from warren.errors import from_entry, from_status


def delivery(tag, consumer):
    stream = Stream(consumer) if consumer else None
    return Delivery(message_pb2.Delivery(delivery_tag=tag), None, stream, False)


def test_queues_and_exchanges_are_durable_by_default():
    assert _topology.queue_options({}).durable
    assert not _topology.queue_options({"exclusive": True}).durable
    assert not _topology.queue_options({"durable": False}).durable
    assert _topology.exchange_options("topic", {}).durable


def test_queue_options_reach_their_fields():
    options = _topology.queue_options(
        {"message_ttl": 60, "overflow": "reject_publish", "dead_letter_exchange": "",
         "max_priority": 10, "retry": warren.RetryPolicy(3, initial_backoff=60, jitter=0.5)}
    )  # fmt: skip
    assert options.message_ttl.seconds == 60
    assert options.overflow == broker_pb2.OVERFLOW_POLICY_REJECT_PUBLISH
    assert options.HasField("dead_letter_exchange")
    assert not options.HasField("dead_letter_routing_key")
    assert (options.retry.max_attempts, options.retry.initial_backoff.seconds) == (3, 60)
    assert options.retry.multiplier == 0 and not options.retry.HasField("max_backoff")


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: _topology.queue_options({"max_lenght": 1}), TypeError, "max_lenght"),
        (lambda: _topology.queue_options({"overflow": "drop"}), ValueError, "drop_head"),
        (lambda: _topology.exchange_options("topics", {}), ValueError, "topic"),
        (lambda: _topology.binding("a", "k"), TypeError, "exactly one"),
        (lambda: _topology.binding("a", "k", queue="q", exchange="e"), TypeError, "exactly one"),
    ],
)
def test_mistakes_are_named(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_a_status_with_error_info_is_a_typed_error():
    info = error_details_pb2.ErrorInfo(
        reason="QUEUE_NOT_FOUND", domain="warren", metadata={"kind": "queue", "name": "q"}
    )
    detail = any_pb2.Any()
    detail.Pack(info)
    status = status_pb2.Status(code=5, message="no queue", details=[detail])
    error = from_status(
        grpc.StatusCode.NOT_FOUND,
        "no queue",
        [("x", "y"), ("grpc-status-details-bin", status.SerializeToString())],
    )
    assert type(error) is warren.NotFound
    assert (error.reason, error.metadata["name"]) == ("QUEUE_NOT_FOUND", "q")
    assert str(error) == "NOT_FOUND QUEUE_NOT_FOUND: no queue"


def test_details_that_are_no_status_leave_code_and_message():
    error = from_status(
        grpc.StatusCode.UNAVAILABLE, "gone", [("grpc-status-details-bin", b"\xff\xff")]
    )
    assert type(error) is warren.Unavailable and error.message == "gone"


@pytest.mark.parametrize(
    ("code", "reason", "cls"),
    [(3, "", warren.InvalidArgument), (5, "", warren.NotFound), (7, "", warren.PermissionDenied),
     (8, "", warren.ResourceExhausted), (9, "", warren.PreconditionFailed),
     (9, "DELIVERY_TAG_UNKNOWN", warren.StaleDelivery), (9, "UNROUTABLE", warren.Unroutable),
     (10, "", warren.Aborted), (14, "", warren.Unavailable), (999, "", warren.WarrenError)],
)  # fmt: skip
def test_entry_errors_have_the_class_of_their_code(code, reason, cls):
    assert type(from_entry(broker_pb2.Error(code=code, reason=reason))) is cls


def test_a_transaction_groups_settlements_by_consumer():
    buffer = TransactionBuffer()
    one, two, lease = delivery(1, "a"), delivery(1, "b"), delivery(9, "")
    buffer.settle([one, two, lease], Settle.ACK)
    other = Delivery(message_pb2.Delivery(delivery_tag=2), None, one._stream, False)
    buffer.settle([other], Settle.REJECT)
    request = buffer.request("/", Lane("p", 7))
    got = [
        (s.consumer, s.settlement.outcome, list(s.settlement.delivery_tags))
        for s in request.settlements
    ]
    assert got == [("a", Settle.ACK.value, [1]), ("a", Settle.REJECT.value, [2]),
                   ("b", Settle.ACK.value, [1]), ("", Settle.ACK.value, [9])]  # fmt: skip
    assert (request.producer_id, request.first_sequence) == ("p", 7)


def test_a_transaction_with_a_stale_delivery_sends_nothing():
    buffer = TransactionBuffer()
    gone = delivery(1, "a")
    gone._stream.alive = False
    buffer.settle([gone], Settle.ACK)
    with pytest.raises(warren.StaleDelivery):
        buffer.request("/", Lane())


def test_requests_under_way_at_once_have_lanes_of_their_own():
    lanes = Lanes()
    one, two = lanes.take(), lanes.take()
    assert one.producer_id != two.producer_id
    assert (one.spend(3), one.spend(1)) == (1, 4)
    lanes.give_back(one)
    assert lanes.take() is one


def test_pauses_grow_to_a_limit_and_start_over():
    backoff = Backoff(initial_s=0.1, maximum_s=1.0, random=random.Random(1))
    pauses = [backoff.next_s() for _ in range(8)]
    for attempt, pause in enumerate(pauses):
        whole = min(1.0, 0.1 * 2**attempt)
        assert whole / 2 <= pause <= whole
    backoff.reset()
    assert backoff.next_s() <= 0.1


@pytest.mark.parametrize(
    ("error", "first", "later"),
    [(warren.Unavailable(""), True, True), (warren.NotFound(""), False, False),
     (warren.Aborted("", reason="PRODUCER_TAKEN_OVER"), False, False),
     (warren.ResourceExhausted(""), False, True),
     (warren.PreconditionFailed("", reason="QUEUE_EXCLUSIVELY_CONSUMED"), False, True)],
)  # fmt: skip
def test_streams_are_opened_again_where_that_can_help(error, first, later):
    assert _rpc.transient(error, opened_before=False) is first
    assert _rpc.transient(error, opened_before=True) is later


def test_an_unreachable_broker_is_reported_in_time(unused_port):
    connection = warren.connect(f"127.0.0.1:{unused_port}", timeout=0.5)
    for call in (lambda: connection.declare_queue("q"), connection.publisher,
                 lambda: connection.consume("q")):  # fmt: skip
        with pytest.raises(warren.Unavailable, match="no answer from 127.0.0.1"):
            call()
    with pytest.raises(warren.OutcomeUnknown):
        connection.publish("", "q", b"x")
    connection.close()
    with pytest.raises(warren.Closed):
        connection.declare_queue("q")


def test_what_is_sent_again_says_so_of_each_message():
    publications = [encode_publication("", "q", body, {}) for body in (b"1", b"2")]
    for request in (
        broker_pb2.PublishRequest(publications=publications),
        broker_pb2.CommitRequest(publications=publications),
    ):
        _requests.say_resent(request)
        assert [p.resent for p in request.publications] == [True, True]
    _requests.say_resent(broker_pb2.BindRequest())  # has none
    assert [p.resent for p in publications] == [False, False], "the caller may use them anew"


def test_a_program_can_say_it_of_what_it_publishes_again():
    assert not encode_publication("", "q", b"", {}).resent
    assert encode_publication("", "q", b"", {"resent": True}).resent
