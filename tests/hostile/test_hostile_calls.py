"""Unary calls with bad arguments: each fails with its code, its reason, and a text that helps."""

from __future__ import annotations

import random

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from warren._proto import broker_pb2 as pb
from warren._proto import message_pb2
from warren._proto.message_pb2 import HeaderValue
from wire import UNARY, Failure, Wire

LONG = "n" * 256
SEED = 20
DIRECT = pb.ExchangeOptions(type=pb.EXCHANGE_TYPE_DIRECT)


def queue_with(**options: object) -> pb.DeclareQueueRequest:
    return pb.DeclareQueueRequest(name="bad", options=pb.QueueOptions(**options))


def exchange_with(name: str = "bad", **options: object) -> pb.DeclareExchangeRequest:
    return pb.DeclareExchangeRequest(name=name, options=pb.ExchangeOptions(**options))


def binding(source: str, key: str = "", **arguments: HeaderValue) -> pb.BindRequest:
    return pb.BindRequest(
        binding=pb.Binding(
            source=source, exchange="amq.fanout", routing_key=key, arguments=arguments
        )
    )


def retry(**options: object) -> pb.RetryPolicy:
    return pb.RetryPolicy(**{"max_attempts": 3, **options})


def settlement(**fields: object) -> pb.AckRequest:
    return pb.AckRequest(settlements=[pb.Settlement(**fields)])


MINUS = Duration(seconds=-1)
AGES = Duration(seconds=101 * 366 * 24 * 3600)
ACK = pb.SETTLE_OUTCOME_ACK
BAD = "INVALID_ARGUMENT"

