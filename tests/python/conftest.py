"""Fixtures of the Python client's tests: a broker for the whole run, and connections to it."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator
from typing import Callable

import pytest
import warren
from storages import Storage
from warren_process import WarrenProcess, binary


@pytest.fixture(scope="session")
def shared_broker(
    tmp_path_factory: pytest.TempPathFactory, storage: Storage
) -> Iterator[WarrenProcess]:
    """One broker for all tests that leave it running; they keep apart by names of their own."""
    if not binary().exists():
        pytest.skip(f"{binary()} isn't built")
    directory = tmp_path_factory.mktemp("broker")
    with WarrenProcess(directory, storage=storage.fresh(directory)) as broker:
        yield broker


@pytest.fixture
def broker(
    new_broker: Callable[..., WarrenProcess], durable_storage: Storage
) -> WarrenProcess:
    """A broker of the test's own, to kill and restart."""
    return new_broker(durable_storage).start()


@pytest.fixture
def connection(
    shared_broker: WarrenProcess, request: pytest.FixtureRequest
) -> Iterator[warren.Connection]:
    """A connection to the shared broker; shows its output when the test fails."""
    before = len(shared_broker.output)
    with warren.connect(shared_broker.grpc, timeout=15) as made:
        yield made
    print("\n".join(shared_broker.output[before:]))


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port that refuses connections for as long as the test runs: bound, not listening."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
