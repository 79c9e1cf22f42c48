"""A broker that hostile clients share; after each test it must be alive and serve a good one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
import warren
from health import assert_serves
from storages import Storage
from warren_process import WarrenProcess, binary
from wire import Wire


@pytest.fixture(scope="session")
def shared(
    tmp_path_factory: pytest.TempPathFactory, storage: Storage
) -> Iterator[WarrenProcess]:
    if not binary().exists():
        pytest.skip(f"{binary()} isn't built")
    directory = tmp_path_factory.mktemp("hostile")
    with WarrenProcess(
        directory, storage=storage.fresh(directory), arguments=["--drain-timeout=0s"]
    ) as broker:
        yield broker


@pytest.fixture
def broker(shared: WarrenProcess) -> Iterator[WarrenProcess]:
    """The shared broker, which must survive the test unharmed."""
    pid, before = shared.pid, len(shared.output)
    yield shared
    print("\n".join(shared.output[before:]))
    assert shared.running and shared.pid == pid, "the broker died"
    assert_serves(shared)


@pytest.fixture
def wire(broker: WarrenProcess) -> Iterator[Wire]:
    with Wire(broker.grpc) as made:
        yield made


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"hostile-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def queue(broker: WarrenProcess, name: str) -> Iterator[str]:
    """A queue of the test's own."""
    with warren.connect(broker.grpc, timeout=30) as connection:
        connection.declare_queue(name)
        yield name
        connection.delete_queue(name)
