"""What isn't gRPC at all, on both ports."""

from __future__ import annotations

import random
import socket
import urllib.error
import urllib.request
from contextlib import ExitStack

import pytest
from health import assert_serves, metric
from warren_process import WarrenProcess

STORAGES = ("rocksdb",)  # the store has no part in this
SEED = 22
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
CLOSE_S = 10.0


def connect(address: str) -> socket.socket:
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=CLOSE_S)


def send(address: str, data: bytes) -> None:
    """Sends all of it, as far as the other side lets it, and leaves."""
    with connect(address) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        except OSError:
            pass  # reset, or still open after a while: both are fair


@pytest.mark.parametrize("port", ["grpc", "http"])
def test_random_bytes(broker: WarrenProcess, port: str) -> None:
    dice = random.Random(f"{SEED}/{port}")
    for _ in range(30):
        send(getattr(broker, port), dice.randbytes(dice.randint(1, 4000)))


def test_http_1_on_the_grpc_port(broker: WarrenProcess) -> None:
    send(broker.grpc, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    path = b"/warren.v1.BrokerService/Publish"
    send(broker.grpc, b"POST " + path + b" HTTP/1.1\r\nContent-Length: 9\r\n\r\n")


def test_a_tls_greeting_on_the_plain_port(broker: WarrenProcess) -> None:
    send(broker.grpc, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(507))


def test_http_2_frames_with_random_content(broker: WarrenProcess) -> None:
    dice = random.Random(f"{SEED}/frames")
    for _ in range(40):
        frames = b""
        for _ in range(dice.randint(1, 5)):
            content = dice.randbytes(dice.randint(0, 100))
            kind, flags = dice.randrange(11), dice.randrange(256)
            stream = dice.choice([0, 1, 3, dice.randrange(1 << 31)])
            frames += len(content).to_bytes(3, "big") + bytes([kind, flags])
            frames += stream.to_bytes(4, "big") + content
        send(broker.grpc, PREFACE + SETTINGS + frames)


def test_frames_that_announce_more_than_they_hold(broker: WarrenProcess) -> None:
    for length in (0xFFFFFF, 16385):
        header = length.to_bytes(3, "big") + bytes([0, 0, 0, 0, 0, 1])
        send(broker.grpc, PREFACE + SETTINGS + header)


def test_connections_that_say_nothing(broker: WarrenProcess) -> None:
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(connect(broker.grpc))
        assert_serves(broker)


def test_odd_requests_on_the_http_port(broker: WarrenProcess) -> None:
    for path in ("/nothing", "/" + "x" * 5000, "/metrics?" + "q=1&" * 500, "/../../etc/passwd"):
        try:
            with urllib.request.urlopen(f"http://{broker.http}{path}", timeout=CLOSE_S) as answer:
                assert path.startswith("/metrics") and answer.status == 200
        except urllib.error.HTTPError as error:
            assert 400 <= error.code < 500, path
    send(broker.http, b"GET /metrics HTTP/1.1\r\n" + b"X-Header: y\r\n" * 5000 + b"\r\n")
    assert metric(broker, "warren_queues") >= 0
