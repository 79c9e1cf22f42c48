"""Bad messages: each fails alone, in a batch or on a stream, and takes a transaction with it."""

from __future__ import annotations

from typing import Callable

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from warren._proto import broker_pb2 as pb
from warren._proto.message_pb2 import (
    DELIVERY_MODE_TRANSIENT,
    HeaderList,
    HeaderTable,
    HeaderValue,
    Message,
    Publication,
)
from wire import Failure, Wire, entry_failure

LONG = "n" * 256
MIB = 1 << 20
MAX_BODY = 16 * MIB
MAX_DEPTH = 8
BAD = "INVALID_ARGUMENT"


def good(queue: str, body: bytes = b"good") -> Publication:
    return Publication(routing_key=queue, message=Message(body=body))


def message(**fields: object) -> Publication:
    return Publication(message=Message(**fields))


def header(value: HeaderValue) -> Publication:
    return message(headers={"h": value})


def nested(depth: int, *, tables: bool) -> HeaderValue:
    value = HeaderValue(int_value=1)
    for _ in range(depth):
        if tables:
            value = HeaderValue(table_value=HeaderTable(entries={"t": value}))
        else:
            value = HeaderValue(list_value=HeaderList(values=[value]))
    return value


TEXTS = ("message_id", "correlation_id", "reply_to", "type", "app_id", "user_id", "content_type",
         "content_encoding")  # fmt: skip

CASES: list[tuple[Callable[[], Publication], str, str, str]] = [
    (lambda: Publication(), BAD, "MESSAGE_INVALID", "message is required"),
    (lambda: Publication(exchange="ghost", message=Message()), "NOT_FOUND", "EXCHANGE_NOT_FOUND",
     "ghost"),
    (lambda: Publication(exchange=LONG, message=Message()), BAD, "NAME_INVALID", "256"),
    (lambda: Publication(routing_key=LONG, message=Message()), BAD, "NAME_INVALID", "256"),
    (lambda: Publication(message=Message(), delay=Duration(seconds=-1)), BAD, "DURATION_INVALID",
     "delay"),
    (lambda: Publication(message=Message(), delay=Duration(seconds=1 << 62)), BAD,
     "DURATION_INVALID", "100 years"),
    (lambda: Publication(message=Message(), deliver_at=Timestamp(seconds=1 << 62)), BAD,
     "TIMESTAMP_INVALID", "deliver_at"),
    (lambda: message(body=bytes(MAX_BODY + 1)), "RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE",
     str(MAX_BODY)),
    (lambda: message(delivery_mode=3), BAD, "MESSAGE_INVALID", "delivery_mode 3"),
    (lambda: message(delivery_mode=-1), BAD, "MESSAGE_INVALID", "delivery_mode -1"),
    (lambda: message(priority=256), BAD, "MESSAGE_INVALID", "priority is 256"),
    (lambda: message(expiration=Duration(nanos=-1)), BAD, "DURATION_INVALID", "expiration"),
    (lambda: message(timestamp=Timestamp(seconds=-(1 << 62))), BAD, "TIMESTAMP_INVALID",
     "timestamp"),
    *((lambda text=text: message(**{text: LONG}), BAD, "PROPERTY_INVALID", text)
      for text in TEXTS),
    (lambda: message(headers={LONG: HeaderValue()}), BAD, "HEADERS_INVALID", "255"),
    (lambda: header(HeaderValue(string_value="v" * 65536)), BAD, "HEADERS_INVALID", "65536"),
    (lambda: header(HeaderValue(bytes_value=bytes(MIB))), BAD, "HEADERS_INVALID", "65536"),
    (lambda: message(headers={f"h{i}": HeaderValue() for i in range(10_000)}), BAD,
     "HEADERS_INVALID", "256"),
    (lambda: header(HeaderValue(double_value=float("nan"))), BAD, "HEADERS_INVALID", "NaN"),
    (lambda: header(HeaderValue(timestamp_value=Timestamp(nanos=-1))), BAD, "TIMESTAMP_INVALID",
     "nanos"),
    (lambda: header(nested(MAX_DEPTH + 1, tables=True)), BAD, "HEADERS_INVALID", "8"),
    (lambda: header(nested(MAX_DEPTH + 1, tables=False)), BAD, "HEADERS_INVALID", "8"),
]  # fmt: skip
IDS = [f"{i}-{case[2]}" for i, case in enumerate(CASES)]


@pytest.mark.parametrize(("make", "code", "reason", "word"), CASES, ids=IDS)
def test_a_bad_message_fails_alone(wire: Wire, queue: str, make, code, reason, word) -> None:
    batch = [good(queue), make(), good(queue)]
    answer = wire.call("Publish", pb.PublishRequest(publications=batch))
    assert not isinstance(answer, Failure), answer
    outcomes = [result.outcome for result in answer.results]
    assert outcomes == [pb.OUTCOME_ACCEPTED, pb.OUTCOME_REJECTED, pb.OUTCOME_ACCEPTED]
    entry_failure(answer.results[1].error).must_be(code, reason, word)


