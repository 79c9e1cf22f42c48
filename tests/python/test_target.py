"""Several addresses of one broker, as one target of grpc."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Callable, Union

import pytest
import warren
from storages import Storage
from warren._target import resolve
from warren_process import WarrenProcess

STORAGES = ("memory",)  # the store has no part in this


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1:7171",
        "broker",
        "dns:///brokers:7171",
        "ipv4:127.0.0.1:1,127.0.0.1:2",
        "unix:/run/a,b",
    ],
)
def test_one_address_or_target_is_left_as_it_is(target: str) -> None:
    assert resolve(target) == (target, [])


@pytest.mark.parametrize("listed", ["127.0.0.1:1, 127.0.0.2:2", ["127.0.0.1:1", "127.0.0.2:2"]])
def test_several_become_a_list_in_their_order(listed: Union[str, list[str]]) -> None:
    target, options = resolve(listed)
    assert target == "ipv4:127.0.0.1:1,127.0.0.2:2"
    assert dict(options)["grpc.ssl_target_name_override"] == "127.0.0.1"


def test_both_families_go_together() -> None:
    assert resolve("127.0.0.1:1,[::1]:2")[0] == "ipv6:[::ffff:127.0.0.1]:1,[::1]:2"


def test_names_that_nobody_knows_are_left_out() -> None:
    assert resolve("no.such.host.invalid:1,127.0.0.1:2")[0] == "ipv4:127.0.0.1:2"
    with pytest.raises(warren.Unavailable, match="looked up"):
        resolve("no.such.host.invalid:1,no.such.other.invalid:2")


@pytest.mark.parametrize("wrong", ["a:1,", ",", [], "a:1,b:x", "a:1,dns:///b:2", "a:1,b:99999"])
def test_what_is_no_list_is_refused(wrong: Union[str, list[str]]) -> None:
    with pytest.raises(warren.InvalidArgument):
        resolve(wrong)


@pytest.fixture
def dead() -> Iterator[str]:
    """An address at which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield "{}:{}".format(*bound.getsockname())


def test_the_one_that_answers_is_found(
    new_broker: Callable[..., WarrenProcess], storage: Storage, dead: str
) -> None:
    broker = new_broker(storage).start()
    for listed in ([dead, broker.grpc], [broker.grpc, dead], ["localhost:1", broker.grpc]):
        with warren.connect(listed, timeout=20) as connection:
            connection.declare_queue("q")

        async def declare(addresses: list[str] = listed) -> None:
            async with warren.aio.connect(addresses, timeout=20) as connection:
                await connection.declare_queue("q")

        asyncio.run(declare())
