"""The proxy before the broker cuts, stalls, slows and holds what it says, and nothing else."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from tcp_proxy import TcpProxy

SOON_S = 30.0
SHORT_S = 0.05
LONG = b"x" * 10_000_000  # more than any socket buffers


class Echo:
    """Sends back what it gets."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self._listener.getsockname())
        threading.Thread(target=self._run, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(1 << 16):
                    connection.sendall(data)
            except OSError:
                pass


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[TcpProxy]:
    with TcpProxy(lambda: echo.address) as made:
        yield made


def connect(proxy: TcpProxy) -> socket.socket:
    host, _, port = proxy.address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=SOON_S)


def read(client: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size and (data := client.recv(size - len(received))):
        received += data
    return received


def echoed(client: socket.socket, data: bytes = b"hello") -> bool:
    client.sendall(data)
    return read(client, len(data)) == data


def test_what_is_sent_comes_back(proxy: TcpProxy) -> None:
    with connect(proxy) as client:
        assert echoed(client)
        threading.Thread(target=client.sendall, args=(LONG,), daemon=True).start()
        assert read(client, len(LONG)) == LONG


def test_a_cut_ends_what_is_there_and_not_what_comes(proxy: TcpProxy) -> None:
    with connect(proxy) as first:
        assert echoed(first)  # else the second one may be carried on before it
        second = connect(proxy)
        assert echoed(second)
        assert proxy.cut(2) == 1
        assert first.recv(1) == b""
    with second, connect(proxy) as third:
        assert echoed(second) and echoed(third)


def test_a_stalled_connection_carries_on_where_it_was(proxy: TcpProxy) -> None:
    with connect(proxy) as client:
        assert echoed(client)
        with proxy.stalled():
            client.sendall(b"one")  # what was being read already may pass
            client.sendall(b"two")
            client.settimeout(SHORT_S)
            received = b""
            with pytest.raises(socket.timeout):
                while True:
                    received += client.recv(6)
        client.settimeout(SOON_S)
        assert received + read(client, 6 - len(received)) == b"onetwo"


def test_a_slow_connection_takes_its_time(proxy: TcpProxy) -> None:
    with connect(proxy) as client:
        assert echoed(client)
        with proxy.slowed(SHORT_S):
            began = time.monotonic()
            assert echoed(client)
        assert time.monotonic() - began >= SHORT_S
        assert echoed(client)


def test_a_new_connection_waits_for_whom_it_is_for(proxy: TcpProxy) -> None:
    with connect(proxy) as old:
        assert echoed(old)
        with proxy.held():
            assert echoed(old)
            waiting = connect(proxy)
            waiting.sendall(b"hello")
            waiting.settimeout(SHORT_S)
            with pytest.raises(socket.timeout):
                waiting.recv(5)
    with waiting:
        waiting.settimeout(SOON_S)
        assert read(waiting, 5) == b"hello"


def test_a_client_of_a_broker_that_is_gone_is_told() -> None:
    with TcpProxy(lambda: "127.0.0.1:1") as proxy, connect(proxy) as client:
        assert client.recv(1) == b""