CASES = [
    # names
    ("DeclareQueue", pb.DeclareQueueRequest(name=LONG), BAD, "NAME_INVALID", "256", "255"),
    ("DeclareQueue", pb.DeclareQueueRequest(virtual_host=LONG), BAD, "NAME_INVALID", "255"),
    ("DeclareExchange", pb.DeclareExchangeRequest(name=LONG, options=DIRECT), BAD,
     "NAME_INVALID", "256"),
    ("DeleteQueue", pb.DeleteQueueRequest(name=""), BAD, "NAME_INVALID", "required"),
    ("DeleteQueue", pb.DeleteQueueRequest(name=LONG), BAD, "NAME_INVALID", "256"),
    ("DeleteExchange", pb.DeleteExchangeRequest(name=LONG), BAD, "NAME_INVALID", "256"),
    ("PurgeQueue", pb.PurgeQueueRequest(name=LONG), BAD, "NAME_INVALID", "256"),
    ("Get", pb.GetRequest(queue=""), BAD, "NAME_INVALID", "required"),
    ("Ack", pb.AckRequest(consumer=LONG), BAD, "NAME_INVALID", "256"),
    ("Bind", pb.BindRequest(binding=pb.Binding(source=LONG, queue="q")), BAD, "NAME_INVALID"),
    ("Bind", binding("amq.topic", LONG), BAD, "NAME_INVALID", "256"),
    ("Commit", pb.CommitRequest(producer_id=LONG, first_sequence=1), BAD, "NAME_INVALID", "256"),
    # what isn't there
    ("PurgeQueue", pb.PurgeQueueRequest(name="ghost"), "NOT_FOUND", "QUEUE_NOT_FOUND", "ghost"),
    ("Get", pb.GetRequest(queue="ghost"), "NOT_FOUND", "QUEUE_NOT_FOUND", "ghost"),
    ("DeclareQueue", pb.DeclareQueueRequest(name="ghost", passive=True), "NOT_FOUND",
     "QUEUE_NOT_FOUND", "ghost"),
    ("DeclareExchange", pb.DeclareExchangeRequest(name="ghost", passive=True), "NOT_FOUND",
     "EXCHANGE_NOT_FOUND", "ghost"),
    ("Bind", binding("ghost"), "NOT_FOUND", "EXCHANGE_NOT_FOUND", "ghost"),
    ("Bind", pb.BindRequest(binding=pb.Binding(source="amq.direct", queue="ghost")), "NOT_FOUND",
     "QUEUE_NOT_FOUND", "ghost"),
    ("Ack", pb.AckRequest(consumer="ghost", settlements=[pb.Settlement(
        delivery_tags=[1], outcome=ACK)]), "NOT_FOUND", "CONSUMER_NOT_FOUND", "ghost"),
    *((method, pb.__dict__[method + "Request"](virtual_host="ghost", **fields), "NOT_FOUND",
       "VIRTUAL_HOST_NOT_FOUND", "ghost") for method, fields in {
        "DeclareExchange": {"name": "e", "options": DIRECT},
        "DeleteExchange": {"name": "e"},
        "DeclareQueue": {"name": "q"},
        "DeleteQueue": {"name": "q"},
        "PurgeQueue": {"name": "q"},
        "Bind": {"binding": pb.Binding(source="amq.direct", queue="q")},
        "Unbind": {"binding": pb.Binding(source="amq.direct", queue="q")},
        "Get": {"queue": "q"},
        "Ack": {"settlements": [pb.Settlement(delivery_tags=[1], outcome=ACK)]},
        "Commit": {},
        "Publish": {"publications": [message_pb2.Publication(message=message_pb2.Message())]},
    }.items()),
    # enums
    ("DeclareExchange", exchange_with(), BAD, "OPTION_INVALID", "type"),
    ("DeclareExchange", exchange_with(type=77), BAD, "OPTION_INVALID", "77"),
    ("DeclareQueue", queue_with(overflow=9), BAD, "OPTION_INVALID", "overflow", "9"),
    ("Ack", settlement(delivery_tags=[1]), BAD, "SETTLEMENT_INVALID", "outcome"),
    ("Ack", settlement(delivery_tags=[1], outcome=44), BAD, "SETTLEMENT_INVALID", "44"),
    # ranges
    ("DeclareQueue", queue_with(max_priority=256), BAD, "OPTION_INVALID", "256", "255"),
    ("DeclareQueue", queue_with(message_ttl=MINUS), BAD, "DURATION_INVALID", "message_ttl", "-1"),
    ("DeclareQueue", queue_with(message_ttl=AGES), BAD, "DURATION_INVALID", "100 years"),
    ("DeclareQueue", queue_with(message_ttl=Duration(nanos=2_000_000_000)), BAD,
     "DURATION_INVALID", "nanos"),
    ("DeclareQueue", queue_with(expires=MINUS), BAD, "DURATION_INVALID", "expires"),
    ("DeclareQueue", queue_with(expires=Duration()), BAD, "OPTION_INVALID", "expires"),
    ("DeclareQueue", queue_with(deduplication_window=AGES), BAD, "DURATION_INVALID"),
    ("DeclareQueue", queue_with(deduplication_window=Duration(seconds=8 * 86400)), BAD,
     "OPTION_INVALID", "deduplication_window"),
    ("DeclareQueue", queue_with(retry=pb.RetryPolicy()), BAD, "OPTION_INVALID", "max_attempts"),
    ("DeclareQueue", queue_with(retry=retry(max_attempts=65536)), BAD, "OPTION_INVALID", "65535"),
    ("DeclareQueue", queue_with(retry=retry(multiplier=0.5)), BAD, "OPTION_INVALID", "multiplier"),
    ("DeclareQueue", queue_with(retry=retry(multiplier=float("nan"))), BAD, "OPTION_INVALID",
     "multiplier"),
    ("DeclareQueue", queue_with(retry=retry(multiplier=float("inf"))), BAD, "OPTION_INVALID",
     "multiplier"),
    ("DeclareQueue", queue_with(retry=retry(jitter=-0.1)), BAD, "OPTION_INVALID", "jitter"),
    ("DeclareQueue", queue_with(retry=retry(jitter=float("nan"))), BAD, "OPTION_INVALID", "jitter"),
    ("DeclareQueue", queue_with(retry=retry(initial_backoff=MINUS)), BAD, "DURATION_INVALID"),
    ("Get", pb.GetRequest(queue="q", max_messages=10_001), BAD, "BATCH_INVALID", "10001", "10000"),
    ("Get", pb.GetRequest(queue="q", lease=MINUS), BAD, "DURATION_INVALID", "lease"),
    ("Get", pb.GetRequest(queue="q", lease=Duration(seconds=12 * 3600 + 1)), BAD,
     "DURATION_INVALID", "12 h"),
    ("Ack", settlement(outcome=ACK), BAD, "SETTLEMENT_INVALID", "delivery_tags"),
    ("Ack", settlement(delivery_tags=[1], outcome=ACK, retry_delay=Duration(seconds=1)), BAD,
     "SETTLEMENT_INVALID", "RETRY"),
    ("Ack", settlement(delivery_tags=[1], outcome=pb.SETTLE_OUTCOME_RETRY, retry_delay=MINUS), BAD,
     "DURATION_INVALID", "retry_delay"),
    ("Ack", settlement(up_to_delivery_tag=1, outcome=ACK), BAD, "SETTLEMENT_INVALID",
     "up_to_delivery_tag"),
    # what contradicts itself
    ("DeclareQueue", queue_with(exclusive=True), BAD, "EXCLUSIVE_NEEDS_STREAM", "exclusive"),
    ("DeclareQueue", queue_with(dead_letter_routing_key="k"), BAD, "DEAD_LETTER_EXCHANGE_MISSING",
     "dead_letter_exchange"),
    ("DeclareQueue", queue_with(retry=retry(), delivery_limit=3), BAD, "OPTIONS_CONFLICT",
     "delivery_limit"),
    ("Bind", pb.BindRequest(), BAD, "BINDING_INVALID", "destination"),
    ("Bind", pb.BindRequest(binding=pb.Binding(source="amq.direct")), BAD, "BINDING_INVALID",
     "destination"),
    # reserved
    ("DeclareQueue", pb.DeclareQueueRequest(name="amq.mine"), "PERMISSION_DENIED", "NAME_RESERVED",
     "amq."),
    ("DeclareExchange", exchange_with("amq.mine", type=1), "PERMISSION_DENIED", "NAME_RESERVED",
     "amq."),
    ("DeleteExchange", pb.DeleteExchangeRequest(name="amq.topic"), "PERMISSION_DENIED",
     "NAME_RESERVED", "amq.topic"),
    # patterns
    ("Bind", binding("amq.topic", "#.a.#.b.#"), BAD, "PATTERN_INVALID", "#", "amq.topic"),
    ("Bind", binding("amq.headers", match=HeaderValue(string_value="most")), BAD,
     "ARGUMENT_INVALID", "most"),
    ("Bind", binding("amq.headers", match=HeaderValue(int_value=1)), BAD, "ARGUMENT_INVALID",
     "match"),
    ("Bind", binding("amq.headers", x=HeaderValue(double_value=float("nan"))), BAD,
     "HEADERS_INVALID", "NaN"),
    # batches
    ("Publish", pb.PublishRequest(), BAD, "BATCH_INVALID", "0"),
    ("Publish", pb.PublishRequest(publications=[message_pb2.Publication()] * 10_001), BAD,
     "BATCH_INVALID", "10001", "10000"),
    ("Commit", pb.CommitRequest(publications=[message_pb2.Publication()] * 10_001), BAD,
     "BATCH_INVALID", "10001", "10000"),
    ("Publish", pb.PublishRequest(producer_id="p", publications=[message_pb2.Publication()]), BAD,
     "SEQUENCE_INVALID", "first_sequence"),
    ("Publish", pb.PublishRequest(producer_id="p", first_sequence=(1 << 64) - 1,
                                  publications=[message_pb2.Publication()]), BAD,
     "SEQUENCE_INVALID", "2^63"),
    ("Commit", pb.CommitRequest(producer_id="p"), BAD, "SEQUENCE_INVALID", "first_sequence"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "request_", "code", "reason", "words"),
    [(*case[:4], case[4:]) for case in CASES],
    ids=[f"{i}-{case[0]}-{case[3]}" for i, case in enumerate(CASES)],
)
def test_a_bad_argument_is_named(wire: Wire, method, request_, code, reason, words) -> None:
    wire.fails(method, request_).must_be(code, reason, *words)


