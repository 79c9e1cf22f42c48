"""Fixtures of the chart's tests."""

from __future__ import annotations

from pathlib import Path

import chart
import pytest


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
