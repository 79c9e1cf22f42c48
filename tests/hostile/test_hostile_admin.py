"""AdminService: who may do what, method by method, and requests that nobody should send."""

from __future__ import annotations

import string
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import warren
from health import metric
from secured import EVERYTHING, PASSWORD, audit, basic, user, write_users
from warren._proto import admin_pb2 as pb
from warren_process import WarrenProcess
from wire import ADMIN, Failure, Wire

OWN = "^own"
USERS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "root": ({}, ["administrator"]),
    "watcher": ({}, ["monitoring"]),
    "limited": ({"/": {"configure": OWN, "write": OWN, "read": OWN}}, []),
    "nobody": ({}, []),
    "setup": ({"/": EVERYTHING, "other": EVERYTHING}, ["management"]),
}

# Methods that take a tag -> a request, and who has it.
TAGGED: dict[str, tuple[Any, set[str]]] = {
    "GetConfiguration": (pb.GetConfigurationRequest(), {"root"}),
    "SetLogLevels": (pb.SetLogLevelsRequest(levels={"api": "info"}), {"root"}),
    "CreateVirtualHost": (pb.CreateVirtualHostRequest(name="made"), {"root"}),
    "ListConnections": (pb.ListConnectionsRequest(), {"root", "watcher"}),
}
# Methods about one virtual host, which those that may enter and those that see everything may call.
SEEN = {
    "ListExchanges": pb.ListExchangesRequest,
    "ListQueues": pb.ListQueuesRequest,
    "ListBindings": pb.ListBindingsRequest,
    "ListConsumers": pb.ListConsumersRequest,
    "ListScheduledMessages": pb.ListScheduledMessagesRequest,
}
# Methods that touch an object -> a request about one that `limited` may touch, and about another.
TOUCHED: dict[str, tuple[Any, Any, str, str]] = {
    "ExplainRoute": (
        pb.ExplainRouteRequest(exchange="own.e"),
        pb.ExplainRouteRequest(exchange="e"), "read", "e"),
    "PeekQueue": (pb.PeekQueueRequest(queue="own.q"), pb.PeekQueueRequest(queue="q"), "read", "q"),
    "MoveMessages": (
        pb.MoveMessagesRequest(source="own.q", destination="own.r"),
        pb.MoveMessagesRequest(source="q", destination="own.q"), "read", "q"),
    "MoveMessages to another": (
        pb.MoveMessagesRequest(source="own.q", destination="own.r"),
        pb.MoveMessagesRequest(source="own.q", destination="q"), "write", "q"),
    "ListScheduledMessages": (
        pb.ListScheduledMessagesRequest(queue="own.q"),
        pb.ListScheduledMessagesRequest(queue="q"), "read", "q"),
    "CancelScheduledMessages": (
        pb.CancelScheduledMessagesRequest(queue="own.q", all=True),
        pb.CancelScheduledMessagesRequest(queue="q", all=True), "read", "q"),
}  # fmt: skip


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarrenProcess]:
    directory = tmp_path_factory.mktemp("admin")
    users = write_users(
        directory / "users.yaml",
        **{name: user(hosts, tags=tags) for name, (hosts, tags) in USERS.items()},
    )
    arguments = [f"--users={users}", "--virtual-host=other", "--drain-timeout=0s"]
    with WarrenProcess(directory / "broker", storage="memory:", arguments=arguments) as broker:
        for virtual_host in ("/", "other"):
            with warren.connect(
                broker.grpc, user="setup", password=PASSWORD, virtual_host=virtual_host
            ) as setup:
                for name in ("e", "own.e"):
                    setup.declare_exchange(name)
                for name in ("q", "own.q", "own.r"):
                    setup.declare_queue(name)
        yield broker
        assert broker.running


def answer(broker: WarrenProcess, who: str, method: str, request: Any) -> Any:
    with Wire(broker.grpc, [basic(who)]) as wire:
        return wire.call(method.split()[0], request)


