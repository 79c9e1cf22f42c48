"""Who isn't let in: without credentials, with wrong, expired and forged ones, by guessing."""

from __future__ import annotations

import base64
import hmac
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import jwt
import pytest
import warren
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from health import eventually, metric
from secured import PASSWORD, Issuer, audit, basic, bearer, password_hash, user, write_users
from warren._proto import broker_pb2 as pb
from warren_process import WarrenProcess, binary
from wire import STREAMS, UNARY, Wire

DEADLINE_S = 30.0
GUESSES = 1000


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def users(tmp_path: Path) -> Path:
    return write_users(tmp_path / "users.yaml", anna=user())


@pytest.fixture
def closed(new_broker, users: Path, issuer: Issuer, tmp_path: Path) -> Iterator[WarrenProcess]:
    """A broker that takes logins; it must serve anna after the test."""
    keys = issuer.write_keys(tmp_path / "keys.json")
    broker = new_broker(
        "memory:", f"--users={users}", f"--token-keys={keys}", "--drain-timeout=0s"
    ).start()
    pid = broker.pid
    yield broker
    assert broker.running and broker.pid == pid, "the broker died"
    assert not [line for line in broker.output if PASSWORD in line], "a password is in the log"


def serves(broker: WarrenProcess, **login: str) -> None:
    with warren.connect(broker.grpc, timeout=10, **login) as connection:
        connection.declare_queue("serves")
        connection.publish("", "serves", b"x")
        assert [d.body for d in connection.get("serves", 10, auto_ack=True)] == [b"x"]


def attempts(broker: WarrenProcess, mechanism: str, result: str) -> float:
    name = f'warren_auth_attempts_total{{mechanism="{mechanism}",result="{result}"}}'
    return metric(broker, name)


def test_without_credentials_every_call_is_refused(closed: WarrenProcess) -> None:
    with Wire(closed.grpc) as wire:
        for method in UNARY:
            wire.fails(method, b"").must_be("UNAUTHENTICATED", "CREDENTIALS_MISSING", "login")
        for method in STREAMS:
            wire.stream(method).end().must_be("UNAUTHENTICATED", "CREDENTIALS_MISSING")
        calls = len(UNARY) + len(STREAMS)
        assert attempts(closed, "none", "refused") == calls
        assert len(audit(closed, "login refused", mechanism="none")) == calls
        # Who asks how the broker is doesn't log in.
        health = wire.channel.unary_unary("/grpc.health.v1.Health/Check", None, None)
        assert health(b"", timeout=10) == b"\x08\x01"
    serves(closed, user="anna", password=PASSWORD)


@pytest.mark.parametrize(
    "header",
    [
        basic("anna", "wrong"),
        basic("anna", ""),
        basic("nobody"),
        basic("", PASSWORD),
        basic("anna", PASSWORD + "\0"),
        ("authorization", "Basic"),
        ("authorization", "Basic !"),
        ("authorization", "Digest anna"),
        ("authorization", "Basic " + base64.b64encode(b"\xff" * 4000).decode()),
    ],
)
def test_wrong_credentials_are_refused_logged_and_counted(
    closed: WarrenProcess, header: tuple[str, str]
) -> None:
    with Wire(closed.grpc, [header]) as wire:
        wire.fails("DeclareQueue", pb.DeclareQueueRequest(name="q")).must_be(
            "UNAUTHENTICATED", "LOGIN_REFUSED"
        )
    assert attempts(closed, "basic", "refused") == 1
    assert len(audit(closed, "login refused", mechanism="basic", connection="127.0.0.1")) == 1
    serves(closed, user="anna", password=PASSWORD)


def test_two_headers_are_one_too_many(closed: WarrenProcess) -> None:
    with Wire(closed.grpc, [basic("anna"), basic("anna", "wrong")]) as wire:
        assert wire.fails("Get", b"").reason == "LOGIN_REFUSED"


def signed_with_secret(secret: bytes) -> str:
    """By hand: PyJWT won't take a public key for a secret, and forgers don't ask it."""

    def encode(content: bytes) -> str:
        return base64.urlsafe_b64encode(content).decode().rstrip("=")

    claims = {"sub": "anna", "aud": "warren", "exp": 1 << 33}
    text = ".".join(encode(json.dumps(part).encode()) for part in ({"alg": "HS256"}, claims))
    return f"{text}.{encode(hmac.digest(secret, text.encode(), 'sha256'))}"


