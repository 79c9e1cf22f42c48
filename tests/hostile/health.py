"""How a broker does, as seen from outside."""

from __future__ import annotations

import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import warren
from warren_process import WarrenProcess

SOON_S = 1.0
ATTEMPTS = 5  # at a round trip in time, on a machine that may be busy with other things


def round_trip(broker: WarrenProcess) -> float:
    """Seconds from a publish to its delivery, confirm and settlement, for a client of its own."""
    with warren.connect(broker.grpc, timeout=30) as connection:
        queue = connection.declare_queue("").name
        with connection.consume(queue) as consumer:
            began = time.monotonic()
            connection.publish("", queue, b"ping")
            delivery = consumer.get(30)
            assert delivery is not None and delivery.body == b"ping" and delivery.ack()
            consumer.flush(30)
            took = time.monotonic() - began
        connection.delete_queue(queue)
        return took


def assert_serves(broker: WarrenProcess) -> None:
    """A good client is served without a delay."""
    took = [round_trip(broker)]
    while took[-1] > SOON_S and len(took) < ATTEMPTS:
        took.append(round_trip(broker))
    assert took[-1] <= SOON_S, f"round trips took {took} s"


def eventually(check: Callable[[], bool], what: str, deadline_s: float) -> None:
    """Waits until `check` is true; `what` says what it means if it never is."""
    deadline = time.monotonic() + deadline_s
    pause = threading.Event()
    while not check():
        assert time.monotonic() < deadline, what
        pause.wait(0.05)


def metric(broker: WarrenProcess, name: str) -> float:
    """The value of a metric, by its name and labels as they are written."""
    with urllib.request.urlopen(f"http://{broker.http}/metrics", timeout=10) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
    raise AssertionError(f"no metric {name}")


def resident_mib(broker: WarrenProcess) -> float:
    """The broker's resident memory."""
    status = Path(f"/proc/{broker.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024
