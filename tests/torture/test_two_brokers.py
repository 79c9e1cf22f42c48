"""Two brokers on one database: one serves, the other stands by, and they never both do.

The lease decides. Whoever was away for longer than it must find that out before it confirms
anything, and go.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Callable

import pytest
import warren
from postgres_proxy import Cut, PostgresProxy
from postgres_server import PostgresServer
from secured import Authority, presented, serial_of
from warren_process import STANDS_BY, WarrenProcess

LEASE_S = 2.0
SLACK_S = 20.0  # on a slow and busy machine
HAND_OVER_S = 2.0
GIVE_UP_S = 3.0  # a client that finds no broker
QUEUE = "q"

LEASE = f"--lease={LEASE_S * 1000:.0f}ms"

NewBroker = Callable[..., WarrenProcess]


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.create_database()


@pytest.fixture
def first(new_broker: NewBroker, url: str) -> WarrenProcess:
    """Serves, and has confirmed messages 0 to 99."""
    broker = new_broker(url, LEASE, "--drain-timeout=0s").start()
    with warren.connect(broker.grpc, timeout=60) as connection:
        connection.declare_queue(QUEUE, durable=True)
        connection.publish_batch([warren.Publication("", QUEUE, str(n)) for n in range(100)])
    return broker


@pytest.fixture
def second(new_broker: NewBroker, url: str, first: WarrenProcess) -> WarrenProcess:
    """Stands by."""
    return new_broker(url, LEASE, "--drain-timeout=0s").stand_by()


def serve_one_message(broker: WarrenProcess) -> WarrenProcess:
    """Starts it; it has confirmed message 1."""
    broker.start()
    with warren.connect(broker.grpc, timeout=60) as connection:
        connection.declare_queue(QUEUE, durable=True)
        connection.publish("", QUEUE, b"1")
    return broker


def bodies(broker: WarrenProcess) -> list[int]:
    """Takes all that is in the queue."""
    with warren.connect(broker.grpc, timeout=60) as connection:
        out: list[int] = []
        while batch := connection.get(QUEUE, 10_000, auto_ack=True):
            out += [int(delivery.body) for delivery in batch]
    return out


@contextmanager
def stopped(broker: WarrenProcess) -> Iterator[None]:
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        if broker.running:
            os.kill(broker.pid, signal.SIGCONT)


def test_the_second_waits_and_names_who_has_the_lease(
    first: WarrenProcess, second: WarrenProcess
) -> None:
    assert not second.ready
    assert str(first.pid) in second.wait_output(STANDS_BY)
    # It neither goes nor serves for as long as the first renews the lease: three of its times.
    assert not second.wait_ready(3 * LEASE_S)
    assert second.running and first.running
    assert bodies(first) == list(range(100))
    assert second.stop() == 0


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_the_second_takes_over_at_once(
    first: WarrenProcess, second: WarrenProcess, end: str
) -> None:
    """A dead process of the same machine is known to be dead; nobody waits for its lease."""
    if end == "stop":
        assert first.stop() == 0
    else:
        first.kill()
    began = time.monotonic()
    assert second.wait_ready(SLACK_S), second.logs()
    assert time.monotonic() - began < HAND_OVER_S
    assert bodies(second) == list(range(100))


def test_a_broker_that_was_stopped_for_too_long_confirms_nothing_and_goes(
    first: WarrenProcess, second: WarrenProcess
) -> None:
    """Publishers and consumers of the first are there all the time, and full of messages."""
    with ExitStack() as stack:
        connection = stack.enter_context(warren.connect(first.grpc, timeout=60))
        publisher = connection.publisher(max_unconfirmed=1000, give_up_after=GIVE_UP_S)
        stack.callback(publisher.close, flush=False)
        consumer = stack.enter_context(connection.consume(QUEUE, give_up_after=GIVE_UP_S))
        held = [consumer.get(60) for _ in range(50)]
        assert publisher.publish("", QUEUE, "100").result(60) is warren.Outcome.ACCEPTED
        with stopped(first):
            # These are in its sockets when it wakes up.
            late = [publisher.publish("", QUEUE, str(n)) for n in range(1000, 1500)]
            settled = [delivery.ack() for delivery in held]
            assert all(settled)
            assert second.wait_ready(LEASE_S + SLACK_S), second.logs()
        status = first.wait_ended(SLACK_S)
        assert status is not None, f"it goes on\n{first.logs()}"
        assert status != 0
        said = first.wait_output("nothing was confirmed since")
        assert str(second.pid) in said, "it doesn't name who has the store now"
        for confirm in late:
            with pytest.raises(warren.WarrenError):
                confirm.result(SLACK_S)
    assert second.running
    assert bodies(second) == list(range(101)), "what came late was written, or settled"


def test_a_broker_that_hangs_in_the_midst_of_a_commit_stands_in_nobodys_way(
    new_broker: NewBroker, postgres: PostgresServer
) -> None:
    """Its connections are alive, as far as anybody can see, and its transaction holds locks."""
    database = postgres.create_database().partition("@/")[2].partition("?")[0]
    with PostgresProxy(postgres.socket, random.Random(1)) as proxy, ExitStack() as stack:
        first = new_broker(proxy.url(database), LEASE, "--drain-timeout=0s").start()
        connection = stack.enter_context(warren.connect(first.grpc, timeout=60))
        connection.declare_queue(QUEUE, durable=True)
        publisher = connection.publisher(producer_id="p", give_up_after=GIVE_UP_S)
        stack.callback(publisher.close, flush=False)
        publisher.publish("", QUEUE, "1").result(60)
        proxy.arm(Cut.HANG)
        late = publisher.publish("", QUEUE, "2")
        assert proxy.wait_cut(SLACK_S)

        second = new_broker(postgres.url(database), LEASE).start()
        with warren.connect(second.grpc, timeout=SLACK_S) as other:
            # The same producer, hence the same rows as in the transaction that hangs.
            with other.publisher(producer_id="p") as again:
                assert again.publish("", QUEUE, "3").result(SLACK_S) is warren.Outcome.ACCEPTED
        proxy.thaw()
        assert first.wait_ended(SLACK_S) not in (0, None), first.logs()
        with pytest.raises(warren.WarrenError):
            late.result(SLACK_S)
    assert bodies(second) == [1, 3]


def test_a_broker_of_another_machine_is_given_the_time_of_its_lease(
    new_broker: NewBroker, url: str
) -> None:
    """A process in other namespaces can't be seen; so whether it is dead can't be known."""
    away = ["unshare", "--pid", "--fork", "--kill-child"]
    if (tried := subprocess.run([*away, "true"], capture_output=True, check=False)).returncode:
        pytest.skip(f"unshare takes root: {tried.stderr.decode().strip()}")
    first = serve_one_message(new_broker(url, LEASE, prefix=away))
    second = new_broker(url, LEASE).stand_by()
    first.kill()
    assert second.wait_ready(LEASE_S + SLACK_S), second.logs()
    assert bodies(second) == [1]


def test_two_that_hand_over_again_and_again_lose_nothing(
    first: WarrenProcess, second: WarrenProcess
) -> None:
    """Whoever is killed starts again and stands by; one producer publishes to whoever serves."""
    serving, waiting = first, second
    expected = 100
    for turn in range(6):
        with warren.connect(serving.grpc, timeout=60) as connection:
            results = connection.publish_batch(
                [warren.Publication("", QUEUE, str(n)) for n in range(expected, expected + 50)]
            )
            assert {result.outcome for result in results} == {warren.Outcome.ACCEPTED}
            expected += 50
        if turn % 2:
            serving.stop()
        else:
            serving.kill()
        assert waiting.wait_ready(SLACK_S), waiting.logs()
        serving, waiting = waiting, serving.stand_by(SLACK_S)
    assert bodies(serving) == list(range(expected))


def test_the_second_stays_while_the_database_restarts(new_broker: NewBroker) -> None:
    """A broker that stands by is of use just then."""
    with PostgresServer() as server:
        url = server.create_database()
        first = serve_one_message(new_broker(url, LEASE))
        with warren.connect(first.grpc, timeout=60) as connection:
            second = new_broker(url, LEASE).stand_by()
            server.kill()
            server.start()
            connection.publish("", QUEUE, b"2")
        first.kill()
        assert second.wait_ready(SLACK_S), second.logs()
        assert bodies(second) == [1, 2]
        second.stop()


def test_tls_is_between_the_client_and_the_broker_that_serves(
    new_broker: NewBroker, url: str, tmp_path: Path
) -> None:
    """A client of the standby sees the certificate of the other one, and follows a fail-over."""
    authority = Authority(tmp_path / "ca", "pair")
    certificates = [authority.issue("broker", name) for name in ("first", "second")]
    first, second = (
        new_broker(
            url, LEASE, "--drain-timeout=0s", f"--tls-certificate={file}", f"--tls-key={key}"
        )
        for file, key in certificates
    )
    first.start()
    second.stand_by()
    tls = warren.Tls(ca=str(authority.path))
    with warren.connect(second.grpc, timeout=60, tls=tls) as connection:
        connection.declare_queue(QUEUE, durable=True)
        with connection.consume(QUEUE) as consumer, connection.publisher() as publisher:
            publisher.publish("", QUEUE, b"1").result(SLACK_S)
            delivery = consumer.get(SLACK_S)
            assert delivery is not None and delivery.body == b"1" and delivery.ack()
            consumer.flush(SLACK_S)
            assert presented(second.grpc, authority) == serial_of(certificates[0][0])
            first.kill()
            assert second.wait_ready(LEASE_S + SLACK_S), second.logs()
            publisher.publish("", QUEUE, b"2").result(SLACK_S)
            delivery = consumer.get(SLACK_S)
            assert delivery is not None and delivery.body == b"2"
            assert presented(second.grpc, authority) == serial_of(certificates[1][0])
