"""Bombs of headers and metadata, and clients that open and then say nothing."""

from __future__ import annotations

import socket
import time

import pytest
import warren
from health import assert_serves, resident_mib
from secured import audit
from warren._proto import broker_pb2 as pb
from warren._proto.message_pb2 import Message, Publication
from warren_process import WarrenProcess
from wire import Wire

STORAGES = ("memory",)  # the store has no part in this
SILENT = 300
MAX_WAIT_S = 25.0


def publish(message: Message) -> pb.PublishRequest:
    return pb.PublishRequest(publications=[Publication(routing_key="q", message=message)])


def test_more_headers_than_the_limit_are_refused(wire: Wire) -> None:
    many, nested = Message(), Message()
    for number in range(257):
        many.headers[str(number)].int_value = number
    for number in range(250):
        nested.headers["list"].list_value.values.add().int_value = number
    nested.headers["table"].table_value.entries["x"].int_value = 1
    for number in range(10):
        nested.headers["more"].table_value.entries[str(number)].int_value = number
    for message in (many, nested):
        [result] = wire.call("Publish", publish(message)).results
        assert result.error.reason == "HEADERS_INVALID"
        assert "limits.max_headers" in result.error.message
    del many.headers["0"]
    [result] = wire.call("Publish", publish(many)).results
    assert not result.error.reason


def test_bombs_of_metadata_are_refused(broker: WarrenProcess) -> None:
    before = resident_mib(broker)
    bombs = (
        [("x", "y" * (1 << 20))],
        [(f"x-{number}", "y" * 100) for number in range(2000)],
        [("x", "y")] * 5000,
    )
    for bomb in bombs:
        with Wire(broker.grpc, bomb) as wire:
            for _ in range(20):
                failed = wire.fails("DeclareQueue", pb.DeclareQueueRequest(name="bomb"))
                assert failed.code in ("RESOURCE_EXHAUSTED", "UNAVAILABLE", "INTERNAL"), failed
    assert resident_mib(broker) < before + 100
    with warren.connect(broker.grpc) as connection, pytest.raises(warren.NotFound):
        connection.declare_queue("bomb", passive=True)


def test_streams_and_connections_that_say_nothing_are_ended(broker: WarrenProcess) -> None:
    host, port = broker.grpc.rsplit(":", 1)
    lines = len(audit(broker, "a stream sent no first frame"))
    sockets = [socket.create_connection((host, int(port)), timeout=MAX_WAIT_S) for _ in range(50)]
    for number, silent in enumerate(sockets):
        # Nothing at all, or the beginning of what every client begins with.
        silent.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[: number % 10])
    with Wire(broker.grpc) as wire:
        began = time.monotonic()
        streams = [wire.stream(("PublishStream", "Consume")[n % 2]) for n in range(SILENT)]
        assert_serves(broker)
        for stream in streams:
            failed = stream.end()
            assert (failed.code, failed.reason) == ("DEADLINE_EXCEEDED", "STREAM_NOT_OPENED")
        assert time.monotonic() - began < MAX_WAIT_S
    assert len(audit(broker, "a stream sent no first frame")) == lines + SILENT
    for silent in sockets:
        while silent.recv(4096):  # what the broker says before it hangs up
            pass
        silent.close()
