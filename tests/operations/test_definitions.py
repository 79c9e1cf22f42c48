"""What a real RabbitMQ exports, imported: the same topology, users and ways of messages."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pika
import pytest
import rabbitmq_node
import warren
from ctl import OK, REFUSED, UNREACHABLE, USAGE, Ctl
from rabbitmq_node import RabbitMqNode
from warren_process import WarrenProcess

PASSWORD = "carrot and stick"
QUEUES: dict[str, dict[str, Any]] = {
    "orders": {"x-message-ttl": 3_600_000, "x-dead-letter-exchange": "dlx",
               "x-dead-letter-routing-key": "dead.orders", "x-max-length": 1000,
               "x-overflow": "reject-publish"},
    "orders.eu": {"x-max-priority": 10, "x-queue-mode": "lazy"},
    "audit": {"x-queue-type": "quorum", "x-delivery-limit": 5},
    "dead": {"x-max-length-bytes": 1_000_000, "x-expires": 86_400_000},
    "events": {"x-queue-type": "stream"},
    "single": {"x-single-active-consumer": True},
    "unrouted": {},
}  # fmt: skip
EXCHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "shop": ("topic", {"alternate-exchange": "rest"}),
    "by-headers": ("headers", {}),
    "dlx": ("direct", {}),
    "rest": ("fanout", {}),
}
BINDINGS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("shop", "orders", "order.#", {}),
    ("shop", "orders.eu", "order.*.eu", {}),
    ("shop", "audit", "#.audit", {}),
    ("by-headers", "audit", "", {"x-match": "any", "audit": True, "level": 3}),
    ("by-headers", "orders.eu", "", {"x-match": "all", "region": "eu", "level": 3}),
    ("dlx", "dead", "dead.orders", {}),
    ("rest", "unrouted", "", {}),
    ("amq.topic", "audit", "a.*.c", {}),
]
# exchange, key, headers: where they go in RabbitMQ is where they are to go.
MESSAGES: list[tuple[str, str, dict[str, Any]]] = [
    ("shop", "order", {}), ("shop", "order.new", {}), ("shop", "order.new.eu", {}),
    ("shop", "order.new.us", {}), ("shop", "order.audit", {}), ("shop", "audit", {}),
    ("shop", "nothing", {}), ("shop", "", {}), ("shop", "order..eu", {}),
    ("by-headers", "", {"audit": True}), ("by-headers", "", {"level": 3}),
    ("by-headers", "x", {"region": "eu", "level": 3}), ("by-headers", "", {"region": "eu"}),
    ("by-headers", "", {"level": 4, "region": "us"}),
    ("dlx", "dead.orders", {}), ("dlx", "dead", {}),
    ("amq.topic", "a.b.c", {}), ("amq.topic", "a.b.b.c", {}), ("", "unrouted", {}),
]  # fmt: skip


@pytest.fixture(scope="module")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMqNode]:
    """One with all that in it."""
    if rabbitmq_node.why_not():
        pytest.skip(rabbitmq_node.why_not())
    with RabbitMqNode(tmp_path_factory.mktemp("rabbitmq")) as node:
        node.ctl("add_vhost", "shop")
        node.ctl("add_user", "anna", PASSWORD)
        node.ctl("set_user_tags", "anna", "administrator")
        node.ctl("set_permissions", "-p", "/", "anna", "^shop", ".*", "^orders")
        node.ctl("set_permissions", "-p", "shop", "anna", ".*", ".*", ".*")
        node.ctl("set_topic_permissions", "anna", "shop", "^order", "^order")
        node.ctl("add_user", "root", PASSWORD)
        node.ctl("set_permissions", "-p", "/", "root", ".*", ".*", ".*")
        sets = {"max-length": 50, "overflow": "drop-head", "ha-mode": "all"}
        node.ctl("set_policy", "--apply-to", "queues", "--priority", "4", "bounded", "^un",
                 json.dumps(sets))  # fmt: skip
        with pika.BlockingConnection(parameters(node)) as connection:
            channel = connection.channel()
            for name, (kind, arguments) in EXCHANGES.items():
                channel.exchange_declare(name, kind, durable=True, arguments=arguments)
            for name, arguments in QUEUES.items():
                channel.queue_declare(name, durable=True, arguments=arguments)
            for source, queue, key, arguments in BINDINGS:
                channel.queue_bind(queue, source, key, arguments)
            channel.exchange_bind("by-headers", "shop", "forward.#")
            channel.queue_bind("events", "shop", "order.#")
        yield node


def parameters(node: RabbitMqNode) -> pika.ConnectionParameters:
    return pika.ConnectionParameters("127.0.0.1", node.port)


@pytest.fixture(scope="module")
def exported(rabbitmq: RabbitMqNode, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its definitions, in a file."""
    file = tmp_path_factory.mktemp("exported") / "rabbitmq.json"
    rabbitmq.ctl("export_definitions", str(file))
    return file


