"""Streams that break the rules end with a typed error; streams beside them go on."""

from __future__ import annotations

import random

import pytest
from warren._proto import broker_pb2 as pb
from warren._proto.message_pb2 import Message, Publication
from wire import STREAMS, Failure, Wire

STORAGES = ("rocksdb",)  # the store has no part in this
SEED = 21
ACK = pb.SETTLE_OUTCOME_ACK
OPEN = pb.PublishStreamRequest(open=pb.PublishOpen())
BAD = "INVALID_ARGUMENT"


def batch(first_sequence: int, count: int = 1, queue: str = "") -> pb.PublishStreamRequest:
    publications = [Publication(routing_key=queue, message=Message(body=b"m"))] * count
    return pb.PublishStreamRequest(
        batch=pb.PublishBatch(first_sequence=first_sequence, publications=publications)
    )


def subscribe(queue: str, **options: object) -> pb.ConsumeRequest:
    return pb.ConsumeRequest(subscribe=pb.Subscribe(queue=queue, **options))


def settle(*settlements: pb.Settlement, id: int = 1) -> pb.ConsumeRequest:
    return pb.ConsumeRequest(settle=pb.Settle(settlements=settlements, settle_id=id))


def producer(id: str, **fields: object) -> pb.PublishStreamRequest:
    return pb.PublishStreamRequest(open=pb.PublishOpen(producer_id=id, **fields))


PUBLISH_CASES = [
    ([batch(1)], BAD, "PROTOCOL_FAULT", "first frame must be open"),
    ([OPEN, OPEN], BAD, "PROTOCOL_FAULT", "open came twice"),
    ([pb.PublishStreamRequest()], BAD, "PROTOCOL_FAULT", "empty"),
    ([OPEN, b""], BAD, "PROTOCOL_FAULT", "empty"),
    ([OPEN, b"\xff\xff\xff"], BAD, "FRAME_INVALID", "PublishStreamRequest"),
    ([b"\x08"], BAD, "FRAME_INVALID", "PublishStreamRequest"),
    ([OPEN, batch(0)], BAD, "SEQUENCE_INVALID", "first_sequence is 0"),
    ([OPEN, batch((1 << 64) - 1)], BAD, "SEQUENCE_INVALID", "2^63"),
    ([OPEN, batch(5), batch(5)], BAD, "PROTOCOL_FAULT", "first_sequence is 5"),
    ([OPEN, batch(5, 3), batch(7)], BAD, "PROTOCOL_FAULT", "7 was sent"),
    ([OPEN, batch(1, 0)], BAD, "BATCH_INVALID", "0 publications"),
    ([OPEN, batch(1, 10_001)], BAD, "BATCH_INVALID", "10001"),
    ([producer("p" * 256)], BAD, "NAME_INVALID", "producer_id is 256"),
    ([producer("", virtual_host="ghost")], "NOT_FOUND", "VIRTUAL_HOST_NOT_FOUND", "ghost"),
]


@pytest.mark.parametrize(("frames", "code", "reason", "word"), PUBLISH_CASES)
def test_a_publish_stream_that_breaks_the_rules_ends(
    wire: Wire, frames, code, reason, word
) -> None:
    wire.stream("PublishStream", *frames).end().must_be(code, reason, word)


QUEUE = object()  # stands for the test's queue
CONSUME_CASES = [
    ([settle()], BAD, "PROTOCOL_FAULT", "first frame must be subscribe"),
    ([pb.ConsumeRequest(drain=pb.Drain())], BAD, "PROTOCOL_FAULT", "first frame"),
    ([pb.ConsumeRequest()], BAD, "PROTOCOL_FAULT", "first frame"),
    ([QUEUE, b""], BAD, "PROTOCOL_FAULT", "empty"),
    ([QUEUE, QUEUE], BAD, "PROTOCOL_FAULT", "subscribe came twice"),
    ([b"\xff\xff"], BAD, "FRAME_INVALID", "ConsumeRequest"),
    ([subscribe("")], BAD, "NAME_INVALID", "queue is required"),
    ([subscribe("q" * 256)], BAD, "NAME_INVALID", "256"),
    ([subscribe("ghost")], "NOT_FOUND", "QUEUE_NOT_FOUND", "ghost"),
    ([subscribe("q", virtual_host="ghost")], "NOT_FOUND", "VIRTUAL_HOST_NOT_FOUND", "ghost"),
    ([subscribe("q", consumer="c" * 256)], BAD, "NAME_INVALID", "consumer is 256"),
    ([subscribe("q", prefetch_messages=65536)], BAD, "PREFETCH_INVALID", "65536"),
    ([subscribe("q", bindings=[pb.Binding(source="amq.topic")])], BAD, "OPTION_INVALID",
     "declare"),
    ([subscribe("", declare=pb.QueueOptions(max_priority=256))], BAD, "OPTION_INVALID", "255"),
    ([subscribe("", declare=pb.QueueOptions(exclusive=True),
                bindings=[pb.Binding(source="ghost")])], "NOT_FOUND", "EXCHANGE_NOT_FOUND",
     "ghost"),
    ([subscribe("", declare=pb.QueueOptions(exclusive=True),
                bindings=[pb.Binding(source="amq.topic", routing_key="#.#.#")])], BAD,
     "PATTERN_INVALID", "#"),
    ([QUEUE, pb.ConsumeRequest(set_prefetch=pb.SetPrefetch(prefetch_messages=1 << 31))], BAD,
     "PREFETCH_INVALID", "65535"),
    ([QUEUE, settle(pb.Settlement(delivery_tags=[1]))], BAD, "SETTLEMENT_INVALID", "outcome"),
    ([QUEUE, settle(pb.Settlement(delivery_tags=[1], outcome=99))], BAD, "SETTLEMENT_INVALID",
     "99"),
    ([QUEUE, settle(pb.Settlement(outcome=ACK))], BAD, "SETTLEMENT_INVALID", "delivery_tags"),
]  # fmt: skip


