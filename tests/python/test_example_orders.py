"""The order application against a real broker, in a short form."""

import re
import subprocess
import sys
import threading

import pytest
from warren_process import ROOT


def command(broker, name, *arguments):
    return [sys.executable, "-m", f"examples.{name}", f"--broker={broker.grpc}", *arguments]


def run(broker, *arguments, timeout=100):
    done = subprocess.run(
        command(broker, "orders", *arguments), cwd=ROOT, capture_output=True, text=True,
        check=False, timeout=timeout,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(re.findall(r"^  (\S.*?)  +(\S.*)$", done.stdout, re.MULTILINE))


OPTIONS = ("--orders=400", "--retry-delay=0.2", "--fail-always=0.03", "--fail-once=0.1",
           "--timeout=60")  # fmt: skip


@pytest.mark.parametrize("retry", ["header", "policy"])
def test_every_order_ends_exactly_once(broker, retry):
    summary = run(broker, f"--retry={retry}", *OPTIONS)
    assert summary["exactly once"] == "yes"
    dead = int(summary["dead-lettered"])
    assert dead > 0
    # Three retries of what is dead-lettered, one of what fails once; a redelivery may add some.
    assert int(summary["retried"]) > 3 * dead
    # What lies in dlq waits there for a person; the next run minds only its own.
    assert run(broker, f"--retry={retry}", *OPTIONS)["exactly once"] == "yes"


@pytest.mark.parametrize("retry", ["header", "policy"])
def test_every_order_ends_exactly_once_although_the_broker_dies(broker, retry):
    arguments = (f"--retry={retry}", *OPTIONS, "--rate=100")
    result = {}
    thread = threading.Thread(target=lambda: result.update(run(broker, *arguments)))
    thread.start()
    for _ in range(2):
        thread.join(1.5)
        assert thread.is_alive(), "the run ended before the broker was killed"
        broker.kill()
        broker.start()
    thread.join(100)
    assert result["exactly once"] == "yes"


def test_changing_the_kind_of_retry_takes_a_reset(broker):
    few = ("--orders=10", "--retry-delay=0.1")
    run(broker, "--retry=header", *few)
    done = subprocess.run(
        command(broker, "orders", "--retry=policy", *few), cwd=ROOT, capture_output=True,
        text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode != 0 and "retry" in done.stderr
    assert run(broker, "--retry=policy", "--reset", *few)["exactly once"] == "yes"