@pytest.fixture
def broker(new_broker, tmp_path: Path) -> WarrenProcess:
    return new_broker(f"rocksdb:{tmp_path}/data").start()


def logged_in(broker: WarrenProcess, folder: Path) -> Ctl:
    """The imported users close the broker: as anna from then on."""
    return Ctl(broker, folder, WARRENCTL_USER="anna", WARRENCTL_PASSWORD=PASSWORD)


def changes(report: dict[str, Any], change: str) -> list[dict[str, Any]]:
    return [result for result in report.get("results", []) if result["change"] == change]


def test_an_import_makes_all_of_it_and_a_diff_is_empty(
    broker: WarrenProcess, exported: Path, tmp_path: Path
) -> None:
    report = json.loads(Ctl(broker, tmp_path)("definitions", "import", str(exported), "-o", "json"))
    assert changes(report, "failed") == [] and changes(report, "conflict") == []
    told = {(r["kind"], r["name"]) for r in changes(report, "not_applicable")}
    # Each thing that Warren hasn't, and nothing else that was declared here.
    assert {("queue", "events"), ("queue", "orders.eu"), ("queue", "single"),
            ("policy", "bounded"), ("topic permission", "anna"),
            ("binding", "shop -> events (order.#)")} <= told  # fmt: skip
    assert all(r["detail"] for r in changes(report, "not_applicable"))
    made = Counter(r["kind"] for r in changes(report, "created"))
    assert made["queue"] == len(QUEUES) - 1
    assert made["exchange"] == len(EXCHANGES)
    assert made["binding"] == len(BINDINGS) + 1
    assert made["policy"] == 1

    anna = logged_in(broker, tmp_path)
    diff = json.loads(anna("definitions", "diff", str(exported), "-o", "json"))
    assert {r["change"] for r in diff["results"]} == {"not_applicable"}
    queue = anna.json("queue", "show", "orders")
    assert queue["options"]["max_length"] == 1000
    assert queue["options"]["overflow"] == "reject_publish"
    assert queue["options"]["message_ttl"] == "3600s"
    again = json.loads(anna("definitions", "import", str(exported), "-o", "json"))
    assert changes(again, "created") == [] and changes(again, "updated") == []
    broker.kill()
    broker.start()
    anna = logged_in(broker, tmp_path)
    diff = json.loads(anna("definitions", "diff", str(exported), "-o", "json"))
    assert {r["change"] for r in diff["results"]} == {"not_applicable"}


def test_messages_go_where_they_went(
    broker: WarrenProcess, rabbitmq: RabbitMqNode, exported: Path, tmp_path: Path
) -> None:
    Ctl(broker, tmp_path)("definitions", "import", str(exported))
    # Streams aren't read by get.
    queues = [name for name in QUEUES if name != "events"]
    with pika.BlockingConnection(parameters(rabbitmq)) as theirs, warren.connect(
        broker.grpc, user="root", password=PASSWORD
    ) as ours:
        channel = theirs.channel()
        channel.confirm_delivery()
        for exchange, key, headers in MESSAGES:
            channel.basic_publish(exchange, key, b"x", pika.BasicProperties(headers=headers))
            ours.publish(exchange, key, b"x", headers=headers)
            went = {name for name in queues if channel.basic_get(name, auto_ack=True)[0]}
            goes = {name for name in queues if ours.purge_queue(name)}
            assert goes == went, (exchange, key, headers)


def test_a_well_known_password_lets_nobody_in(
    broker: WarrenProcess, exported: Path, tmp_path: Path
) -> None:
    """RabbitMQ's guest, whom it lets in from the machine itself alone."""
    assert '"guest"' in exported.read_text()
    report = json.loads(Ctl(broker, tmp_path)("definitions", "import", str(exported), "-o", "json"))
    assert ("user", "guest") in {(r["kind"], r["name"]) for r in changes(report, "not_applicable")}
    guest = Ctl(broker, tmp_path, WARRENCTL_USER="guest", WARRENCTL_PASSWORD="guest")
    assert "LOGIN_REFUSED" in guest("queue", "ls", code=REFUSED)


def test_what_was_exported_makes_the_same_broker(
    new_broker, broker: WarrenProcess, exported: Path, tmp_path: Path
) -> None:
    Ctl(broker, tmp_path)("definitions", "import", str(exported))
    anna = logged_in(broker, tmp_path)
    own = tmp_path / "warren.json"
    anna("definitions", "export", str(own))
    assert json.loads(own.read_text())["warren_definitions"] == 1
    second = new_broker(f"rocksdb:{tmp_path}/second", f"--definitions={own}").start()
    other = logged_in(second, tmp_path)
    again = tmp_path / "again.json"
    other("definitions", "export", str(again))
    assert again.read_text() == own.read_text()
    assert json.loads(other("definitions", "diff", str(own), "-o", "json")).get("results") is None


