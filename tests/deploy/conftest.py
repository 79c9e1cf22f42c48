"""Fixtures of the chart's tests."""

from __future__ import annotations

from pathlib import Path

import chart
import pytest
from debian_root import BUILD_TIMEOUT_S


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--builder",
        action="store_true",
        help="carry out the Dockerfile's builder stage, too: takes a full build",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Whichever test is the first to ask for the image waits for it."""
    if config.getoption("--builder"):
        for item in items:
            item.add_marker(pytest.mark.timeout(BUILD_TIMEOUT_S))


@pytest.fixture(params=chart.VALUES, ids=lambda path: path.stem)
def values(request: pytest.FixtureRequest) -> Path:
    """Each of the examples in turn."""
    chart.need_tools()
    return request.param


@pytest.fixture
def release(values: Path) -> chart.Release:
    """What it renders to."""
    return chart.release_of(values)


@pytest.fixture(params=chart.HELMS)
def helm(request: pytest.FixtureRequest) -> str:
    """Both majors of Helm in turn."""
    chart.need_tools()
    return request.param
