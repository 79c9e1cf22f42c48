"""The logs application against a real broker, and a server that speaks _bulk."""

import re
from pathlib import Path

import application
import pytest
from bulk_server import BulkServer

pytest.importorskip("elasticsearch")

# Lines as dpkg writes them.
LINES = """\
2024-06-24 14:36:25 startup archives unpack
2024-06-24 14:36:25 install libfoo:amd64 <none> 1.2-3
2024-06-24 14:36:25 status half-installed libfoo:amd64 1.2-3
2024-06-24 14:36:26 status unpacked libfoo:amd64 1.2-3
2024-06-24 14:36:26 configure libfoo:amd64 1.2-3 <none>
2024-06-24 14:36:26 status installed libfoo:amd64 1.2-3
"""


@pytest.fixture
def log(tmp_path):
    """A log of 600 lines, as real as the machine has it."""
    real = Path("/var/log/dpkg.log")
    text = real.read_text(errors="replace") if real.exists() else ""
    rows = [row for row in text.splitlines() if row.strip()]
    rows = (rows + LINES.splitlines() * 100)[:600]
    file = tmp_path / "dpkg.log"
    file.write_text("\n".join(rows) + "\n")
    return file


def run(broker, elasticsearch, log):
    return application.run("logs", broker, "--timeout=60", f"--elasticsearch={elasticsearch.url}",
                           "--batch=50", str(log))  # fmt: skip


def sources(elasticsearch):
    return sorted(document["source"] for document in elasticsearch.documents.values())


def expected(log):
    return sorted(f"{log}:{number}" for number in range(1, 601))


def test_every_line_is_indexed_once(broker, log):
    with BulkServer() as elasticsearch:
        summary = run(broker, elasticsearch, log)
    assert sources(elasticsearch) == expected(log)
    assert summary["retried"] == "0"
    assert "all_logs 0" in summary["in the queues"]
    levels = dict(re.findall(r"(\w+) (\d+)", summary["sent"]))
    for level, count in levels.items():
        assert f"{level}_logs {count}" in summary["in the queues"]


def test_what_elasticsearch_refuses_is_requeued_and_indexed_later(broker, log):
    """The second request fails as a whole, in the third every second document does."""

    def plan(number, ids):
        return (503 if number == 1 else None), (set(ids[::2]) if number == 2 else set())

    with BulkServer(plan) as elasticsearch:
        summary = run(broker, elasticsearch, log)
    assert sources(elasticsearch) == expected(log)
    assert int(summary["retried"]) > 0
    assert "all_logs 0" in summary["in the queues"]
