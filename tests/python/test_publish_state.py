"""The window of unconfirmed messages: frames, confirms, lost streams. No broker needed."""

import random

import pytest
import warren
from warren import _publish_state
from warren._frames import publication_piece, publish_frame, varint
from warren._proto import broker_pb2, message_pb2
from warren._publication import encode_publication
from warren._publish_state import PublishState

ACCEPTED = broker_pb2.OUTCOME_ACCEPTED
DUPLICATE = broker_pb2.OUTCOME_DUPLICATE


def make_state(max_messages=10_000, max_bytes=64 << 20, **options):
    return PublishState("producer", "/", max_messages, max_bytes, options.get("unroutable", False))


def body(number, size=0):
    return encode_publication("e", "k", str(number).ljust(size), {}).SerializeToString()


def opened(state, last_sequence=0):
    state.opened(broker_pb2.PublishOpened(last_sequence=last_sequence, max_message_bytes=1 << 24))


def frames(state):
    """All frames that are due: [(first sequence, [bodies])]."""
    out = []
    while (frame := state.next_frame()) is not None:
        batch = broker_pb2.PublishStreamRequest.FromString(frame).batch
        bodies = [p.message.body.decode().strip() for p in batch.publications]
        out.append((batch.first_sequence, bodies))
    return out


def batches(state):
    """All frames that are due: [(first sequence, how many messages, resent)]."""
    out = []
    while (frame := state.next_frame()) is not None:
        batch = broker_pb2.PublishStreamRequest.FromString(frame).batch
        out.append((batch.first_sequence, len(batch.publications), batch.resent))
    return out


def confirm(state, *ranges):
    confirms = [
        broker_pb2.PublishConfirm(first_sequence=a, last_sequence=b, outcome=o)
        for a, b, o in ranges
    ]
    return state.confirmed(broker_pb2.PublishConfirms(confirms=confirms))


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**32, 2**63])
def test_varint_is_protobufs(value):
    publication = broker_pb2.PublishOpened(last_sequence=value).SerializeToString()
    assert publication == (b"\x08" + varint(value) if value else b"")


def test_a_joined_frame_is_what_protobuf_makes():
    publications = [
        encode_publication("exchange", "key", b"x" * size, {"headers": {"n": size}})
        for size in (0, 1, 127, 128, 20_000)
    ]
    pieces = [publication_piece(p.SerializeToString()) for p in publications]
    for resent in (False, True):
        batch = broker_pb2.PublishBatch(
            first_sequence=300, publications=publications, resent=resent
        )
        joined = broker_pb2.PublishStreamRequest.FromString(publish_frame(300, pieces, resent))
        assert joined == broker_pb2.PublishStreamRequest(batch=batch)


def test_only_frames_that_a_stream_was_given_before_say_resent():
    state = make_state()
    opened(state)
    for number in (1, 2):
        state.add(body(number), None)
    assert batches(state) == [(1, 2, False)]
    state.disconnected()
    state.add(body(3), None)
    opened(state)
    assert batches(state) == [(1, 2, True), (3, 1, False)]
    confirm(state, (1, 1, ACCEPTED))
    state.disconnected()
    opened(state)
    assert batches(state) == [(2, 2, True)]
    state.add(body(4), None)
    assert batches(state) == [(4, 1, False)]


def test_nothing_is_sent_before_the_stream_is_open():
    state = make_state()
    state.add(body(1), None)
    assert state.next_frame() is None
    opened(state)
    assert frames(state) == [(1, ["1"])]


def test_what_piles_up_leaves_as_one_frame():
    state = make_state()
    opened(state)
    for number in range(1, 6):
        state.add(body(number), None)
    assert frames(state) == [(1, ["1", "2", "3", "4", "5"])]
    assert frames(state) == []