def must_be_refused(failure: Any, who: str, permission: str, name: str) -> None:
    assert isinstance(failure, Failure), f"{who} got {failure}"
    assert (failure.code, failure.reason) == ("PERMISSION_DENIED", "ACCESS_REFUSED"), failure
    assert failure.metadata["user"] == who
    assert failure.metadata["permission"] == permission
    assert failure.metadata["name"] == name


@pytest.mark.parametrize("who", USERS)
@pytest.mark.parametrize("method", TAGGED)
def test_a_method_takes_its_tag(guarded: WarrenProcess, method: str, who: str) -> None:
    request, allowed = TAGGED[method]
    got = answer(guarded, who, method, request)
    if who in allowed:
        assert not isinstance(got, Failure), got
    else:
        tag = "monitoring" if "watcher" in allowed else "administrator"
        must_be_refused(got, who, "tag", tag)


@pytest.mark.parametrize("method, request_", [
    ("Drain", pb.DrainRequest()), ("CloseConnection", pb.CloseConnectionRequest(peer="x"))])
@pytest.mark.parametrize("who", ["watcher", "limited", "nobody", "setup"])
def test_what_ends_something_takes_an_administrator(
    guarded: WarrenProcess, method: str, request_: Any, who: str
) -> None:
    must_be_refused(answer(guarded, who, method, request_), who, "tag", "administrator")


@pytest.mark.parametrize("who, sees", [("root", {"/", "other"}), ("watcher", {"/", "other"}),
                                       ("limited", {"/"}), ("nobody", set()),
                                       ("setup", {"/", "other"})])
@pytest.mark.parametrize("method", SEEN)
def test_a_list_shows_the_virtual_hosts_that_one_sees(
    guarded: WarrenProcess, method: str, who: str, sees: set[str]
) -> None:
    got = answer(guarded, who, method, SEEN[method]())
    assert not isinstance(got, Failure), got
    entries = getattr(got, got.DESCRIPTOR.fields[0].name)
    seen = {entry.virtual_host for entry in entries} - {"made"}  # by another test
    assert seen == sees if method in ("ListExchanges", "ListQueues") else seen <= sees
    for virtual_host in ("/", "other"):
        one = answer(guarded, who, method, SEEN[method](virtual_host=virtual_host))
        if virtual_host in sees:
            assert not isinstance(one, Failure), one
        else:
            must_be_refused(one, who, "virtual_host", virtual_host)


def test_virtual_hosts_are_listed_to_those_who_see_them(guarded: WarrenProcess) -> None:
    def names(who: str) -> set[str]:
        got = answer(guarded, who, "ListVirtualHosts", pb.ListVirtualHostsRequest())
        return {host.name for host in got.virtual_hosts} - {"made"}

    assert names("root") == names("watcher") == {"/", "other"}
    assert names("limited") == {"/"}
    assert names("nobody") == set()


@pytest.mark.parametrize("method", TOUCHED)
def test_an_object_takes_its_permission_or_an_administrator(
    guarded: WarrenProcess, method: str
) -> None:
    own, other, permission, name = TOUCHED[method]
    assert not isinstance(answer(guarded, "limited", method, own), Failure)
    before = metric(guarded, f'warren_authz_denied_total{{permission="{permission}"}}')
    lines = len(audit(guarded, "operation refused", user="limited", name=name))
    must_be_refused(answer(guarded, "limited", method, other), "limited", permission, name)
    after = metric(guarded, f'warren_authz_denied_total{{permission="{permission}"}}')
    assert after == before + 1
    assert len(audit(guarded, "operation refused", user="limited", name=name)) == lines + 1
    assert not isinstance(answer(guarded, "root", method, other), Failure)
    # To see everything isn't to read messages.
    refused = answer(guarded, "watcher", method, other)
    must_be_refused(refused, "watcher", "virtual_host", "/")
    elsewhere = type(own)()
    elsewhere.CopyFrom(own)
    elsewhere.virtual_host = "other"
    must_be_refused(
        answer(guarded, "limited", method, elsewhere), "limited", "virtual_host", "other")


