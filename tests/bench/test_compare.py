"""The comparison in small: what it writes, not how fast anything is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from warren_process import binary

ROOT = Path(__file__).resolve().parents[2]
SYSTEMS = "relay,warren-memory,warren-rocksdb,rocksdb-commits,disk"
CASES = ("keeping_up,keeping_up_transient,publish_only,drain,commits,append,queued_message,"
         "bindings,many_queues,rate_10000,ten_queues,backlog")  # fmt: skip
RATIOS = {"transient_vs_relay", "rocksdb_vs_commits", "rocksdb_vs_disk", "ten_queues_msgs_per_s"}


def compare(*flags: str) -> subprocess.CompletedProcess[str]:
    """Runs it to its end."""
    return subprocess.run(
        [sys.executable, str(ROOT / "tests" / "bench" / "compare.py"), *flags],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.fixture(scope="module")
def build() -> Path:
    """Where the programs are."""
    folder = binary().parents[1]
    if not (folder / "bin" / "warren_relay").exists():
        pytest.skip(f"{folder}/bin/warren_relay isn't built")
    return folder


def test_a_small_comparison_reports_all_that_a_large_one_does(build: Path, tmp_path: Path) -> None:
    out, page = tmp_path / "compare.json", tmp_path / "docs" / "benchmarks.md"
    done = compare(
        f"--build={build}", f"--out={out}", f"--page={page}", f"--systems={SYSTEMS}",
        f"--cases={CASES}", "--repeats=1", "--seconds=0.3", "--warmup=0.1", "--messages=2000",
        "--scale=0.002", "--turns=1",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(out.read_text())
    assert report["failed"] == [] and report["left_out"] == {}
    assert {run["system"] for run in report["runs"]} == set(SYSTEMS.split(","))
    assert {run["case"] for run in report["runs"]} == set(CASES.split(","))
    for run in report["runs"]:
        assert {"msgs_per_s", "p50_ms", "p99_ms", "cpu_s_per_million", "rss_mib"} <= run.keys()
        assert run["msgs_per_s"] > 0, run
    assert set(report["ratios"]) == RATIOS
    measured = [aim["what"] for aim in report["aims"] if aim["value"] is not None]
    assert len(measured) == 10, measured
    text = page.read_text()
    assert all(aim["what"] in text for aim in report["aims"])
    for chart in ("throughput.svg", "latency.svg"):
        assert f"images/{chart}" in text
        assert (page.parent / "images" / chart).read_text().startswith("<?xml")


def test_what_is_unknown_is_refused_by_name(build: Path) -> None:
    done = compare(f"--build={build}", "--systems=rabbit", "--repeats=1")
    assert done.returncode == 2
    assert "unknown systems rabbit; known are" in done.stderr