def test_good_tokens_log_in_and_bad_ones_do_not(closed: WarrenProcess, issuer: Issuer) -> None:
    for algorithm in ("RS256", "ES256"):
        serves(closed, token=issuer.token(algorithm))
    stranger = ec.generate_private_key(ec.SECP256R1())
    public = issuer.rsa.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    good = issuer.token()
    head, content, signature = good.split(".")
    changed = base64.urlsafe_b64encode(
        json.dumps({"sub": "root", "aud": "warren", "exp": 1 << 33}).encode()
    ).decode().rstrip("=")
    bad = {
        "expired": issuer.token(exp=int(time.time()) - 1),
        "without an end": issuer.token(exp=None),
        "not yet": issuer.token(nbf=int(time.time()) + 60),
        "wrong audience": issuer.token(aud="other"),
        "without an audience": issuer.token(aud=None),
        "unknown user": issuer.token(sub="nobody"),
        "wrong key": issuer.token(key=stranger),
        "alg none": jwt.encode({"sub": "anna", "aud": "warren", "exp": 1 << 33}, None, "none"),
        "HS256 with the public key": signed_with_secret(public),
        "PS256": issuer.token("PS256", key=issuer.rsa),
        "changed content": f"{head}.{changed}.{signature}",
        "without signature": f"{head}.{content}.",
        "no token": "x",
    }
    for what, token in bad.items():
        with Wire(closed.grpc, [bearer(token)]) as wire:
            refused = wire.fails("DeclareQueue", pb.DeclareQueueRequest(name="q"))
            assert (refused.code, refused.reason) == ("UNAUTHENTICATED", "LOGIN_REFUSED"), what
    assert attempts(closed, "bearer", "accepted") == 2
    assert attempts(closed, "bearer", "refused") == len(bad)
    assert len(audit(closed, "login refused", mechanism="bearer")) == len(bad)
    assert not [line for line in closed.output if signature in line], "a token is in the log"


def test_a_stream_ends_with_its_token(closed: WarrenProcess, issuer: Issuer) -> None:
    with Wire(closed.grpc, [bearer(issuer.token(exp=int(time.time()) + 3))]) as wire:
        wire.call("DeclareQueue", pb.DeclareQueueRequest(name="q"))
        consumer = wire.stream("Consume", pb.ConsumeRequest(subscribe=pb.Subscribe(queue="q")))
        publisher = wire.stream("PublishStream", pb.PublishStreamRequest(open=pb.PublishOpen()))
        assert consumer.read().HasField("subscribed") and publisher.read().HasField("opened")
        consumer.end().must_be("UNAUTHENTICATED", "LOGIN_ENDED")
        publisher.end().must_be("UNAUTHENTICATED", "LOGIN_ENDED")
    assert len(audit(closed, "login ended", user="anna")) == 2


def test_changed_users_count_without_a_restart(closed: WarrenProcess, users: Path) -> None:
    with Wire(closed.grpc, [basic("anna")]) as wire:
        wire.call("DeclareQueue", pb.DeclareQueueRequest(name="q"))
        consumer = wire.stream("Consume", pb.ConsumeRequest(subscribe=pb.Subscribe(queue="q")))
        assert consumer.read().HasField("subscribed")
        publisher = wire.stream("PublishStream", pb.PublishStreamRequest(open=pb.PublishOpen()))
        assert publisher.read().HasField("opened")

        only_read = {"/": {"read": ".*"}}
        write_users(users, anna=user(only_read))

        def publish(sequence: int) -> str:
            batch = pb.PublishBatch(first_sequence=sequence)
            batch.publications.add(routing_key="q").message.body = b"x"
            publisher.send(pb.PublishStreamRequest(batch=batch))
            [confirm] = publisher.read().confirms.confirms
            return confirm.error.reason

        sequence = iter(range(1, 1 << 20))
        eventually(
            lambda: publish(next(sequence)) == "ACCESS_REFUSED", "she may still write", DEADLINE_S
        )
        # A file that is wrong changes nothing.
        users.write_text("users: 3")
        closed.wait_output("can't be read anew")
        assert publish(next(sequence)) == "ACCESS_REFUSED"
        write_users(users, bert=user())
        consumer.end().must_be("UNAUTHENTICATED", "LOGIN_ENDED")
        publisher.end().must_be("UNAUTHENTICATED", "LOGIN_ENDED")
    serves(closed, user="bert", password=PASSWORD)