@pytest.mark.parametrize(("make", "code", "reason", "word"), CASES, ids=IDS)
def test_a_bad_message_fails_its_transaction(
    wire: Wire, queue: str, make, code, reason, word
) -> None:
    failure = wire.fails("Commit", pb.CommitRequest(publications=[good(queue), make()]))
    failure.must_be(code, reason, word)
    assert failure.metadata["publication"] == "1"
    state = wire.call("DeclareQueue", pb.DeclareQueueRequest(name=queue, passive=True))
    assert state.message_count == 0


def test_the_stream_lives_on_after_each_bad_message(wire: Wire, queue: str) -> None:
    stream = wire.stream("PublishStream", pb.PublishStreamRequest(open=pb.PublishOpen()))
    assert stream.read().HasField("opened")
    for number, (make, _, reason, _) in enumerate(CASES, start=1):
        batch = pb.PublishBatch(first_sequence=2 * number, publications=[make(), good(queue)])
        stream.send(pb.PublishStreamRequest(batch=batch))
        confirms = []
        while sum(c.last_sequence - c.first_sequence + 1 for c in confirms) < 2:
            confirms += stream.read().confirms.confirms
        by_sequence = {c.first_sequence: c for c in confirms}
        assert by_sequence[2 * number].error.reason == reason
        assert by_sequence[2 * number + 1].outcome == pb.OUTCOME_ACCEPTED
    stream.cancel()


def test_limits_themselves_are_allowed(wire: Wire, queue: str) -> None:
    most = Message(
        body=bytes(MAX_BODY),
        delivery_mode=DELIVERY_MODE_TRANSIENT,
        priority=255,
        message_id="n" * 255,
        headers={
            "t": nested(MAX_DEPTH, tables=True),
            "l": nested(MAX_DEPTH, tables=False),
            "s": HeaderValue(string_value="v" * 60_000),
            "i": HeaderValue(double_value=float("inf")),
        },
    )
    batch = [Publication(routing_key=queue, message=most)]
    answer = wire.call("Publish", pb.PublishRequest(publications=batch))
    assert [result.outcome for result in answer.results] == [pb.OUTCOME_ACCEPTED], answer
    [delivery] = wire.call("Get", pb.GetRequest(queue=queue, auto_ack=True)).deliveries
    same = delivery.message == most  # apart, since pytest would print 16 MiB
    assert same, f"headers came back as {str(delivery.message.headers)[:2000]}"


def test_a_batch_of_ten_thousand_is_allowed(wire: Wire, queue: str) -> None:
    batch = [good(queue)] * 10_000
    answer = wire.call("Publish", pb.PublishRequest(publications=batch))
    assert {result.outcome for result in answer.results} == {pb.OUTCOME_ACCEPTED}


def test_a_header_nested_past_what_can_be_parsed_is_refused(wire: Wire, queue: str) -> None:
    # Deeper than this side's library would serialise, so by hand: field, length, content.
    def varint(n: int) -> bytes:
        return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)

    def field(number: int, content: bytes) -> bytes:
        return varint(number << 3 | 2) + varint(len(content)) + content

    value = b""
    for _ in range(20_000):
        value = field(7, field(1, value))  # HeaderValue.list_value, HeaderList.values
    entry = field(1, b"h") + field(2, value)
    request = field(4, field(2, queue.encode()) + field(3, field(14, entry)))
    wire.fails("Publish", request).must_be("INVALID_ARGUMENT", "FRAME_INVALID", "PublishRequest")


def test_an_oversize_message_leaves_other_streams_alone(wire: Wire, queue: str) -> None:
    """Somewhat too large fails as an entry; far too large ends its call, not the connection."""
    other = wire.stream("PublishStream", pb.PublishStreamRequest(open=pb.PublishOpen()))
    assert other.read().HasField("opened")
    for sequence, size in enumerate((MAX_BODY + 1, 4 * MAX_BODY), start=1):
        request = pb.PublishRequest(publications=[good(queue, bytes(size))])
        answer = wire.call("Publish", request)
        if isinstance(answer, Failure):
            assert answer.code == "RESOURCE_EXHAUSTED" and "larger than max" in answer.message
            assert size > 2 * MAX_BODY
        else:
            failure = entry_failure(answer.results[0].error)
            failure.must_be("RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE", str(size), str(MAX_BODY))
        batch = pb.PublishBatch(first_sequence=sequence, publications=[good(queue)])
        other.send(pb.PublishStreamRequest(batch=batch))
        [confirm] = other.read().confirms.confirms
        assert (confirm.last_sequence, confirm.outcome) == (sequence, pb.OUTCOME_ACCEPTED)
    other.cancel()
