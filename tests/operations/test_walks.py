"""Each walk of docs/operations.md in its incident, with a real broker, database and Prometheus."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, Optional

import panels
import pytest
import storages
import warren
from postgres_server import PostgresServer
from prometheus_server import PrometheusServer, why_not
from secured import Authority
from walks import PAGE, PANEL, Step, Walk, missing, walks
from warren_process import WarrenProcess, binary

SOON_S = 60.0
WALKS = {walk.title: walk for walk in walks()}


def until(condition: Callable[[], Any], what: str) -> None:
    """Waits for what is about to become so."""
    deadline = time.monotonic() + SOON_S
    while not condition():
        assert time.monotonic() < deadline, f"it did not come to it: {what}"
        time.sleep(0.05)


class Shell:
    """Runs a walk's commands as its reader would."""

    def __init__(self, broker: WarrenProcess, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = {
            **os.environ,
            "PATH": f"{binary().parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "WARRENCTL_ADDRESS": broker.grpc,
            **environment,
        }

    def run(self, step: Step) -> None:
        """What the step says is in its output."""
        output = self.output(step.commands)
        assert missing(step, output) == [], f"{step.commands}\n{output}"

    def output(self, commands: str) -> str:
        done = subprocess.run(
            ["bash", "-c", commands], cwd=self._folder, env=self._environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SOON_S, check=False,
        )  # fmt: skip
        return done.stdout

    def run_until_good(self, step: Step) -> None:
        """The same, for what takes a moment to become so."""
        until(lambda: missing(step, self.output(step.commands)) == [], step.commands)


def look_at_panels(prometheus: PrometheusServer, walk: Walk, still: tuple[str, ...] = ()) -> None:
    """Each panel that the walk names is there and shows something, above 0 but for `still`."""
    interval_s = PrometheusServer.INTERVAL_S
    known = {(panel.dashboard, panel.title): panel for panel in panels.panels(interval_s)}
    assert walk.panels, walk.title
    for named in walk.panels:
        assert named in known, f"{walk.title} names {named}"
        targets, may_be_still = known[named].targets, named[1] in still

        def shows(targets: list[panels.Target] = targets, may: bool = may_be_still) -> bool:
            values = [v for t in targets for _, v in prometheus.query(t.expression)]
            return bool(values) and (may or any(value > 0 for value in values))

        until(shows, f"panel {named}")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def watch(stack: ExitStack, tmp_path: Path) -> Callable[[WarrenProcess], PrometheusServer]:
    """Starts a Prometheus that scrapes a broker."""
    if why_not():
        pytest.skip(why_not())

    def start(broker: WarrenProcess) -> PrometheusServer:
        return stack.enter_context(PrometheusServer(tmp_path / "prometheus", broker.http))

    return start


class Thread:
    """Work that goes on until the end of the block; an error of it comes up then."""

    def __init__(self, work: Callable[[threading.Event], None]) -> None:
        self._stop = threading.Event()
        self._error: Optional[BaseException] = None
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)

    def _run(self, work: Callable[[threading.Event], None]) -> None:
        try:
            work(self._stop)
        except BaseException as error:  # told by __exit__
            self._error = error

    def __enter__(self) -> Thread:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._error is not None:
            raise self._error


def consume(address: str, queue: str, name: str, pause_s: float) -> Thread:
    """A worker that takes so long for each message."""

    def work(stop: threading.Event) -> None:
        with warren.connect(address) as connection:
            with connection.consume(queue, prefetch=10, name=name) as consumer:
                while not stop.is_set():
                    delivery = consumer.get(0.1)
                    if delivery is not None:
                        stop.wait(pause_s)
                        delivery.ack()

    return Thread(work)


def test_a_backlog_grows(new_broker, tmp_path, watch, stack) -> None:
    walk = WALKS["A backlog grows"]
    broker = new_broker(f"rocksdb:{tmp_path}/data").start()
    shell = Shell(broker, tmp_path, {})
    connection = stack.enter_context(warren.connect(broker.grpc))
    connection.declare_queue("orders", durable=True)

    def publish(stop: threading.Event) -> None:
        with connection.publisher() as publisher:
            while not stop.wait(0.01):
                publisher.publish("", "orders", b"an order")

    producer = stack.enter_context(Thread(publish))
    stack.enter_context(consume(broker.grpc, "orders", "worker-1", 0.05))
    prometheus = watch(broker)
    until(
        lambda: connection.declare_queue("orders", passive=True).message_count > 100, "a backlog"
    )
    look_at_panels(prometheus, walk)
    *before, last = walk.steps
    for step in before:
        shell.run(step)
    # The remedy, which the page leaves to the reader: another worker, a quick one.
    stack.enter_context(consume(broker.grpc, "orders", "worker-2", 0))
    producer.stop()
    shell.run_until_good(last)


