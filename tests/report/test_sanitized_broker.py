"""What a sanitizer finds in a broker fails the test that runs it."""

import pytest
from warren_process import WarrenProcess

# Listens to nobody; says what it is told to when it is stopped.
BROKER = """#!/bin/sh
trap 'echo "{last_words}" >&2; exit 0' TERM
echo "listening on grpc=127.0.0.1:1 http=127.0.0.1:2"
while :; do sleep 0.05; done
"""


@pytest.fixture
def broker(tmp_path, monkeypatch, request):
    script = tmp_path / "warren"
    script.write_text(BROKER.format(last_words=request.param))
    script.chmod(0o755)
    monkeypatch.setenv("WARREN_BINARY", str(script))
    return WarrenProcess(tmp_path / "broker").start()


@pytest.mark.parametrize("broker", [
    "==7==ERROR: LeakSanitizer: detected memory leaks",
    "==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x7",
    "server/core/queue.cc:9:7: runtime error: signed integer overflow",
    "WARNING: ThreadSanitizer: data race (pid=7)",
], indirect=True)
def test_a_finding_is_a_failure(broker):
    with pytest.raises(AssertionError, match="in the broker: "):
        broker.stop()


@pytest.mark.parametrize("broker", ["stopped"], indirect=True)
def test_a_broker_without_findings_stops_quietly(broker):
    assert broker.stop() == 0
