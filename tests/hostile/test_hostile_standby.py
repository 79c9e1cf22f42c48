"""Hostile clients of a broker that stands by, and hostile addresses in the row of the lease.

Goal: whatever connects to it, and wherever the row of the lease sends it, a standby needs bounded
memory and descriptors, lives, and forwards good clients when it can. Method: the row is rewritten,
so that the "broker that serves" is a socket of the test.
"""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest
import warren
from health import eventually, resident_mib
from postgres_server import PostgresServer
from warren_process import WarrenProcess

STORAGES = ("postgres",)
PATIENCE_S = 30.0
MANY = 1500
MOST_FORWARDED = 1000
CHUNK = bytes(1 << 16)


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.create_database()


@pytest.fixture
def first(new_broker: Callable[..., WarrenProcess], url: str) -> WarrenProcess:
    """Serves."""
    return new_broker(url, "--lease=60s", "--drain-timeout=0s").start()


@pytest.fixture
def standby(
    new_broker: Callable[..., WarrenProcess], url: str, first: WarrenProcess
) -> Iterator[WarrenProcess]:
    """Stands by; must do so after the test."""
    broker = new_broker(url).stand_by()
    pid = broker.pid
    yield broker
    assert broker.running and broker.pid == pid, broker.logs()
    assert not broker.ready


@pytest.fixture
def send_to(postgres: PostgresServer, url: str, standby: WarrenProcess) -> Callable[[str], None]:
    """Has the standby forward to another address."""
    database = url.partition("@/")[2].partition("?")[0]

    def change(address: str) -> None:
        lines = len(standby.output)
        postgres.query(database, f"UPDATE warren.shards SET address = '{address}'")
        standby.wait_output("forwarding connections", after=lines)

    return change


def connect(broker: WarrenProcess) -> socket.socket:
    host, _, port = broker.grpc.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE_S)


