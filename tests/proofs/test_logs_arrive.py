"""Logs: a million entries an hour, all of them in the sink, each within a second."""

import pytest
from application import p99_ms, run
from bulk_server import BulkServer

pytest.importorskip("elasticsearch")

RATE = 280  # 1,000,000 an hour

# Lines as dpkg writes them, of all three levels; read over and over.
LINES = """\
2024-06-24 14:36:25 startup archives unpack
2024-06-24 14:36:25 install libfoo:amd64 <none> 1.2-3
2024-06-24 14:36:25 status half-installed libfoo:amd64 1.2-3
2024-06-24 14:36:26 status unpacked libfoo:amd64 1.2-3
2024-06-24 14:36:26 status installed libfoo:amd64 1.2-3
"""


@pytest.mark.timeout(300)
def test_every_entry_is_in_the_sink_within_a_second(broker, full, report, tmp_path):
    entries = RATE * (60 if full else 5)
    log = tmp_path / "dpkg.log"
    log.write_text(LINES)
    with BulkServer() as elasticsearch:
        summary = run(
            "logs", broker, f"--elasticsearch={elasticsearch.url}", f"--limit={entries}",
            f"--rate={RATE}", "--timeout=120", str(log), timeout=200,
        )  # fmt: skip
    report({**summary, "bulk requests": elasticsearch.requests})
    # A document's id is RUN-NUMBER.
    numbers = sorted(int(key.rpartition("-")[2]) for _, key in elasticsearch.documents)
    assert numbers == list(range(entries))
    assert p99_ms(summary["published to indexed"]) < 1000