def test_a_poison_message(new_broker, tmp_path, watch, stack) -> None:
    walk = WALKS["A poison message"]
    broker = new_broker(f"rocksdb:{tmp_path}/data").start()
    shell = Shell(broker, tmp_path, {})
    connection = stack.enter_context(warren.connect(broker.grpc))
    connection.declare_queue("dead", durable=True)
    connection.declare_queue(
        "payments", durable=True, delivery_limit=3,
        dead_letter_exchange="", dead_letter_routing_key="dead",
    )  # fmt: skip
    can_read_words = threading.Event()
    read: list[bytes] = []

    def pay(stop: threading.Event) -> None:
        with warren.connect(broker.grpc) as own, own.consume("payments", prefetch=10) as consumer:
            while not stop.is_set():
                delivery = consumer.get(0.1)
                if delivery is None:
                    continue
                if b"twelve" in delivery.body and not can_read_words.is_set():
                    delivery.requeue()
                else:
                    read.append(delivery.body)
                    delivery.ack()

    stack.enter_context(Thread(pay))
    prometheus = watch(broker)
    # Good ones go on all the while, and rates have something to be a rate of.
    poison = b'{"amount": "twelve"}'
    poisoned = threading.Event()
    sent: list[bytes] = []  # of the poison

    def publish(stop: threading.Event) -> None:
        while not stop.wait(0.2):
            connection.publish("", "payments", b'{"amount": 12}')
            if poisoned.is_set():
                connection.publish("", "payments", poison)
                sent.append(poison)

    producer = stack.enter_context(Thread(publish))
    until(lambda: len(read) > 5, "payments")
    poisoned.set()

    def dead() -> int:
        return connection.declare_queue("dead", passive=True).message_count

    until(lambda: dead() > 0, "a dead letter")
    look_at_panels(prometheus, walk)
    producer.stop()
    listing, *others, move, last = walk.steps
    until(lambda: dead() == len(sent), "all dead letters")
    shell.run_until_good(listing)
    for step in others:
        shell.run(step)
    assert dead() == len(sent), "peeking took some"
    can_read_words.set()
    shell.run(move)
    shell.run(last)
    until(lambda: read[-1] == poison, "the mended payment")


def test_the_database_is_away(new_broker, tmp_path, watch, stack) -> None:
    walk = WALKS["The database is away"]
    if reason := storages.why_not("postgres"):
        pytest.skip(reason)
    server = stack.enter_context(PostgresServer())
    broker = new_broker(server.create_database()).start()
    shell = Shell(broker, tmp_path, {})
    connection = stack.enter_context(warren.connect(broker.grpc, timeout=SOON_S))
    connection.declare_queue("orders", durable=True)
    held = threading.Event()
    publisher = stack.enter_context(
        connection.publisher(on_blocked=lambda why: held.set() if why is not None else None)
    )
    publisher.publish("", "orders", b"before").result(SOON_S)
    prometheus = watch(broker)
    server.kill()
    waiting = publisher.publish("", "orders", b"meanwhile")
    assert held.wait(SOON_S), "the publisher was not told"
    until(lambda: "CRITICAL" in shell.output("warrenctl check ready"), "the broker notices")
    look_at_panels(prometheus, walk, still=("Store connected",))
    *before, ready, alarms = walk.steps
    for step in before:
        shell.run(step)
    assert not waiting.done()
    server.start()
    shell.run_until_good(ready)
    shell.run_until_good(alarms)
    waiting.result(SOON_S)


def test_the_memory_alarm(new_broker, tmp_path, watch, stack) -> None:
    walk = WALKS["The memory alarm"]
    broker = new_broker(f"rocksdb:{tmp_path}/data", "--memory-limit=32MiB").start()
    shell = Shell(broker, tmp_path, {})
    connection = stack.enter_context(warren.connect(broker.grpc, timeout=SOON_S))
    connection.declare_queue("reports", durable=True)
    # Channels of one process with the same settings share a connection; this is to be another's.
    hoard = stack.enter_context(warren.connect(broker.grpc, timeout=SOON_S, keepalive=25))
    consumer = stack.enter_context(
        hoard.consume("reports", prefetch=65_535, prefetch_bytes=1 << 30, name="hoard")
    )
    held = threading.Event()
    publisher = stack.enter_context(
        connection.publisher(on_blocked=lambda why: held.set() if why is not None else None)
    )
    for number in range(2_000):
        publisher.publish("", "reports", b"%d" % number + bytes(20_000))
        if held.is_set():
            break
    assert held.wait(SOON_S), "the publisher was not told"
    prometheus = watch(broker)
    look_at_panels(prometheus, walk)
    *before, last = walk.steps
    for step in before:
        shell.run(step)
    with pytest.raises(warren.WarrenError):
        while consumer.get(SOON_S) is not None:
            pass
    shell.run_until_good(last)
    publisher.flush(SOON_S)  # they go on


def test_the_certificate_ends(new_broker, tmp_path) -> None:
    walk = WALKS["The certificate ends"]
    authority = Authority(tmp_path / "authority", "warren")
    certificates = tmp_path / "certificates"
    certificates.mkdir()
    for name, days in (("broker", 10), ("new", 90)):
        for path in authority.issue("broker", name, days=days):
            path.rename(certificates / path.name)
    broker = new_broker(
        "memory:", f"--tls-certificate={certificates}/broker.crt",
        f"--tls-key={certificates}/broker.key",
    ).start()  # fmt: skip
    shell = Shell(broker, certificates, {"WARRENCTL_TLS_CA": str(authority.path)})
    for step in walk.steps:
        shell.run(step)
    broker.wait_output("read anew")


def test_all_walks_are_run() -> None:
    tests = {name for name in globals() if name.startswith("test_")}
    for title in WALKS:
        assert "test_" + title.lower().replace(" ", "_") in tests


def test_what_the_first_table_names_is_there() -> None:
    known = {(panel.dashboard, panel.title) for panel in panels.panels(1)}
    introduction = PAGE.read_text().split("\n## ")[0]
    named = [(board.lower(), title.strip()) for board, title in PANEL.findall(introduction)]
    assert named
    assert set(named) <= known