def test_scheduled_messages_of_unreadable_queues_are_left_out(guarded: WarrenProcess) -> None:
    with warren.connect(guarded.grpc, user="setup", password=PASSWORD) as setup:
        setup.publish("", "q", b"secret", delay=3600)
        setup.publish("", "own.q", b"mine", delay=3600)
    got = answer(guarded, "limited", "ListScheduledMessages", pb.ListScheduledMessagesRequest())
    assert [entry.message.body for entry in got.entries] == [b"mine"]
    assert got.total == 1
    both = answer(guarded, "root", "ListScheduledMessages", pb.ListScheduledMessagesRequest())
    assert both.total == 2
    for queue in ("q", "own.q"):
        answer(guarded, "root", "CancelScheduledMessages",
               pb.CancelScheduledMessagesRequest(queue=queue, all=True))


def test_connections_show_who_is_logged_in(guarded: WarrenProcess) -> None:
    with warren.connect(guarded.grpc, user="limited", password=PASSWORD) as client:
        with client.consume("own.q"):
            got = answer(guarded, "watcher", "ListConnections", pb.ListConnectionsRequest())
            owners = [c for c in got.connections if list(c.users) == ["limited"]]
            assert owners and owners[0].consumers == 1
            consumers = answer(guarded, "watcher", "ListConsumers", pb.ListConsumersRequest())
            assert consumers.consumers[0].user == "limited"
            assert consumers.consumers[0].peer == owners[0].peer


def requests_with_pages() -> list[str]:
    return [
        method.name
        for method in ADMIN.methods
        if "page_token" in method.input_type.fields_by_name
        and method.name != "ListUsers"
    ]


@pytest.mark.parametrize("method", requests_with_pages())
def test_garbage_for_a_page_is_refused(guarded: WarrenProcess, method: str) -> None:
    request_class = getattr(pb, ADMIN.methods_by_name[method].input_type.name)
    with Wire(guarded.grpc, [basic("root")]) as wire:
        base = request_class(queue="q") if method == "PeekQueue" else request_class()
        for token in ("x", "A" * 100_000, string.printable, "cXVldWVzLzE", "\N{SNOWMAN}"):
            request = request_class()
            request.CopyFrom(base)
            request.page_token = token
            wire.fails(method, request).must_be("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID")
        request = request_class()
        request.CopyFrom(base)
        request.page_size = 2**32 - 1
        wire.fails(method, request).must_be("INVALID_ARGUMENT", "PAGE_SIZE_INVALID", "4294967295")


@pytest.mark.parametrize("pattern", [
    "(", "a{1000}{1000}", "(" * 500, "x" * 1025, "((a{1,100}){1,100}){1,100}", "[[:bogus:]]"])
def test_a_pattern_that_costs_too_much_is_refused(guarded: WarrenProcess, pattern: str) -> None:
    with Wire(guarded.grpc, [basic("root")]) as wire:
        for method, request in (
            ("ListQueues", pb.ListQueuesRequest(name_pattern=pattern)),
            ("ListExchanges", pb.ListExchangesRequest(name_pattern=pattern)),
        ):
            wire.fails(method, request).must_be("INVALID_ARGUMENT", "PATTERN_INVALID")


