"""What the proofs of the three applications share.

Each has two forms: a short one for every test run, whose limits of time leave room for a machine
that does other things as well, and the full one, `make prove`, that takes minutes and keeps to the
figures that the applications are to reach.
"""

import pytest
from warren_process import WarrenProcess, binary


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true", help="the proofs in full: takes minutes")


@pytest.fixture
def full(request):
    """Whether to run the full form."""
    return request.config.getoption("--full")


@pytest.fixture
def broker(tmp_path):
    """A broker of the test's own, on a store of its own."""
    if not binary().exists():
        pytest.skip(f"{binary()} isn't built")
    with WarrenProcess(tmp_path / "broker") as process:
        yield process


@pytest.fixture
def report(request):
    """Prints what was measured; `pytest -s` and a failure show it."""

    def print_rows(rows):
        print(f"\n{request.node.name}")
        for name, value in rows.items():
            print(f"  {name}: {value}", flush=True)

    return print_rows