def test_frames_keep_to_their_limits():
    state = make_state()
    opened(state)
    for number in range(1, _publish_state.MAX_FRAME_MESSAGES + 2):
        state.add(body(number), None)
    assert [len(bodies) for _, bodies in frames(state)] == [_publish_state.MAX_FRAME_MESSAGES, 1]
    for number in range(3):
        state.add(body(number, size=_publish_state.MAX_FRAME_BYTES * 2 // 3), None)
    assert [len(bodies) for _, bodies in frames(state)] == [1, 1, 1]


def test_the_window_is_bounded_by_messages_and_by_bytes():
    state = make_state(max_messages=2)
    opened(state)
    state.add(body(1), None)
    assert state.has_room()
    state.add(body(2), None)
    assert not state.has_room()
    confirm(state, (1, 1, ACCEPTED))
    assert state.has_room()
    tight = make_state(max_bytes=100)
    tight.add(body(1, size=500), None)  # an oversize message fits an empty window
    assert not tight.has_room()


def test_confirms_resolve_ranges_out_of_order_and_once():
    state = make_state()
    opened(state)
    for number in range(1, 7):
        state.add(body(number), number)
    done = confirm(state, (4, 5, ACCEPTED), (1, 2, DUPLICATE), (4, 4, ACCEPTED))
    assert [(handle, result.outcome) for handle, result in done] == [
        (4, warren.Outcome.ACCEPTED), (5, warren.Outcome.ACCEPTED),
        (1, warren.Outcome.DUPLICATE), (2, warren.Outcome.DUPLICATE),
    ]  # fmt: skip
    assert list(state.unconfirmed) == [3, 6]


def test_an_absurd_range_costs_no_more_than_the_window():
    state = make_state()
    opened(state)
    state.add(body(1), 1)
    assert len(confirm(state, (1, 2**64 - 1, ACCEPTED))) == 1
    assert state.unconfirmed_bytes == 0


def test_a_lost_stream_sends_the_unconfirmed_again_under_the_same_sequences():
    state = make_state()
    opened(state)
    for number in range(1, 6):
        state.add(body(number), number)
    frames(state)
    confirm(state, (2, 3, ACCEPTED))
    state.disconnected()
    state.add(body(6), 6)  # published while there is no stream
    assert state.next_frame() is None
    opened(state, last_sequence=4)
    assert frames(state) == [(1, ["1"]), (4, ["4", "5"]), (6, ["6"])]


def test_nothing_is_lost_or_doubled_over_random_disconnections():
    """Property: a broker that keeps the last sequence has every message once, in order."""
    for seed in range(200):
        rng = random.Random(seed)
        state, last, log, resolved, published = make_state(), 0, [], set(), 0
        while len(resolved) < 60:
            step = rng.random()
            if step < 0.3 and published < 60:
                published += 1
                state.add(body(published), published)
            elif step < 0.45:
                state.disconnected()
            elif step < 0.6 and not state.is_open:
                opened(state, last)
            elif (frame := state.next_frame()) is not None and rng.random() < 0.8:  # else lost
                batch = broker_pb2.PublishStreamRequest.FromString(frame).batch
                for sequence, publication in enumerate(batch.publications, batch.first_sequence):
                    if sequence > last:
                        log.append(int(publication.message.body))
                        last = sequence
                if rng.random() < 0.5:  # else the confirm is lost, and with it the stream
                    end = batch.first_sequence + len(batch.publications) - 1
                    done = confirm(state, (batch.first_sequence, end, ACCEPTED))
                    resolved.update(handle for handle, _ in done)
                else:
                    state.disconnected()
            elif state.is_open:
                state.disconnected()
        assert log == list(range(1, 61)), f"seed {seed}"


def test_a_known_producer_goes_on_after_its_last_sequence():
    state = make_state()
    opened(state, last_sequence=41)
    assert state.add(body(1), None) == 42


def test_sequences_of_the_applications_own_leave_gaps_between_frames():
    state = make_state()
    opened(state)
    state.add(body("a"), None, 10)
    state.add(body("b"), None, 11)
    state.add(body("c"), None, 20)
    assert frames(state) == [(10, ["a", "b"]), (20, ["c"])]
    with pytest.raises(ValueError, match="greater than the last one, 20"):
        state.add(body("d"), None, 20)


def test_a_rejection_is_a_typed_error():
    state = make_state()
    opened(state)
    state.add(body(1), 1)
    error = broker_pb2.Error(code=8, reason="QUEUE_FULL", message="full", metadata={"name": "q"})
    rejected = broker_pb2.PublishConfirm(
        first_sequence=1, last_sequence=1, outcome=broker_pb2.OUTCOME_REJECTED, error=error
    )
    [(_, result)] = state.confirmed(broker_pb2.PublishConfirms(confirms=[rejected]))
    assert isinstance(result.error, warren.ResourceExhausted)
    assert (result.error.reason, result.error.metadata) == ("QUEUE_FULL", {"name": "q"})


def test_unroutable_is_an_outcome_or_an_error_as_wished():
    for wished in (False, True):
        state = make_state(unroutable=wished)
        opened(state)
        state.add(body(1), 1)
        [(_, result)] = confirm(state, (1, 1, broker_pb2.OUTCOME_UNROUTABLE))
        if wished:
            assert isinstance(result.error, warren.Unroutable)
        else:
            assert result.outcome is warren.Outcome.UNROUTABLE


def test_an_outcome_of_a_later_version_is_an_error_not_a_crash():
    state = make_state()
    opened(state)
    state.add(body(1), 1)
    [(_, result)] = confirm(state, (1, 1, 99))
    assert isinstance(result.error, warren.Internal)


def test_a_body_over_the_brokers_limit_is_refused_before_it_breaks_the_stream():
    state = make_state()
    state.opened(broker_pb2.PublishOpened(max_message_bytes=10))
    state.check_size(10)
    with pytest.raises(warren.ResourceExhausted, match="11 bytes"):
        state.check_size(11)


def test_giving_up_fails_everything_unconfirmed():
    state = make_state()
    opened(state)
    state.add(body(1), 1)
    done = state.fail(warren.Unavailable("gone"))
    assert [type(result.error) for _, result in done] == [warren.Unavailable]
    assert not state.unconfirmed and state.unconfirmed_bytes == 0


def test_publish_options_reach_their_fields():
    options = {
        "persistent": False,
        "priority": 7,
        "expiration": 1.5,
        "message_id": "m",
        "headers": {"a": 1},
        "mandatory": True,
        "delay": 2,
        "content_type": "text/plain",
    }
    publication = encode_publication("e", "k", "body", options)
    message = publication.message
    assert message.delivery_mode == message_pb2.DELIVERY_MODE_TRANSIENT
    assert (message.priority, message.message_id, message.content_type) == (7, "m", "text/plain")
    assert (message.expiration.seconds, message.expiration.nanos) == (1, 500_000_000)
    assert publication.mandatory and publication.delay.seconds == 2
    assert encode_publication("", "k", b"", {}).message.delivery_mode == (
        message_pb2.DELIVERY_MODE_PERSISTENT
    )


def test_wrong_publish_options_are_refused():
    with pytest.raises(TypeError, match="unknown publish option 'prioritty'"):
        encode_publication("", "", b"", {"prioritty": 1})
    with pytest.raises(ValueError, match="exclude each other"):
        encode_publication("", "", b"", {"delay": 1, "deliver_at": _now()})


def _now():
    from datetime import datetime, timezone

    return datetime.now(timezone.utc)
