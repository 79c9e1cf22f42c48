"""Fixtures of the torture: a broker of the test's own, with a store on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from warren_process import WarrenProcess, binary


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[WarrenProcess]:
    """A broker to kill; the start is the test's, so that it can choose flags."""
    if not binary().exists():
        pytest.skip(f"{binary()} isn't built")
    with WarrenProcess(tmp_path / "broker", arguments=["--drain-timeout=5s"]) as process:
        yield process