def test_a_queue_declared_otherwise_names_the_difference(wire: Wire, queue: str) -> None:
    request = pb.DeclareQueueRequest(name=queue, options=pb.QueueOptions(max_length=7))
    wire.fails("DeclareQueue", request).must_be(
        "FAILED_PRECONDITION", "OPTIONS_DIFFER", queue, "durable", "true", "false"
    )


def test_text_that_is_not_utf8_is_refused_on_every_method(wire: Wire) -> None:
    virtual_host = b"\x0a\x02\xc3\x28"  # field 1 is the virtual host in every request
    for method in UNARY:
        failure = wire.fails(method, virtual_host)
        failure.must_be("INVALID_ARGUMENT", "FRAME_INVALID", f"{method}Request")


def test_settling_twice_fails_the_second_time(wire: Wire, queue: str) -> None:
    for body in (b"1", b"2"):
        publication = message_pb2.Publication(
            routing_key=queue, message=message_pb2.Message(body=body)
        )
        wire.call("Publish", pb.PublishRequest(publications=[publication]))
    [delivery] = wire.call("Get", pb.GetRequest(queue=queue)).deliveries
    tag = delivery.delivery_tag
    once = pb.Settlement(delivery_tags=[tag], outcome=ACK)
    answer = wire.call("Ack", pb.AckRequest(settlements=[once, once]))
    [failed] = answer.failures
    assert failed.delivery_tag == tag
    assert failed.error.reason == "DELIVERY_TAG_UNKNOWN" and str(tag) in failed.error.message
    assert failed.error.code == 9
    unknown = pb.Settlement(delivery_tags=[tag + 1, 1 << 63, (1 << 64) - 1], outcome=ACK)
    answer = wire.call("Ack", pb.AckRequest(settlements=[unknown]))
    assert [f.error.reason for f in answer.failures] == ["DELIVERY_TAG_UNKNOWN"] * 3


