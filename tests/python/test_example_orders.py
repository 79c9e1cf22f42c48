"""The order application against a real broker; the broker's crashes: tests/proofs."""

import pytest
from application import Application, run

OPTIONS = ("--orders=400", "--retry-delay=0.2", "--fail-always=0.03", "--fail-once=0.1",
           "--timeout=60")  # fmt: skip


@pytest.mark.parametrize("retry", ["header", "policy"])
def test_every_order_ends_exactly_once(broker, retry):
    summary = run("orders", broker, f"--retry={retry}", *OPTIONS)
    assert summary["exactly once"] == "yes"
    dead = int(summary["dead-lettered"])
    assert dead > 0
    # Three retries of what is dead-lettered, one of what fails once; a redelivery may add some.
    assert int(summary["retried"]) > 3 * dead
    # What lies in dlq waits there for a person; the next run minds only its own.
    assert run("orders", broker, f"--retry={retry}", *OPTIONS)["exactly once"] == "yes"


def test_changing_the_kind_of_retry_takes_a_reset(broker):
    few = ("--orders=10", "--retry-delay=0.1", "--timeout=60")
    run("orders", broker, "--retry=header", *few)
    other = Application("orders", broker, "--retry=policy", *few)
    assert other.wait(60) != 0
    assert "retry" in other.output
    assert run("orders", broker, "--retry=policy", "--reset", *few)["exactly once"] == "yes"
