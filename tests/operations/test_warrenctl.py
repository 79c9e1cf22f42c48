"""warrenctl's nouns as an operator uses them, against a real broker."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import warren
from ctl import CRITICAL, REFUSED, UNKNOWN, UNREACHABLE, USAGE, WARNING, Ctl
from secured import EVERYTHING, PASSWORD, Authority, basic, user, write_users
from warren_process import WarrenProcess


@pytest.fixture
def broker(new_broker, tmp_path: Path) -> WarrenProcess:
    return new_broker(f"rocksdb:{tmp_path}/data").start()


@pytest.fixture
def ctl(broker: WarrenProcess, tmp_path: Path) -> Ctl:
    return Ctl(broker, tmp_path)


@pytest.fixture
def connection(broker: WarrenProcess):
    with warren.connect(broker.grpc) as connection:
        yield connection


def by_name(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in rows}


def test_status_tells_how_the_broker_is_doing(ctl, connection) -> None:
    connection.declare_queue("q", durable=True)
    connection.publish("", "q", b"x")
    table = ctl("status")
    assert "health           good" in table
    assert "1 ready, 0 unsettled, 0 delayed" in table
    status = ctl.json("status")
    assert status["ready_messages"] == 1
    assert status["storage_backend"] == "rocksdb"
    assert status["queues"] == 1
    assert "draining" in status and not status["draining"]
    assert ctl.json("ping", "--count", "3")["count"] == 3


def test_queues_are_listed_by_pattern_and_shown_whole(ctl, connection) -> None:
    for name in ("orders", "orders.dead", "mail"):
        connection.declare_queue(name, durable=True, max_length=10)
    connection.publish("", "orders", b"12345")
    rows = by_name(ctl.json("queue", "ls", "--match", "^orders"))
    assert set(rows) == {"orders", "orders.dead"}
    assert rows["orders"]["ready_messages"] == 1
    assert rows["orders"]["ready_bytes"] == 5
    assert rows["orders"]["options"]["max_length"] == 10
    shown = ctl.json("queue", "show", "orders")
    assert shown["name"] == "orders" and shown["published_total"] == 1
    assert "QUEUE_NOT_FOUND" in ctl("queue", "show", "ord.rs", code=REFUSED)
    assert "INVALID_ARGUMENT" in ctl("queue", "ls", "--match", "(", code=REFUSED)
    head, *lines = ctl("queue", "ls").splitlines()
    assert head.split()[:2] == ["NAME", "READY"]
    assert len(lines) == 3


def test_lists_of_more_than_a_page_are_whole(ctl, connection) -> None:
    for number in range(1_203):
        connection.declare_queue(f"q{number}", durable=False)
    assert len(by_name(ctl.json("queue", "ls"))) == 1_203


def test_peeking_changes_nothing(ctl, connection) -> None:
    connection.declare_queue("q", durable=True)
    for body in (b"first", b"second", b"\xff"):
        connection.publish("", "q", body, message_id=f"id-{body!r}")
    connection.publish("", "q", b"later", delay=3600)
    entries = ctl.json("queue", "peek", "q")
    assert [entry["state"] for entry in entries] == ["ready"] * 3 + ["delayed"]
    assert entries[0]["message"]["body"] == "first"
    assert entries[2]["message"]["body_base64"] == "/w=="
    assert entries[3]["due_at"]
    assert len(ctl.json("queue", "peek", "q", "--count", "2")) == 2
    assert len(ctl.json("queue", "peek", "q", "--state", "delayed")) == 1
    short = ctl.json("queue", "peek", "q", "--max-body", "3", "--count", "1")[0]
    assert short["message"]["body"] == "fir" and short["body_bytes"] == 5
    [delivery] = connection.get("q", auto_ack=True)
    assert not delivery.redelivered and delivery.delivery_count == 0


def test_moved_messages_keep_their_order_and_all_they_have(ctl, connection) -> None:
    for name in ("a", "b"):
        connection.declare_queue(name, durable=True)
    for number in range(2_500):
        connection.publish("", "a", b"%d" % number, headers={"n": number}, message_id=f"{number}")
    moved = ctl.json("queue", "move", "a", "b", "--count", "10")
    assert moved == {"moved": 10, "left": 2_490}
    assert ctl.json("queue", "move", "a", "b")["moved"] == 2_490
    got = connection.get("b", 10_000, auto_ack=True)
    assert [int(delivery.body) for delivery in got] == list(range(2_500))
    assert all(d.headers["n"] == int(d.body) and d.message_id == d.body.decode() for d in got)
    assert "FAILED_PRECONDITION" in ctl("queue", "move", "a", "a", code=REFUSED)
    assert "QUEUE_NOT_FOUND" in ctl("queue", "move", "a", "c", code=REFUSED)


def test_routes_are_explained_without_a_message(ctl, connection) -> None:
    ctl("exchange", "declare", "logs", "--type", "topic", "--alternate-exchange", "rest")
    ctl("exchange", "declare", "audit", "--type", "headers")
    ctl("exchange", "declare", "rest", "--type", "fanout")
    for name in ("errors", "eu", "unrouted"):
        connection.declare_queue(name, durable=False)
    ctl("binding", "add", "logs", "errors", "--key", "*.error.#")
    ctl("binding", "add", "logs", "audit", "--to-exchange", "--key", "#.disk")
    ctl("binding", "add", "audit", "eu", "--arg", "region=eu")
    ctl("binding", "add", "rest", "unrouted")
    way = ctl("route", "test", "logs", "--key", "db.error.disk", "--header", "region=eu")
    assert "logs -[*.error.#]-> errors" in way
    assert "logs -[#.disk]-> audit -[region=eu]-> eu" in way
    assert "logs -[alternate]-> rest" in ctl("route", "test", "logs", "--key", "nothing")
    assert "no queue" in ctl("route", "test", "", "--key", "nowhere")
    assert "EXCHANGE_NOT_FOUND" in ctl("route", "test", "missing", code=REFUSED)
    assert len(ctl.json("binding", "ls")) == 4
    assert len(ctl.json("binding", "ls", "--from", "logs")) == 2
    assert by_name(ctl.json("exchange", "ls"))["logs"]["bindings"] == 2
    assert ctl.json("exchange", "show", "logs")["options"]["alternate_exchange"] == "rest"
    assert ctl.json("status")["ready_messages"] == 0


def test_scheduled_messages_are_listed_counted_and_removed(ctl, connection) -> None:
    connection.declare_queue("later", durable=True)
    for number in range(150):
        delay = 3600 + number
        connection.publish("", "later", b"%d" % number, delay=delay, message_id=f"id-{number}")
    assert ctl("scheduled", "count").strip() == "150"
    rows = ctl.json("scheduled", "ls", "--queue", "later", "--count", "120")
    assert [row["message"]["message_id"] for row in rows] == [f"id-{n}" for n in range(120)]
    assert ctl.json("scheduled", "cancel", "later", "--id", str(rows[0]["id"]))["cancelled"] == 1
    assert ctl.json("scheduled", "cancel", "later", "--id", str(rows[0]["id"]))["cancelled"] == 0
    cancelled = ctl.json("scheduled", "cancel", "later", "--message-id", "id-5", "id-6", "id-999")
    assert cancelled["cancelled"] == 2
    assert ctl("scheduled", "count", "--queue", "later").strip() == "147"
    assert ctl.json("scheduled", "cancel", "later", "--all")["cancelled"] == 147
    assert ctl("scheduled", "count").strip() == "0"
    ctl("scheduled", "cancel", "later", code=USAGE)


def test_connections_and_consumers_are_seen_and_closed(broker, ctl) -> None:
    with warren.connect(broker.grpc) as other:
        other.declare_queue("q", durable=True)
        other.publish("", "q", b"held")
        with other.consume("q", name="holder", prefetch=7) as consumer:
            assert consumer.get(30) is not None
            [row] = ctl.json("consumer", "ls", "--queue", "q")
            assert row["name"] == "holder"
            assert row["prefetch_messages"] == 7 and row["unsettled_messages"] == 1
            peers = {c["peer"]: c for c in ctl.json("connection", "ls")}
            assert peers[row["peer"]]["consumers"] == 1
            ctl("connection", "close", row["peer"], "--reason", "enough")
            with pytest.raises(warren.WarrenError) as told:
                while consumer.get(30) is not None:
                    pass
            assert told.value.reason == "CONNECTION_CLOSED"
            assert "enough" in str(told.value)
    assert ctl.json("consumer", "ls") == []
    assert ctl.json("queue", "show", "q")["ready_messages"] == 1
    assert "NOT_FOUND" in ctl("connection", "close", "ipv4:127.0.0.1:1", code=REFUSED)


def test_virtual_hosts_are_made_listed_and_deleted(broker, ctl) -> None:
    ctl("vhost", "create", "shop")
    ctl("vhost", "create", "shop")
    with warren.connect(broker.grpc, virtual_host="shop") as shop:
        shop.declare_queue("q", durable=True)
        shop.publish("", "q", b"x")
    assert by_name(ctl.json("vhost", "ls"))["shop"]["ready_messages"] == 1
    assert ctl.json("--vhost", "shop", "queue", "ls")[0]["name"] == "q"
    assert [q["virtual_host"] for q in ctl.json("queue", "ls", "--all-vhosts")] == ["shop"]
    ctl("vhost", "rm", "shop")
    assert set(by_name(ctl.json("vhost", "ls"))) == {"/"}
    ctl("vhost", "rm", "/", code=REFUSED)


def test_policies_count_at_once(ctl, connection) -> None:
    connection.declare_queue("orders", durable=True)
    for number in range(5):
        connection.publish("", "orders", b"%d" % number)
    ctl("policy", "set", "short", "^orders$", "--for", "queues", "--max-length", "2",
        "--priority", "3")  # fmt: skip
    assert ctl.json("queue", "show", "orders")["policy"] == "short"
    assert ctl.json("queue", "show", "orders")["ready_messages"] == 2
    [policy] = ctl.json("policy", "ls")
    assert policy["pattern"] == "^orders$" and policy["priority"] == 3
    assert policy["queue_options"]["max_length"] == 2
    assert "max_length=2" in ctl("policy", "ls")
    ctl("policy", "rm", "short")
    assert ctl.json("queue", "show", "orders")["policy"] == ""
    assert "INVALID_ARGUMENT" in ctl("policy", "set", "bad", "(", "--max-length", "1", code=REFUSED)


def test_a_virtual_host_has_limits(broker, ctl) -> None:
    ctl("vhost", "create", "shop")
    ctl("vhost", "limit", "shop", "--max-queues", "1", "--max-streams", "0")
    shop = by_name(ctl.json("vhost", "ls"))["shop"]
    assert (shop["limits"]["max_queues"], shop["limits"]["max_streams"]) == (1, 0)
    assert "max_message_bytes" not in shop["limits"]
    ctl("--vhost", "shop", "queue", "declare", "one", "--durable")
    told = ctl("--vhost", "shop", "queue", "declare", "two", code=REFUSED)
    assert "QUEUE_LIMIT" in told and 'virtual host "shop"' in told and "max_queues" in told
    ctl("vhost", "limit", "none", "--max-queues", "1", code=REFUSED)
    broker.stop()
    broker.start()
    assert by_name(ctl.json("vhost", "ls"))["shop"]["limits"]["max_queues"] == 1
    ctl("vhost", "limit", "shop")
    ctl("--vhost", "shop", "queue", "declare", "two")


def test_users_close_the_broker_and_have_permissions(broker, tmp_path) -> None:
    ctl = Ctl(broker, tmp_path)
    ctl("user", "set", "root", "--new-password-file", "-", "--tag", "administrator", stdin=PASSWORD)
    assert "CREDENTIALS_MISSING" in ctl("queue", "ls", code=REFUSED)
    root = Ctl(broker, tmp_path, WARRENCTL_USER="root", WARRENCTL_PASSWORD=PASSWORD)
    root("permission", "set", "root", "--configure", ".*", "--write", ".*", "--read", ".*")
    root("user", "set", "anna", "--new-password-file", "-", stdin=PASSWORD)
    root("permission", "set", "anna", "--write", "^orders$")
    rows = {(row["user"], row["vhost"]): row for row in root.json("permission", "ls")}
    assert rows["anna", "/"]["write"] == "^orders$" and rows["anna", "/"]["read"] == ""
    anna = Ctl(broker, tmp_path, WARRENCTL_USER="anna", WARRENCTL_PASSWORD=PASSWORD)
    for words in (("user", "ls"), ("drain",), ("config", "show"), ("connection", "ls"),
                  ("queue", "peek", "orders")):  # fmt: skip
        root("queue", "declare", "orders")
        assert "ACCESS_REFUSED" in anna(*words, code=REFUSED), words
    root("permission", "clear", "anna")
    root("user", "rm", "anna")
    assert "LOGIN_REFUSED" in anna("queue", "ls", code=REFUSED)
    assert set(by_name(root.json("user", "ls"))) == {"root"}
    broker.kill()
    broker.start()
    after = Ctl(broker, tmp_path, WARRENCTL_USER="root", WARRENCTL_PASSWORD=PASSWORD)
    assert set(by_name(after.json("user", "ls"))) == {"root"}


def test_users_of_the_file_are_shown_and_left(new_broker, tmp_path) -> None:
    admin = {**user({"/": EVERYTHING}), "tags": ["administrator"]}
    users = write_users(tmp_path / "users.yaml", boss=admin, bert=user())
    broker = new_broker("memory:", f"--users={users}").start()
    boss = Ctl(broker, tmp_path, WARRENCTL_USER="boss", WARRENCTL_PASSWORD=PASSWORD)
    assert by_name(boss.json("user", "ls"))["bert"]["configured"] is True
    assert "USER_IS_CONFIGURED" in boss("user", "rm", "bert", code=REFUSED)
    assert basic("bert")[0] == "authorization"


def test_configuration_and_log_levels(broker, ctl) -> None:
    rows = {row["key"]: row for row in ctl.json("config", "show")}
    assert any(row["from"] == "flag" for row in rows.values())
    assert any(row["from"] == "default" for row in rows.values())
    levels = ctl.json("log", "set", "all=warning", "auth=debug")
    assert levels["auth"] == "debug" and levels["storage"] == "warning"
    ctl("log", "set", "nothing=debug", code=REFUSED)
    ctl("log", "set", "auth", code=REFUSED)


def test_drain_stops_the_broker(broker, ctl) -> None:
    ctl("drain")
    assert broker.wait_ended(60) == 0
    ctl("status", code=UNREACHABLE)


def test_checks_speak_nagios(broker, ctl, connection, tmp_path) -> None:
    connection.declare_queue("q", durable=True)
    for _ in range(5):
        connection.publish("", "q", b"x")
    for what in ("alive", "ready", "alarms", "storage", "cert"):
        assert ctl("check", what).startswith("OK - "), what
    assert ctl("check", "queue", "q", "--warning", "5").startswith("OK - ")
    assert ctl("check", "queue", "q", "--warning", "4", code=WARNING).startswith("WARNING - ")
    line = ctl("check", "queue", "q", "--warning", "1", "--critical", "2", code=CRITICAL)
    assert "| ready=5;1;2;0" in line
    ctl("check", "queue", "q", "--min-consumers", "1", code=CRITICAL)
    assert "UNKNOWN - " in ctl("check", "queue", "absent", code=UNKNOWN)
    assert json.loads(ctl("check", "alarms", "-o", "json"))["status"] == "OK"
    broker.kill()
    for what in (("alive",), ("queue", "q")):
        ctl("check", *what, code=CRITICAL)


def test_the_certificate_is_checked(new_broker, tmp_path) -> None:
    authority = Authority(tmp_path / "authority", "warren")
    certificate, key = authority.issue("broker", "broker", days=10)
    broker = new_broker(
        "memory:", f"--tls-certificate={certificate}", f"--tls-key={key}"
    ).start()
    ctl = Ctl(broker, tmp_path, WARRENCTL_TLS_CA=str(authority.path))
    ctl("check", "cert", code=WARNING)
    ctl("check", "cert", "--critical", "11", code=CRITICAL)
    assert "days=9" in ctl("check", "cert", "--warning", "5")


def test_top_shows_rates_and_ends(ctl, connection) -> None:
    connection.declare_queue("busy", durable=False)
    lines = ctl("top", "--rounds", "2", "--interval", "0.1", "-o", "json").splitlines()
    assert len(lines) == 2
    assert json.loads(lines[0])["queues"][0]["queue"] == "busy"
    assert "IN/S" in ctl("top", "--rounds", "1", "--interval", "0.1")


def test_contexts_stand_for_global_options(broker, tmp_path) -> None:
    file = tmp_path / "warrenctl.yaml"
    file.write_text(
        "current: here\n"
        "contexts:\n"
        f"  here: {{address: '{broker.grpc}', vhost: /}}\n"
        "  gone: {address: '127.0.0.1:1'}\n"
        "  wrong: {colour: blue}\n"
    )
    ctl = Ctl(broker, tmp_path)
    del ctl._environment["WARRENCTL_ADDRESS"]
    ctl("status")
    ctl("--context", "gone", "status", code=UNREACHABLE)
    ctl("--context", "gone", "--address", broker.grpc, "status")
    assert "there are here, gone, wrong" in ctl("--context", "other", "status", code=USAGE)
    assert "colour" in ctl("--context", "wrong", "status", code=USAGE)
    file.write_text("contexts: [")
    assert "warrenctl.yaml" in ctl("status", code=USAGE)
    assert "can't read" in ctl("--contexts", str(tmp_path / "none"), "status", code=USAGE)


@pytest.mark.parametrize("line, expected", [
    ("warrenctl qu", {"queue"}),
    ("warrenctl queue p", {"peek", "purge"}),
    ("warrenctl --vhost x queue ls --ma", {"--match"}),
    ("warrenctl queue ls --vh", {"--vhost"}),
])  # fmt: skip
def test_bash_completes_commands(ctl, line: str, expected: set[str]) -> None:
    script = ctl("completion", "bash")
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    done = subprocess.run(
        ["bash", "-c", f"{script}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _warrenctl;"
         ' printf "%s\\n" "${COMPREPLY[@]}"'],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert set(done.stdout.split()) == expected, done.stderr


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_a_script(ctl, shell: str) -> None:
    assert "warrenctl" in ctl("completion", shell)
    ctl("completion", "csh", code=USAGE)
