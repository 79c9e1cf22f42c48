"""Clients and tools log in: by password, by token, by certificate, over TLS."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import warren
import warren.aio
from secured import PASSWORD, Authority, Issuer, user, write_users
from warren import Tls
from warren_process import WarrenProcess, binary


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca", "warren-test")


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def secured(
    new_broker, authority: Authority, issuer: Issuer, tmp_path: Path
) -> Iterator[WarrenProcess]:
    certificate, key = authority.issue("broker", "broker")
    users = write_users(tmp_path / "users.yaml", anna=user(certificates=["cn:anna"]))
    yield new_broker(
        "memory:", f"--users={users}", f"--tls-certificate={certificate}", f"--tls-key={key}",
        f"--tls-client-ca={authority.path}", "--drain-timeout=0s",
        f"--token-keys={issuer.write_keys(tmp_path / 'keys.json')}",
    ).start()  # fmt: skip


def round_trip(connection: warren.Connection) -> None:
    """By unary calls and by both streams."""
    connection.declare_queue("q")
    with connection.publisher() as publisher, connection.consume("q") as consumer:
        publisher.publish("", "q", b"x")
        delivery = consumer.get(10)
        assert delivery is not None and delivery.body == b"x"
        delivery.ack()


def test_each_way_to_log_in_works(
    secured: WarrenProcess, authority: Authority, issuer: Issuer
) -> None:
    ca = Tls(ca=authority.path)
    own = Tls(authority.path, *authority.issue("anna", "anna"))
    asked: list[str] = []

    def current() -> str:
        asked.append(issuer.token())
        return asked[-1]

    for login in (
        {"tls": ca, "user": "anna", "password": PASSWORD},
        {"tls": ca, "token": issuer.token("RS256")},
        {"tls": ca, "token": current},
        {"tls": own},
    ):
        with warren.connect(secured.grpc, timeout=10, **login) as connection:
            round_trip(connection)
    assert len(asked) >= 3  # for each call and stream


def test_asyncio_logs_in(secured: WarrenProcess, authority: Authority) -> None:
    async def run() -> None:
        ca = Tls(ca=authority.path)
        async with warren.aio.connect(
            secured.grpc, tls=ca, user="anna", password=PASSWORD
        ) as connection:
            await connection.declare_queue("q")
            async with connection.publisher() as publisher:
                await publisher.publish("", "q", b"x")
            [delivery] = await connection.get("q", 1, auto_ack=True)
            assert delivery.body == b"x"
        async with warren.aio.connect(secured.grpc, tls=ca) as stranger:
            with pytest.raises(warren.Unauthenticated):
                await stranger.declare_queue("q")
            with pytest.raises(warren.Unauthenticated):
                async with stranger.consume("q") as consumer:
                    await consumer.get(10)

    asyncio.run(run())


def test_contradictions_are_found_at_once(tmp_path: Path) -> None:
    for login in (
        {"user": "anna"},
        {"password": "x"},
        {"user": "anna", "password": "x", "token": "y"},
        {"user": "a:b", "password": "x"},
    ):
        with pytest.raises(ValueError):
            warren.connect("127.0.0.1:1", **login)
    with pytest.raises(FileNotFoundError):
        warren.connect("127.0.0.1:1", tls=Tls(ca=tmp_path / "absent"))


def test_tools_log_in(
    secured: WarrenProcess, authority: Authority, issuer: Issuer, tmp_path: Path
) -> None:
    password, token = tmp_path / "password", tmp_path / "token"
    password.write_text(PASSWORD + "\n")
    token.write_text(issuer.token())
    certificate, key = authority.issue("anna", "anna")
    ca = f"--tls-ca={authority.path}"

    def run(tool: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [binary(tool), f"--address={secured.grpc}", *arguments],
            capture_output=True, text=True, timeout=60, env=variables,
        )  # fmt: skip

    declare = ("queue", "declare", "tools")
    by_password = (ca, "--user=anna", f"--password-file={password}")
    for arguments, variables in (
        (by_password, {}),
        ((ca, "--user=anna"), {"WARRENCTL_PASSWORD": PASSWORD}),
        ((ca, f"--token-file={token}"), {}),
        ((ca, f"--tls-cert={certificate}", f"--tls-key={key}"), {}),
    ):
        answer = run("warrenctl", *arguments, *declare, **variables)
        assert answer.returncode == 0, answer
    refused = run("warrenctl", ca, "--output=json", *declare)
    assert refused.returncode == 1
    assert "CREDENTIALS_MISSING" in refused.stderr
    assert run("warrenctl", ca, "--user=anna", "--password-file=/absent", *declare).returncode == 2
    bench = run("warren-bench", *by_password, "--duration=1", "--warmup=0")
    assert bench.returncode == 0, bench