def connect_soon(broker: WarrenProcess) -> socket.socket:
    """As a client does, which tries again: a standby listens a moment later than it says so."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return connect(broker)
        except (ConnectionRefusedError, ConnectionResetError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def is_closed(client: socket.socket) -> bool:
    """Whether the other side ends it within its time-out, whatever it says before."""
    try:
        while client.recv(1 << 16):
            pass
    except ConnectionError:
        pass
    except TimeoutError:
        return False
    return True


def turned_away(broker: WarrenProcess) -> bool:
    """Refused, reset while it is made, or closed within its time-out."""
    try:
        with connect(broker) as client:
            return is_closed(client)
    except ConnectionError:
        return True


def descriptors(broker: WarrenProcess) -> int:
    return len(os.listdir(f"/proc/{broker.pid}/fd"))


def most_descriptors(broker: WarrenProcess) -> int:
    """How many it may have open."""
    for line in Path(f"/proc/{broker.pid}/limits").read_text().splitlines():
        if line.startswith("Max open files"):
            return int(line.split()[3])
    raise AssertionError("no limit")


def forwards(broker: WarrenProcess) -> None:
    """A good client gets through."""
    with warren.connect(broker.grpc, timeout=PATIENCE_S) as connection:
        connection.declare_queue("good")
        connection.publish("", "good", b"x")
        assert connection.get("good", 1, auto_ack=True)[0].body == b"x"


def test_good_clients_are_forwarded(standby: WarrenProcess) -> None:
    forwards(standby)


def test_garbage_is_the_other_brokers_matter(first: WarrenProcess, standby: WarrenProcess) -> None:
    dice = random.Random(7)
    for size in (1, 9, 24, 1000, 100_000):
        with connect_soon(standby) as client:
            try:
                client.sendall(dice.randbytes(size))
                client.shutdown(socket.SHUT_WR)
            except ConnectionError:
                continue
            assert is_closed(client)
    forwards(standby)
    assert first.running


def test_many_silent_connections_take_bounded_room(standby: WarrenProcess) -> None:
    before, open_before = resident_mib(standby), descriptors(standby)
    most = min(MOST_FORWARDED, most_descriptors(standby) // 4)
    clients = []
    try:
        for _ in range(MANY):
            try:
                clients.append(connect_soon(standby))
            except ConnectionError:
                continue
        assert descriptors(standby) <= open_before + 2 * most + 10
        assert resident_mib(standby) < before + 120
    finally:
        for client in clients:
            client.close()
    eventually(lambda: descriptors(standby) <= open_before + 10, "descriptors leak", PATIENCE_S)
    forwards(standby)


def test_clients_that_come_and_go_leave_nothing(standby: WarrenProcess) -> None:
    open_before = descriptors(standby)
    for number in range(500):
        client = connect_soon(standby)
        if number % 3 == 0:  # a reset
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        elif number % 3 == 1:
            client.shutdown(socket.SHUT_WR)
        client.close()
    eventually(lambda: descriptors(standby) <= open_before + 10, "descriptors leak", PATIENCE_S)
    forwards(standby)


def test_half_closed_connections_carry_the_answer(
    standby: WarrenProcess, send_to: Callable[[str], None]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE_S)
        send_to("{}:{}".format(*server.getsockname()))
        with connect_soon(standby) as client:
            served, _ = server.accept()
            with served:
                served.settimeout(PATIENCE_S)
                client.sendall(b"question")
                client.shutdown(socket.SHUT_WR)
                asked = b""
                while more := served.recv(100):
                    asked += more
                assert asked == b"question"
                served.sendall(b"answer")
                served.shutdown(socket.SHUT_WR)
            answer = b""
            while more := client.recv(100):
                answer += more
            assert answer == b"answer"


def test_a_client_that_does_not_read_holds_up_its_own_connection_alone(
    standby: WarrenProcess, send_to: Callable[[str], None]
) -> None:
    before = resident_mib(standby)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE_S)
        send_to("{}:{}".format(*server.getsockname()))
        with connect_soon(standby) as client:
            served, _ = server.accept()
            with served:
                served.settimeout(1.0)
                poured = 0
                with pytest.raises(TimeoutError):
                    while poured < 1 << 30:
                        poured += served.send(CHUNK)
                # The rest is in the kernel's buffers, which have their own bounds.
                assert resident_mib(standby) < before + 20
                with connect_soon(standby) as other:
                    answers, _ = server.accept()
                    with answers:
                        answers.sendall(b"hello")
                        assert other.recv(5) == b"hello"
                # What was sent comes once the client reads.
                client.settimeout(PATIENCE_S)
                got = 0
                while got < poured:
                    got += len(client.recv(1 << 20))


def test_a_target_that_hangs_is_given_up(
    standby: WarrenProcess, send_to: Callable[[str], None]
) -> None:
    """Nobody accepts there, and its backlog is full: connecting hangs."""
    open_before = descriptors(standby)
    with socket.socket() as hanging, socket.socket() as fills, socket.socket() as more:
        hanging.bind(("127.0.0.1", 0))
        hanging.listen(0)
        for filler in (fills, more):
            filler.setblocking(False)
            filler.connect_ex(hanging.getsockname())
        send_to("{}:{}".format(*hanging.getsockname()))
        began = time.monotonic()
        clients = [connect_soon(standby) for _ in range(50)]
        for client in clients:
            with client:
                assert is_closed(client)
        assert time.monotonic() - began < 15
    eventually(lambda: descriptors(standby) <= open_before + 10, "descriptors leak", PATIENCE_S)


@pytest.mark.parametrize(
    "address", ["", "nonsense", ":", "[::1", "no.such.host.invalid:7171", "127.0.0.1:1", "x:y:z"]
)
def test_addresses_that_lead_nowhere_close_connections(
    standby: WarrenProcess,
    first: WarrenProcess,
    send_to: Callable[[str], None],
    address: str,
) -> None:
    send_to(address)
    for _ in range(5):
        assert turned_away(standby)
    send_to(first.grpc)
    forwards(standby)


def test_a_standby_never_forwards_to_itself(
    standby: WarrenProcess, send_to: Callable[[str], None]
) -> None:
    send_to(standby.grpc)
    assert turned_away(standby)
    assert "--advertise" in standby.wait_output("tells the address of this one")


def test_connections_end_when_another_one_serves(
    standby: WarrenProcess, first: WarrenProcess, send_to: Callable[[str], None]
) -> None:
    """The former one may hang, and would hold its clients for ever."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        send_to("{}:{}".format(*server.getsockname()))
        with connect_soon(standby) as client:
            server.accept()
            send_to(first.grpc)
            assert is_closed(client)
    forwards(standby)
