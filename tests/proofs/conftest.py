"""What the proofs share: of the three applications, and of what the broker does under their load.

Each has two forms: a short one for every test run, whose limits of time leave room for a machine
that does other things as well, and the full one, `make prove` and `make prove-…`, that takes
minutes and keeps to the figures that are to be reached.
"""

import pytest


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="the proofs in full: takes minutes")


@pytest.fixture
def full(request):
    """Whether to run the full form."""
    return request.config.getoption("--full")


@pytest.fixture
def broker(new_broker, durable_storage):
    """A broker of the test's own, on a store of its own."""
    return new_broker(durable_storage).start()


@pytest.fixture
def report(request):
    """Prints what was measured; `pytest -s` and a failure show it."""

    def print_rows(rows):
        print(f"\n{request.node.name}")
        for name, value in rows.items():
            print(f"  {name}: {value}", flush=True)

    return print_rows