def test_names_that_are_not_there_or_are_none(guarded: WarrenProcess) -> None:
    long = "x" * 256
    with Wire(guarded.grpc, [basic("root")]) as wire:
        wire.fails("PeekQueue", pb.PeekQueueRequest(queue="absent")).must_be(
            "NOT_FOUND", "QUEUE_NOT_FOUND", "absent")
        wire.fails("PeekQueue", pb.PeekQueueRequest()).must_be("INVALID_ARGUMENT", "NAME_INVALID")
        wire.fails("PeekQueue", pb.PeekQueueRequest(queue="q", virtual_host="absent")).must_be(
            "NOT_FOUND", "VIRTUAL_HOST_NOT_FOUND", "absent")
        wire.fails("ExplainRoute", pb.ExplainRouteRequest(exchange="absent")).must_be(
            "NOT_FOUND", "EXCHANGE_NOT_FOUND", "absent")
        wire.fails("MoveMessages", pb.MoveMessagesRequest(source="q", destination="q")).must_be(
            "FAILED_PRECONDITION", "SAME_QUEUE", "q")
        wire.fails("CloseConnection", pb.CloseConnectionRequest(peer="ipv4:1.2.3.4:5")).must_be(
            "NOT_FOUND", "CONNECTION_NOT_FOUND", "ipv4:1.2.3.4:5")
        wire.fails("CreateVirtualHost", pb.CreateVirtualHostRequest(name=long)).must_be(
            "INVALID_ARGUMENT", "NAME_INVALID", "256")
        wire.fails("SetLogLevels", pb.SetLogLevelsRequest(levels={"api": "loud"})).must_be(
            "INVALID_ARGUMENT", "LOG_LEVEL_INVALID", "loud")
        wire.fails("SetLogLevels", pb.SetLogLevelsRequest(levels={"kitchen": "info"})).must_be(
            "INVALID_ARGUMENT", "LOG_CATEGORY_INVALID", "kitchen")
        too_many = pb.CancelScheduledMessagesRequest(queue="q", ids=range(10_001))
        wire.fails("CancelScheduledMessages", too_many).must_be(
            "INVALID_ARGUMENT", "BATCH_INVALID", "10001")


def test_every_method_answers(guarded: WarrenProcess) -> None:
    """Also those that aren't served: a call that nobody takes would wait for ever."""
    with Wire(guarded.grpc, [basic("nobody")]) as wire:
        for method in ADMIN.methods:
            request = getattr(pb, method.input_type.name)()
            got = wire.call(method.name, request, timeout=10)
            assert not isinstance(got, Failure) or got.code != "DEADLINE_EXCEEDED", method.name


def test_frames_that_are_none_are_refused(guarded: WarrenProcess) -> None:
    with Wire(guarded.grpc, [basic("root")]) as wire:
        for method in (*TAGGED, *SEEN, "PeekQueue", "MoveMessages", "GetOverview"):
            wire.fails(method, b"\xff\xff\xff").must_be("INVALID_ARGUMENT", "FRAME_INVALID")


def test_calls_are_counted_by_service(guarded: WarrenProcess) -> None:
    answer(guarded, "nobody", "GetOverview", pb.GetOverviewRequest())
    with urllib.request.urlopen(f"http://{guarded.http}/metrics", timeout=10) as page:
        lines = page.read().decode().splitlines()
    words = ('grpc_service="warren.v1.AdminService"', 'grpc_method="GetOverview"', 'grpc_code="OK"')
    [line] = [
        line for line in lines
        if line.startswith("grpc_server_handled_total{") and all(word in line for word in words)
    ]
    assert float(line.rsplit(" ", 1)[1]) >= 1


def test_the_configuration_has_origins_and_no_secrets(guarded: WarrenProcess) -> None:
    got = answer(guarded, "root", "GetConfiguration", pb.GetConfigurationRequest())
    options = {option.key: option for option in got.options}
    assert list(options) == sorted(options)
    assert options["storage.url"].value == "memory:" and options["storage.url"].origin == "flag"
    assert options["limits.max_headers"].value == "256"
    assert options["limits.max_headers"].origin == "default"


def test_drain_ends_the_broker(tmp_path: Path) -> None:
    with WarrenProcess(tmp_path / "broker", storage="memory:") as broker:
        with Wire(broker.grpc) as wire:
            got = wire.call("Drain", pb.DrainRequest())
            assert not isinstance(got, Failure), got
        assert broker.wait_ended(20) == 0