def valid_requests(queue: str) -> dict[str, bytes]:
    """A request of each kind to start from."""
    publication = message_pb2.Publication(
        routing_key=queue,
        message=message_pb2.Message(
            body=b"body", headers={"h": HeaderValue(string_value="v")}, priority=3,
            expiration=Duration(seconds=1), message_id="id",
        ),
    )  # fmt: skip
    bind = pb.Binding(source="amq.topic", queue=queue, routing_key="a.*.#")
    settle = pb.Settlement(delivery_tags=[1], outcome=ACK)
    requests = {
        "DeclareExchange": exchange_with("fuzz", type=3, durable=True),
        "DeleteExchange": pb.DeleteExchangeRequest(name="fuzz"),
        "DeclareQueue": pb.DeclareQueueRequest(
            name="fuzz", options=pb.QueueOptions(durable=True, max_length=9, retry=retry())
        ),
        "DeleteQueue": pb.DeleteQueueRequest(name="fuzz"),
        "PurgeQueue": pb.PurgeQueueRequest(name=queue),
        "Bind": pb.BindRequest(binding=bind),
        "Unbind": pb.UnbindRequest(binding=bind),
        "Publish": pb.PublishRequest(publications=[publication] * 3),
        "Get": pb.GetRequest(queue=queue, lease=Duration(seconds=1)),
        "Ack": pb.AckRequest(settlements=[settle]),
        "Commit": pb.CommitRequest(
            publications=[publication], settlements=[pb.TransactionSettlement(settlement=settle)]
        ),
    }
    return {method: request.SerializeToString() for method, request in requests.items()}


@pytest.mark.parametrize("method", UNARY)
def test_garbage_gets_an_answer(wire: Wire, queue: str, method: str) -> None:
    """Random bytes, and valid requests with random damage: success or a typed error."""
    dice = random.Random(f"{SEED}/{method}")
    valid = valid_requests(queue)[method]
    for attempt in range(150):
        if attempt % 3 == 0:
            request = dice.randbytes(dice.randrange(1, 200))
        else:
            damaged = bytearray(valid)
            for _ in range(dice.randint(1, 4)):
                damaged[dice.randrange(len(damaged))] = dice.randrange(256)
            if attempt % 5 == 0:
                del damaged[dice.randint(1, len(damaged)) :]
            request = bytes(damaged)
        answer = wire.call(method, request)
        if isinstance(answer, Failure):
            what = f"{request!r}: {answer}"
            assert answer.reason not in ("", "UNKNOWN"), what
            assert answer.code not in ("UNKNOWN", "INTERNAL", "UNAVAILABLE"), what


def test_a_method_that_does_not_exist_is_unimplemented(wire: Wire) -> None:
    call = wire.channel.unary_unary("/warren.v1.BrokerService/Nonsense")
    with pytest.raises(grpc.RpcError) as caught:
        call(b"", timeout=30)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_deadline_that_is_over_leaves_nothing_behind(wire: Wire, queue: str) -> None:
    for method, request in valid_requests(queue).items():
        for _ in range(20):
            answer = wire.call(method, request, timeout=0.0005)
            assert not isinstance(answer, Failure) or answer.code != "INTERNAL"
    assert not isinstance(wire.call("PurgeQueue", pb.PurgeQueueRequest(name=queue)), Failure)