@pytest.mark.parametrize(("frames", "code", "reason", "word"), CONSUME_CASES)
def test_a_consume_stream_that_breaks_the_rules_ends(
    wire: Wire, queue: str, frames, code, reason, word
) -> None:
    frames = [subscribe(queue) if frame is QUEUE else frame for frame in frames]
    wire.stream("Consume", *frames).end().must_be(code, reason, word)


def test_a_consume_stream_that_never_subscribes_ends(wire: Wire) -> None:
    stream = wire.stream("Consume")
    stream.half_close()
    stream.end().must_be(BAD, "PROTOCOL_FAULT", "before it subscribed")


def test_a_consumer_name_is_taken_once(wire: Wire, queue: str) -> None:
    first = wire.stream("Consume", subscribe(queue, consumer=queue))
    assert first.read().HasField("subscribed")
    second = wire.stream("Consume", subscribe(queue, consumer=queue))
    second.end().must_be("FAILED_PRECONDITION", "CONSUMER_EXISTS", queue)
    first.cancel()


def test_an_exclusive_consumer_shares_with_nobody(wire: Wire, queue: str) -> None:
    first = wire.stream("Consume", subscribe(queue, exclusive=True))
    assert first.read().HasField("subscribed")
    second = wire.stream("Consume", subscribe(queue))
    second.end().must_be("FAILED_PRECONDITION", "QUEUE_EXCLUSIVELY_CONSUMED", queue)
    first.cancel()


def test_an_exclusive_queue_is_its_streams_alone(wire: Wire, name: str) -> None:
    options = pb.QueueOptions(exclusive=True)
    owner = wire.stream("Consume", subscribe(name, declare=options))
    assert owner.read().HasField("subscribed")
    locked = ("FAILED_PRECONDITION", "QUEUE_LOCKED", name)
    wire.stream("Consume", subscribe(name)).end().must_be(*locked)
    wire.fails("Get", pb.GetRequest(queue=name)).must_be(*locked)
    wire.fails("PurgeQueue", pb.PurgeQueueRequest(name=name)).must_be(*locked)
    wire.fails("DeleteQueue", pb.DeleteQueueRequest(name=name)).must_be(*locked)
    owner.cancel()


def test_a_producer_that_is_taken_over_is_told(wire: Wire, name: str) -> None:
    first = wire.stream("PublishStream", producer(name))
    assert first.read().HasField("opened")
    second = wire.stream("PublishStream", producer(name))
    assert second.read().HasField("opened")
    first.end().must_be("ABORTED", "PRODUCER_TAKEN_OVER", name)
    second.cancel()


def test_bad_settlements_fail_one_by_one(wire: Wire, queue: str) -> None:
    """Settled twice, never delivered, out of range: each named, and the stream lives on."""
    batch_of_two = pb.PublishRequest(
        publications=[Publication(routing_key=queue, message=Message())] * 2
    )
    wire.call("Publish", batch_of_two)
    stream = wire.stream("Consume", subscribe(queue))
    tags: list[int] = []
    while len(tags) < 2:
        tags += [d.delivery_tag for d in stream.read().deliveries.deliveries]
    unknown = [tags[0], 99, 1 << 63, (1 << 64) - 1]
    stream.send(
        settle(
            pb.Settlement(delivery_tags=[tags[0]], outcome=ACK),
            pb.Settlement(delivery_tags=unknown, outcome=ACK),
            pb.Settlement(up_to_delivery_tag=1 << 40, outcome=ACK),
            id=7,
        )
    )
    results = stream.read().settle_results
    assert results.settle_id == 7
    assert [f.delivery_tag for f in results.failures] == [*unknown, 1 << 40]
    for failed in results.failures:
        assert (failed.error.code, failed.error.reason) == (9, "DELIVERY_TAG_UNKNOWN")
        assert str(failed.delivery_tag) in failed.error.message
    stream.send(settle(pb.Settlement(delivery_tags=[tags[1]], outcome=ACK), id=8))
    results = stream.read().settle_results
    assert (results.settle_id, len(results.failures)) == (8, 0)
    stream.cancel()


@pytest.mark.parametrize("method", STREAMS)
def test_garbage_ends_its_stream_with_a_typed_error(wire: Wire, queue: str, method: str) -> None:
    """Random bytes, and valid frames with random damage, at each place in a stream."""
    dice = random.Random(f"{SEED}/{method}")
    first, later = {
        "PublishStream": (OPEN, batch(1, 3, queue)),
        "Consume": (subscribe(queue), settle(pb.Settlement(delivery_tags=[1], outcome=ACK))),
    }[method]
    for attempt in range(120):
        damaged = bytearray((first if attempt % 2 else later).SerializeToString())
        for _ in range(dice.randint(1, 4)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        frame = dice.randbytes(dice.randint(1, 60)) if attempt % 3 == 0 else bytes(damaged)
        stream = wire.stream(method, *([] if attempt % 2 else [first]), frame)
        stream.half_close()
        answer = stream.read()
        for _ in range(3):
            if answer is None or isinstance(answer, Failure):
                break
            if method == "Consume":  # it goes on after a half-close, if the frame was valid
                stream.cancel()
            answer = stream.read()
        if isinstance(answer, Failure) and answer.code != "CANCELLED":
            assert answer.reason not in ("", "UNKNOWN"), f"{frame!r}: {answer}"
