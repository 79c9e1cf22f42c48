"""What isn't permitted: each operation without its permission, in each virtual host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import warren
from health import metric
from secured import EVERYTHING, PASSWORD, audit, basic, user, write_users
from warren._proto import broker_pb2 as pb
from warren._proto.message_pb2 import Message, Publication
from warren_process import WarrenProcess
from wire import Failure, Wire, entry_failure

OWN = "^own"  # what limited users may touch
USERS = {
    "root": {"/": EVERYTHING, "other": EVERYTHING},
    "limited": {"/": {"configure": OWN, "write": OWN, "read": OWN}},
    "nobody": {},
}


def publish(exchange: str) -> pb.PublishRequest:
    entry = Publication(exchange=exchange, routing_key="q", message=Message(body=b"x"))
    return pb.PublishRequest(publications=[entry])


def binding(source: str, queue: str = "", exchange: str = "") -> pb.Binding:
    made = pb.Binding(source=source)
    if queue:
        made.queue = queue
    else:
        made.exchange = exchange
    return made


DIRECT = pb.ExchangeOptions(type=pb.EXCHANGE_TYPE_DIRECT)
# Operation -> method, request, and the permission that is missing on which object.
REFUSED: dict[str, tuple[str, Any, str, str]] = {
    "declare exchange": (
        "DeclareExchange", pb.DeclareExchangeRequest(name="e", options=DIRECT), "configure", "e"),
    "alternate exchange": (
        "DeclareExchange",
        pb.DeclareExchangeRequest(
            name="own.e",
            options=pb.ExchangeOptions(
                type=pb.EXCHANGE_TYPE_DIRECT, alternate_exchange="e"
            ),
        ),
        "write", "e"),
    "delete exchange": ("DeleteExchange", pb.DeleteExchangeRequest(name="e"), "configure", "e"),
    "declare queue": ("DeclareQueue", pb.DeclareQueueRequest(name="q"), "configure", "q"),
    "unnamed queue": ("DeclareQueue", pb.DeclareQueueRequest(), "configure", "amq.gen-"),
    "dead-letter exchange": (
        "DeclareQueue",
        pb.DeclareQueueRequest(name="own.q", options=pb.QueueOptions(dead_letter_exchange="e")),
        "write", "e"),
    "delete queue": ("DeleteQueue", pb.DeleteQueueRequest(name="q"), "configure", "q"),
    "purge": ("PurgeQueue", pb.PurgeQueueRequest(name="q"), "read", "q"),
    "bind to a queue": (
        "Bind", pb.BindRequest(binding=binding("own.e", queue="q")), "write", "q"),
    "bind from an exchange": (
        "Bind", pb.BindRequest(binding=binding("e", queue="own.q")), "read", "e"),
    "bind to an exchange": (
        "Bind", pb.BindRequest(binding=binding("own.e", exchange="e")), "write", "e"),
    "unbind": ("Unbind", pb.UnbindRequest(binding=binding("e", queue="own.q")), "read", "e"),
    "get": ("Get", pb.GetRequest(queue="q"), "read", "q"),
    "commit": (
        "Commit",
        pb.CommitRequest(publications=[Publication(exchange="e", message=Message())]),
        "write", "e"),
}  # fmt: skip


@pytest.fixture(scope="module")
def module_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarrenProcess]:
    directory = tmp_path_factory.mktemp("permissions")
    users = write_users(
        directory / "users.yaml", **{name: user(hosts) for name, hosts in USERS.items()}
    )
    arguments = [f"--users={users}", "--virtual-host=other", "--drain-timeout=0s"]
    with WarrenProcess(directory / "broker", storage="memory:", arguments=arguments) as broker:
        with warren.connect(broker.grpc, user="root", password=PASSWORD) as root:
            for name in ("e", "own.e"):
                root.declare_exchange(name)
            for name in ("q", "own.q"):
                root.declare_queue(name)
            root.publish("", "q", b"secret")
        yield broker


@pytest.fixture
def guarded(module_broker: WarrenProcess) -> Iterator[WarrenProcess]:
    """Shared; whatever a test tries, what is there must be as it was."""
    yield module_broker
    assert module_broker.running
    with warren.connect(module_broker.grpc, user="root", password=PASSWORD) as root:
        assert root.declare_queue("q", passive=True).message_count == 1
        root.declare_exchange("e", passive=True)


def denied(broker: WarrenProcess, permission: str) -> float:
    return metric(broker, f'warren_authz_denied_total{{permission="{permission}"}}')


def must_be_refused(failure: Failure, who: str, permission: str, name: str) -> None:
    assert (failure.code, failure.reason) == ("PERMISSION_DENIED", "ACCESS_REFUSED"), failure
    assert failure.metadata["user"] == who
    assert failure.metadata["permission"] == permission
    assert failure.metadata["name"] == name
    assert "auth.users" in failure.message


@pytest.mark.parametrize("operation", REFUSED)
def test_without_its_permission_an_operation_is_refused(
    guarded: WarrenProcess, operation: str
) -> None:
    method, request, permission, name = REFUSED[operation]
    before = denied(guarded, permission)
    lines = len(audit(guarded, "operation refused", user="limited", name=name))
    with Wire(guarded.grpc, [basic("limited")]) as wire:
        must_be_refused(wire.fails(method, request), "limited", permission, name)
    assert denied(guarded, permission) == before + 1
    refused = audit(guarded, "operation refused", user="limited", name=name)
    assert len(refused) == lines + 1
    assert refused[-1]["virtual_host"] == "/" and refused[-1]["permission"] == permission


@pytest.mark.parametrize("who, virtual_host", [("limited", "other"), ("nobody", "/"),
                                               ("root", "absent")])
def test_every_operation_takes_the_virtual_host(
    guarded: WarrenProcess, who: str, virtual_host: str
) -> None:
    requests = {method: request for method, request, _, _ in REFUSED.values()}
    requests |= {"Ack": pb.AckRequest(), "Publish": publish("e")}
    with Wire(guarded.grpc, [basic(who)]) as wire:
        for method, request in requests.items():
            copy = type(request)()
            copy.CopyFrom(request)
            copy.virtual_host = virtual_host
            must_be_refused(wire.fails(method, copy), who, "virtual_host", virtual_host)
        opening = pb.PublishStreamRequest(open=pb.PublishOpen(virtual_host=virtual_host))
        must_be_refused(
            wire.stream("PublishStream", opening).end(), who, "virtual_host", virtual_host)
        subscribe = pb.Subscribe(virtual_host=virtual_host, queue="q")
        must_be_refused(
            wire.stream("Consume", pb.ConsumeRequest(subscribe=subscribe)).end(),
            who, "virtual_host", virtual_host)


def test_a_consumer_reads_its_own_queues_alone(guarded: WarrenProcess) -> None:
    with Wire(guarded.grpc, [basic("limited")]) as wire:
        def end(subscribe: pb.Subscribe) -> Failure:
            return wire.stream("Consume", pb.ConsumeRequest(subscribe=subscribe)).end()

        must_be_refused(end(pb.Subscribe(queue="q")), "limited", "read", "q")
        options = pb.QueueOptions(exclusive=True)
        must_be_refused(
            end(pb.Subscribe(queue="q", declare=options)), "limited", "configure", "q")
        spied = binding("e", queue="own.new")
        must_be_refused(
            end(pb.Subscribe(queue="own.new", declare=options, bindings=[spied])),
            "limited", "read", "e")


def test_refused_messages_fail_alone_and_the_stream_lives(guarded: WarrenProcess) -> None:
    before = denied(guarded, "write")
    with Wire(guarded.grpc, [basic("limited")]) as wire:
        stream = wire.stream("PublishStream", pb.PublishStreamRequest(open=pb.PublishOpen()))
        assert stream.read().HasField("opened")
        batch = pb.PublishBatch(first_sequence=1)
        for exchange in ("own.e", "e", "e", "", "own.e"):
            batch.publications.add(exchange=exchange, message=Message(body=b"x"))
        stream.send(pb.PublishStreamRequest(batch=batch))
        reasons: dict[int, str] = {}
        while len(reasons) < 5:
            for confirm in stream.read().confirms.confirms:
                for sequence in range(confirm.first_sequence, confirm.last_sequence + 1):
                    reasons[sequence] = confirm.error.reason
        assert reasons == {1: "", 2: "ACCESS_REFUSED", 3: "ACCESS_REFUSED",
                           4: "ACCESS_REFUSED", 5: ""}
        [result] = wire.call("Publish", publish("e")).results
        assert result.error.reason == "ACCESS_REFUSED"
        assert result.error.metadata["permission"] == "write"
    assert denied(guarded, "write") == before + 4


def test_nobody_publishes_in_anothers_name(guarded: WarrenProcess) -> None:
    before = {what: denied(guarded, what) for what in ("write", "virtual_host")}
    mine, other, spoofed = (
        Publication(exchange="own.e", message=Message(user_id=name))
        for name in ("limited", "root", "Limited")
    )
    with Wire(guarded.grpc, [basic("limited")]) as wire:
        request = pb.PublishRequest(publications=[mine, other, spoofed])
        results = wire.call("Publish", request).results
        assert [r.error.reason for r in results] == ["", "USER_ID_DIFFERS", "USER_ID_DIFFERS"]
        told = entry_failure(results[1].error)
        told.must_be("FAILED_PRECONDITION", "USER_ID_DIFFERS", "root")
        assert 'user_id is "root", but "limited" publishes' in results[1].error.message
        failure = wire.fails("Commit", pb.CommitRequest(publications=[mine, other]))
        assert (failure.code, failure.reason) == ("FAILED_PRECONDITION", "USER_ID_DIFFERS")
        assert failure.metadata["publication"] == "1"
        wire.call("Commit", pb.CommitRequest(publications=[mine]))
    # No permission is missing, so none is counted as denied.
    assert before == {what: denied(guarded, what) for what in before}


def test_what_is_permitted_works(guarded: WarrenProcess) -> None:
    with warren.connect(guarded.grpc, user="limited", password=PASSWORD) as limited:
        limited.bind("own.e", "key", queue="own.q")
        limited.publish("own.e", "key", b"x")
        assert [d.body for d in limited.get("own.q", 10, auto_ack=True)] == [b"x"]
        limited.purge_queue("own.q")
        limited.declare_queue("q", passive=True)  # looking takes no permission
        with limited.consume("own.q"):
            pass
        with pytest.raises(warren.PermissionDenied) as refused:
            limited.publish("", "own.q", b"x")
        assert refused.value.metadata["user"] == "limited"


def test_nobody_settles_what_another_user_holds(guarded: WarrenProcess) -> None:
    """Tags of leases and names of consumers can be guessed."""
    with (
        warren.connect(guarded.grpc, user="root", password=PASSWORD) as root,
        Wire(guarded.grpc, [basic("limited")]) as wire,
        Wire(guarded.grpc, [basic("root")]) as own,
    ):
        root.declare_queue("held", durable=False)
        for body in (b"leased", b"delivered"):
            root.publish("", "held", body)
        [leased] = own.call("Get", pb.GetRequest(queue="held", max_messages=1)).deliveries
        subscribe = pb.Subscribe(queue="held", consumer="roots")
        stream = own.stream("Consume", pb.ConsumeRequest(subscribe=subscribe))
        assert stream.read().HasField("subscribed")
        [delivered] = stream.read().deliveries.deliveries

        def ack(tag: int, consumer: str = "") -> pb.AckRequest:
            settled = pb.Settlement(delivery_tags=[tag], outcome=pb.SETTLE_OUTCOME_ACK)
            return pb.AckRequest(consumer=consumer, settlements=[settled])

        def commit(tag: int, consumer: str = "") -> pb.CommitRequest:
            made = pb.CommitRequest()
            made.settlements.add(consumer=consumer, settlement=ack(tag).settlements[0])
            return made

        [failure] = wire.call("Ack", ack(leased.delivery_tag)).failures
        assert failure.error.reason == "DELIVERY_TAG_UNKNOWN"
        assert wire.fails("Commit", commit(leased.delivery_tag)).reason == "DELIVERY_TAG_UNKNOWN"
        tag = delivered.delivery_tag
        for request in (ack(tag, "roots"), commit(tag, "roots")):
            method = "Ack" if isinstance(request, pb.AckRequest) else "Commit"
            assert wire.fails(method, request).reason == "CONSUMER_NOT_FOUND"
        assert not own.call("Ack", ack(leased.delivery_tag)).failures
        own.call("Commit", commit(delivered.delivery_tag, "roots"))
        assert root.declare_queue("held", passive=True).message_count == 0
        stream.cancel()
        root.delete_queue("held")


def test_more_queues_than_the_limit_are_refused(new_broker, tmp_path: Path) -> None:
    broker = new_broker("memory:", "--max-queues=3").start()
    with warren.connect(broker.grpc) as connection:
        for number in range(3):
            connection.declare_queue(f"q{number}")
        connection.declare_queue("q0")  # it is there
        for name in ("q3", ""):
            with pytest.raises(warren.ResourceExhausted) as refused:
                connection.declare_queue(name)
            assert refused.value.reason == "QUEUE_LIMIT"
        connection.delete_queue("q1")
        connection.declare_queue("q3")