def test_a_thousand_guesses_are_refused_and_others_are_served(closed: WarrenProcess) -> None:
    with (
        warren.connect(closed.grpc, timeout=10, user="anna", password=PASSWORD) as connection,
        Wire(closed.grpc) as wire,
    ):
        connection.declare_queue("calm")
        guess = wire.channel.unary_unary("/warren.v1.BrokerService/DeclareQueue", None, None)

        def try_one(number: int) -> str:
            try:
                guess(b"", timeout=60, metadata=[basic("anna", f"guess {number}")])
            except grpc.RpcError as error:
                return error.code().name
            return "OK"

        slowest = 0.0
        with ThreadPoolExecutor(16) as pool:
            answers = [pool.submit(try_one, number) for number in range(GUESSES)]
            while not all(answer.done() for answer in answers):
                began = time.monotonic()
                connection.publish("", "calm", b"x")
                slowest = max(slowest, time.monotonic() - began)
        codes = [answer.result() for answer in answers]
        assert set(codes) == {"UNAUTHENTICATED", "RESOURCE_EXHAUSTED"}
        refused, throttled = codes.count("UNAUTHENTICATED"), codes.count("RESOURCE_EXHAUSTED")
        # Twenty at once, then one a second.
        assert refused < 20 + DEADLINE_S and throttled > GUESSES / 2
        assert attempts(closed, "basic", "refused") == refused
        assert attempts(closed, "basic", "throttled") == throttled
        eventually(
            lambda: len(audit(closed, "login refused", mechanism="basic")) == GUESSES,
            "not every guess is in the log",
            DEADLINE_S,
        )
        assert slowest < 2
    serves(closed, user="anna", password=PASSWORD)  # known, so not throttled


def validate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [binary(), "--validate", *arguments], capture_output=True, text=True, timeout=60
    )


def test_no_door_is_open_by_mistake(tmp_path: Path, users: Path) -> None:
    for arguments, what in (
        (["--listen=0.0.0.0:0", "--storage=memory:"], "there are no users"),
        (["--listen=0.0.0.0:0", f"--users={users}"], "without TLS"),
        ([f"--users={tmp_path}/absent.yaml"], "absent.yaml"),
        ([f"--users={users}", f"--token-keys={users}"], "no JSON Web Key Set"),
    ):
        answer = validate(*arguments)
        assert answer.returncode == 2 and what in answer.stderr, answer
    assert validate(f"--users={users}").returncode == 0


def test_a_pattern_that_would_explode_is_refused(tmp_path: Path) -> None:
    bombs = ("((((a{100}){100}){100}){100})", "(" * 2000, "(?=a)", "a" * 5000)
    for number, bomb in enumerate(bombs):
        path = write_users(tmp_path / f"{number}.yaml", anna=user({"/": {"read": bomb}}))
        answer = validate(f"--users={path}")
        assert answer.returncode == 2 and "pattern" in answer.stderr, answer


def test_a_file_of_users_that_is_too_large_or_too_deep_is_refused(tmp_path: Path) -> None:
    for number, text in enumerate(("x" * (17 << 20), "users: " + "[" * 100_000)):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text)
        assert validate(f"--users={path}").returncode == 2


def test_levels_of_the_log_change_with_sighup(new_broker, users: Path, tmp_path: Path) -> None:
    config = tmp_path / "warren.yaml"
    config.write_text(f"auth: {{users: {users}}}\n")
    broker = new_broker("memory:", f"--config={config}", "--drain-timeout=0s").start()
    serves(broker, user="anna", password=PASSWORD)
    assert not audit(broker, "logged in")
    config.write_text(f"auth: {{users: {users}}}\nlog: {{levels: {{auth: debug}}}}\n")
    lines = len(broker.output)
    os.kill(broker.pid, signal.SIGHUP)
    broker.wait_output("log levels read anew", after=lines)
    lines = len(broker.output)
    write_users(users, anna=user() | {"password_hash": password_hash("another")})
    broker.wait_output('"message":"read anew"', after=lines)
    serves(broker, user="anna", password="another")
    [line] = audit(broker, "logged in", user="anna", mechanism="basic")
    assert line["level"] == "debug" and line["category"] == "auth"
    config.write_text("log: {level: loud}\n")
    os.kill(broker.pid, signal.SIGHUP)
    broker.wait_output("the configuration can't be read anew")

