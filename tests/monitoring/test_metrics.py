"""/metrics and /metrics/detailed of real brokers: what they say, how much, how fast."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import pytest
import warren
from exposition import Family, get, parse, scrape
from storages import Storage
from warren_process import WarrenProcess

STORAGES = ["memory", "rocksdb", "postgres"]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(?P<name>\w+)` \| (?P<type>\w+) \|(?P<labels>[^|]*)\|", re.MULTILINE)
OPEN_LABELS = {"vhost", "queue", "version", "revision", "node", "grpc_service", "grpc_method",
               "grpc_code"}  # fmt: skip
# Families that a store has none of.
ONLY_OF = {
    "warren_storage_segments": ("rocksdb", "postgres"),
    "warren_shard_leader": ("postgres",),
    "warren_shard_epoch": ("postgres",),
    "warren_lease_remaining_seconds": ("postgres",),
    "warren_fenced_writes_total": ("postgres",),
    # A broker with TLS has it: test_hostile_tls.py.
    "warren_tls_certificate_expiry_timestamp_seconds": (),
}


@dataclass(frozen=True)
class Documented:
    """A row of docs/metrics.md: each label with the values that it may have, if they are told."""

    type: str
    labels: dict[str, set[str]]


def documented() -> dict[str, Documented]:
    rows = {}
    for row in ROW.finditer(PAGE.read_text()):
        labels = {}
        for label in filter(None, (part.strip() for part in row["labels"].split(";"))):
            name, _, values = label.partition(":")
            labels[name.strip("`")] = {value.strip() for value in values.split(",") if value}
        assert row["name"] not in rows, f"{row['name']} has two rows"
        rows[row["name"]] = Documented(row["type"], labels)
    return rows


@pytest.fixture
def broker(new_broker: Callable[..., WarrenProcess], storage: Storage) -> WarrenProcess:
    broker = new_broker(storage).start()
    with warren.connect(broker.grpc) as connection:
        connection.declare_queue("orders")
        connection.publish("", "orders", "one book")
    return broker


def everything(broker: WarrenProcess) -> dict[str, Family]:
    return {**scrape(broker.http), **scrape(broker.http, "/metrics/detailed")}


def test_the_page_and_the_broker_tell_the_same(broker: WarrenProcess, storage: Storage) -> None:
    told = everything(broker)
    rows = documented()
    expected = {name for name in rows if storage.name in ONLY_OF.get(name, STORAGES)}
    assert sorted(told.keys() - expected) == [], "not documented"
    assert sorted(expected - told.keys()) == [], "not there"
    for name, family in told.items():
        row = rows[name]
        assert family.type == row.type, name
        assert family.labels() == row.labels.keys(), name
        for label, values in row.labels.items():
            assert values or label in OPEN_LABELS, f"{name}: say what {label} may be"
            assert not values or family.values(label) <= values, f"{name}: {label}"
            # What depends on the store, or on what has happened, isn't all there at once.
            if values and label not in ("backend", "use", "grpc_type"):
                assert family.values(label) == values, f"{name}: {label}"
        assert family.help.endswith("."), f"{name}: {family.help}"


def test_promtool_finds_no_fault(broker: WarrenProcess) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool; deploy/install-dependencies.sh test installs it")
    for path in ("/metrics", "/metrics/detailed"):
        _, text = get(broker.http, path)
        done = subprocess.run(
            [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_every_method_is_counted(broker: WarrenProcess) -> None:
    proto = (PAGE.parents[1] / "proto" / "warren" / "v1" / "broker.proto").read_text()
    methods = set(re.findall(r"^  rpc (\w+)\(", proto, re.MULTILINE))
    started = scrape(broker.http)["grpc_server_started_total"]
    counted = {
        labels["grpc_method"]
        for _, labels, _ in started.samples
        if labels["grpc_service"] == "warren.v1.BrokerService"
    }
    assert counted == methods


def test_calls_are_counted_by_code(broker: WarrenProcess) -> None:
    with warren.connect(broker.grpc) as connection, pytest.raises(warren.NotFound):
        connection.declare_queue("absent", passive=True)
    handled = scrape(broker.http)["grpc_server_handled_total"]
    assert handled.value(grpc_method="DeclareQueue", grpc_code="NotFound") == 1
    assert handled.value(grpc_method="DeclareQueue", grpc_code="OK") == 1


def test_a_message_is_counted_on_its_whole_way(broker: WarrenProcess) -> None:
    with warren.connect(broker.grpc) as connection:
        connection.publish("", "nowhere", "lost")
        with connection.consume("orders") as consumer:
            delivery = consumer.get(10)
            assert delivery is not None
            delivery.requeue()
            delivery = consumer.get(10)
            assert delivery is not None and delivery.redelivered
            delivery.ack()
            consumer.flush(10)
            told = everything(broker)
            assert told["warren_consumers"].value() == 1
            assert told["warren_connections"].value() >= 1
    value = {name: family.value() for name, family in told.items() if len(family.samples) == 1}
    assert value["warren_messages_received_total"] == 2
    assert value["warren_messages_routed_total"] == 1
    assert value["warren_messages_redelivered_total"] == 1
    assert value["warren_queues"] == 1
    assert told["warren_messages_unroutable_total"].value(outcome="dropped") == 1
    assert told["warren_messages_confirmed_total"].value(result="accepted") == 2
    delivered = told["warren_messages_delivered_total"]
    assert delivered.value(method="push", ack="manual") == 2
    settled = told["warren_messages_settled_total"]
    assert settled.value(outcome="requeue") == 1
    assert settled.value(outcome="ack") == 1
    assert told["warren_detailed_delivered_total"].value(queue="orders") == 2
    assert told["warren_detailed_settled_total"].value(queue="orders", outcome="ack") == 1
    confirms = dict_of(told["warren_publish_confirm_seconds"], "durability")
    assert confirms == {"durable": 1, "transient": 1}, "the unroutable one waits for no store"


def dict_of(histogram: Family, label: str) -> dict[str, float]:
    return {
        labels[label]: value
        for name, labels, value in histogram.samples
        if name.endswith("_count")
    }


def test_counters_never_shrink_when_their_queue_goes(broker: WarrenProcess) -> None:
    with warren.connect(broker.grpc) as connection:
        before = scrape(broker.http)
        connection.delete_queue("orders")
        after = scrape(broker.http)
    for name, family in before.items():
        if family.type != "counter":
            continue
        was = {tuple(labels.items()): value for _, labels, value in family.samples}
        now = {tuple(labels.items()): value for _, labels, value in after[name].samples}
        assert all(now[labels] >= value for labels, value in was.items()), name
    assert after["warren_messages_dropped_total"].value(reason="queue_deleted") == 1


class TestManyQueues:
    QUEUES = 10_000

    @pytest.fixture(scope="class")
    def many(self, tmp_path_factory: pytest.TempPathFactory) -> WarrenProcess:
        directory = tmp_path_factory.mktemp("many")
        with WarrenProcess(directory, storage="memory:") as broker:
            with warren.connect(broker.grpc, timeout=60) as connection:
                for number in range(self.QUEUES):
                    connection.declare_queue(f"queue-{number:05}", durable=False)
                connection.publish("", "queue-09999", "last")
            yield broker

    def test_metrics_stay_small_and_quick(self, many: WarrenProcess) -> None:
        took = []
        for _ in range(10):
            began = time.monotonic()
            status, text = get(many.http, "/metrics")
            took.append(time.monotonic() - began)
            assert status == 200
            assert len(text) < 200 << 10
        assert parse(text)["warren_queues"].value() == self.QUEUES
        assert parse(text)["warren_queues_nonempty_without_consumers"].value() == 1
        # The best of some: the machine has other things to do, too.
        assert min(took) < 0.050, took

    def test_detailed_is_capped_and_says_so(self, many: WarrenProcess) -> None:
        told = scrape(many.http, "/metrics/detailed")
        assert told["warren_detailed_queues"].value() == self.QUEUES
        assert told["warren_detailed_dropped_total"].value() == self.QUEUES - 1_000
        shown = told["warren_detailed_messages"].values("queue")
        assert len(shown) == 1_000
        assert "queue-09999" in shown, "those with the most messages are kept"
        again = scrape(many.http, "/metrics/detailed")
        assert again["warren_detailed_dropped_total"].value() == 2 * (self.QUEUES - 1_000)

    def test_detailed_picks_by_whole_names_and_virtual_host(self, many: WarrenProcess) -> None:
        some = scrape(many.http, "/metrics/detailed", queue="queue-0000[0-4]", vhost="/")
        assert some["warren_detailed_queues"].value() == 5
        assert some["warren_detailed_messages"].values("queue") == {
            f"queue-0000{n}" for n in range(5)
        }
        part = scrape(many.http, "/metrics/detailed", queue="queue-0000")
        assert part["warren_detailed_queues"].value() == 0
        other = scrape(many.http, "/metrics/detailed", vhost="other")
        assert other["warren_detailed_queues"].value() == 0

    @pytest.mark.parametrize(
        "regex", ["(", "a{1001}", "x" * 2_000, "(((a{100}){100}){100}){100}"]
    )
    def test_a_regular_expression_that_makes_no_sense_is_refused(
        self, many: WarrenProcess, regex: str
    ) -> None:
        status, text = get(many.http, "/metrics/detailed", queue=regex)
        assert (status, "regular expression" in text) == (400, True)

    def test_a_regular_expression_bomb_takes_no_longer(self, many: WarrenProcess) -> None:
        began = time.monotonic()
        status, _ = get(many.http, "/metrics/detailed", queue="(.*)*(.*)*(a|b|ab)*(.*a){20}$")
        assert status == 200
        assert time.monotonic() - began < 2