def test_a_diff_tells_what_differs(broker: WarrenProcess, tmp_path: Path) -> None:
    ctl = Ctl(broker, tmp_path)
    ctl("queue", "declare", "same", "--durable")
    ctl("queue", "declare", "other", "--durable", "--max-length", "5")
    ctl("queue", "declare", "alone", "--durable")
    file = tmp_path / "definitions.json"
    file.write_text(json.dumps({"warren_definitions": 1, "queues": [
        {"name": "same", "options": {"durable": True}},
        {"name": "other", "options": {"durable": True}},
        {"name": "missing", "options": {"durable": True}},
    ]}))  # fmt: skip
    done = ctl.run("definitions", "diff", str(file), "-o", "json")
    assert done.returncode == REFUSED, done.stderr
    found = {r["name"]: r for r in json.loads(done.stdout)["results"] if r["kind"] == "queue"}
    assert {name: r["change"] for name, r in found.items()} == {
        "other": "conflict", "missing": "created", "alone": "extra",
    }  # fmt: skip
    assert "max_length" in found["other"]["detail"]
    assert "QUEUE_NOT_FOUND" in ctl("queue", "show", "missing", code=REFUSED)
    assert "conflict" in ctl("definitions", "import", str(file), code=REFUSED)
    ctl("queue", "show", "missing", code=OK)


def test_limits_of_virtual_hosts_are_definitions(
    new_broker, broker: WarrenProcess, tmp_path: Path
) -> None:
    ctl = Ctl(broker, tmp_path)
    file = tmp_path / "definitions.json"
    limited = {"virtual_host": "shop", "limits": {"max_queues": "1", "max_message_bytes": "0"}}
    # What is there stays whatever the limits say, so two queues fit under a limit of one.
    queues = [{"virtual_host": "shop", "name": name, "options": {"durable": True}} for name in "ab"]
    file.write_text(json.dumps({"warren_definitions": 1, "virtual_hosts": ["shop"],
        "queues": queues, "virtual_host_limits": [limited]}))  # fmt: skip
    ctl("definitions", "import", str(file))
    own = tmp_path / "own.json"
    ctl("definitions", "export", str(own))
    assert json.loads(own.read_text())["virtual_host_limits"] == [limited]
    ctl("definitions", "diff", str(own))
    ctl("vhost", "limit", "shop", "--max-queues", "2")
    done = ctl.run("definitions", "diff", str(own), "-o", "json")
    assert [(r["kind"], r["name"], r["change"]) for r in json.loads(done.stdout)["results"]] == [
        ("virtual_host_limits", "shop", "updated")
    ]
    ctl("definitions", "import", str(own))
    ctl("definitions", "diff", str(own))


def test_documents_that_are_no_good_change_nothing(broker: WarrenProcess, tmp_path: Path) -> None:
    ctl = Ctl(broker, tmp_path)
    file = tmp_path / "bad.json"
    for text, told in (
        ("{", "no JSON object"), ("[]", "no JSON object"), ("{}", "neither warren_definitions"),
        ('{"queues": [{"name": "good"}, {"durable": true}]}', "queues[1].name"),
        ("[" * 100_000, "no JSON object"),
    ):  # fmt: skip
        file.write_text(text)
        assert told in ctl("definitions", "import", str(file), code=REFUSED)
    assert ctl.json("queue", "ls") == []
    file.write_text(json.dumps({"warren_definitions": 1, "queues": [
        {"name": "x" * 300}, {"name": "amq.mine"}, {"name": "good"}]}))  # fmt: skip
    done = ctl.run("definitions", "import", str(file), "-o", "json")
    assert done.returncode == REFUSED
    report = json.loads(done.stdout)
    assert len(changes(report, "failed")) == 2 and len(changes(report, "created")) == 1


def test_a_file_is_loaded_before_anybody_is_let_in(new_broker, tmp_path: Path) -> None:
    file = tmp_path / "definitions.json"
    file.write_text(json.dumps({"warren_definitions": 1, "virtual_hosts": ["shop"], "queues": [
        {"virtual_host": "shop", "name": "q", "options": {"durable": True}}]}))  # fmt: skip
    broker = new_broker(f"rocksdb:{tmp_path}/data", f"--definitions={file}").start()
    ctl = Ctl(broker, tmp_path)
    assert ctl.json("--vhost", "shop", "queue", "show", "q")["options"]["durable"] is True
    ctl("queue", "declare", "kept", "--durable")
    broker.stop()
    broker.start()
    assert ctl.json("queue", "show", "kept")["name"] == "kept"
    broker.stop()
    file.write_text('{"warren_definitions": 1, "queues": [{"name": ""}]}')
    broker.launch()
    assert broker.wait_ended(30) not in (None, 0)
    broker.wait_output("queues[0].name")


def test_exit_codes(broker: WarrenProcess, tmp_path: Path) -> None:
    ctl = Ctl(broker, tmp_path)
    ctl("definitions", "import", code=USAGE)
    assert "can't read" in ctl("definitions", "import", str(tmp_path / "none"), code=REFUSED)
    broker.kill()
    ctl("definitions", "export", code=UNREACHABLE)
