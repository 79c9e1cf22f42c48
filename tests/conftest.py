"""What all tests share that start a broker: the stores to run it with, and brokers of one's own.

A test that (by its fixtures) asks for `storage` runs once with each store; one that asks for
`durable_storage`, since it restarts the broker, with each that survives that. A module whose tests
have nothing to do with the store names those that it wants in STORAGES. `--storage=NAMES` chooses
among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Callable

import pytest
import storages
from postgres_server import PostgresServer
from storages import Storage
from warren_process import WarrenProcess, binary


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--storage",
        default=storages.from_environment(),
        help=f"run with these alone, of {', '.join(storages.ALL)}; separated by commas",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for fixture, all_of_them in (("storage", storages.ALL), ("durable_storage", storages.DURABLE)):
        if fixture in metafunc.fixturenames:
            among = getattr(metafunc.module, "STORAGES", all_of_them)
            try:
                names = storages.chosen(metafunc.config.getoption("--storage"), among)
            except ValueError as error:
                raise pytest.UsageError(f"--storage: {error}") from None
            metafunc.parametrize(fixture, names, indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Takes out those for which `--storage` leaves no store."""
    left_out = [item for item in items if without_store(item)]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def without_store(item: pytest.Item) -> bool:
    chosen = getattr(item, "callspec", None)
    return chosen is not None and any(
        fixture in chosen.params and chosen.params[fixture] not in storages.ALL
        for fixture in ("storage", "durable_storage")
    )


@pytest.fixture(scope="session")
def postgres_servers() -> Iterator[Callable[[], PostgresServer]]:
    """Starts the PostgreSQL that tests share which leave it alone, when it is first asked for."""
    with ExitStack() as stack:
        started: list[PostgresServer] = []

        def server() -> PostgresServer:
            if not started:
                started.append(stack.enter_context(PostgresServer()))
            return started[0]

        yield server


@pytest.fixture(scope="session")
def postgres(postgres_servers: Callable[[], PostgresServer]) -> PostgresServer:
    """The shared one, for tests of its own."""
    skip_without("postgres")
    return postgres_servers()


@pytest.fixture(scope="session")
def storage(
    request: pytest.FixtureRequest, postgres_servers: Callable[[], PostgresServer]
) -> Storage:
    """Each store in turn."""
    skip_without(request.param)
    return Storage(request.param, postgres_servers)


@pytest.fixture(scope="session")
def durable_storage(
    request: pytest.FixtureRequest, postgres_servers: Callable[[], PostgresServer]
) -> Storage:
    """Each store in turn that survives a restart of the broker."""
    skip_without(request.param)
    return Storage(request.param, postgres_servers)


@pytest.fixture
def new_broker(
    tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., WarrenProcess]]:
    """Makes brokers, which the test starts; those that run at its end are stopped.

    `new_broker(storage, "--flag=value", …)`: the storage is a Storage, or a value of --storage.
    """
    skip_without_binary()
    failed = request.session.testsfailed
    made: list[WarrenProcess] = []

    def make(storage: Storage | str, *arguments: str, prefix: Sequence[str] = ()) -> WarrenProcess:
        directory = tmp_path / f"broker-{len(made) + 1}"
        value = storage.fresh(directory) if isinstance(storage, Storage) else storage
        made.append(WarrenProcess(directory, storage=value, arguments=arguments, prefix=prefix))
        return made[-1]

    yield make
    with ExitStack() as stack:  # goes on if one fails at its end
        for broker in made:
            if request.session.testsfailed > failed:
                print(broker.logs())
            stack.callback(broker.stop)


def skip_without(storage: str) -> None:
    reason = storages.why_not(storage)
    if reason:
        pytest.skip(reason)


def skip_without_binary() -> None:
    if not binary().exists():
        pytest.skip(f"{binary()} isn't built")
