"""Orders: each ends exactly once although the broker is killed, and is through within 100 ms.

The application says itself whether each order ended exactly once; what must lie in dlq is worked
out here again, from which orders fail.
"""

import pytest
import warren
from application import Application, p99_ms, run

from examples import common
from examples.orders import stages, topology

FAIL_ALWAYS, FAIL_ONCE, SEED = 0.02, 0.05, 1
RATE = 167  # 10,000 a minute


def dead_letters(orders):
    """How many messages must end in dlq: one a stage and order that fails there always."""
    failures = stages.Failures(FAIL_ALWAYS, 0, SEED)
    return sum(failures.fails(s, n, 1) for s in topology.STAGES for n in range(orders))


def ended(connection):
    """How many messages are at their end; none before the application has declared its queues."""
    try:
        return sum(connection.declare_queue(queue, passive=True).message_count
                   for queue in (topology.DONE, topology.DLQ))  # fmt: skip
    except warren.NotFound:
        return 0


def wait_for(connection, application, count):
    """Returns once `count` messages or more have ended; how many."""
    common.wait_until(
        lambda: not application.running or ended(connection) >= count, 120,
        f"the end of {count} messages", pause=0.02,
    )  # fmt: skip
    assert application.running, "the run ended before the broker was killed"
    return ended(connection)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("retry", ["header", "policy"])
def test_every_order_ends_exactly_once_although_the_broker_is_killed(broker, full, report, retry):
    """Killed whenever another share of the orders has ended, and started again on its store."""
    orders, kills = (10_000, 5) if full else (1000, 2)
    application = Application(
        "orders", broker, f"--retry={retry}", f"--orders={orders}", f"--seed={SEED}",
        f"--fail-always={FAIL_ALWAYS}", f"--fail-once={FAIL_ONCE}", "--rate=400",
        f"--retry-delay={2 if full else 0.2}", "--timeout=300",
    )  # fmt: skip
    with warren.connect(broker.grpc, timeout=60) as connection:
        killed_at = []
        for kill in range(1, kills + 1):
            killed_at.append(wait_for(connection, application, 2 * orders * kill // (kills + 1)))
            broker.kill()
            broker.start()
        summary = application.summary(timeout=300)
        report({"killed after": killed_at, **summary})
        assert summary["exactly once"] == "yes"
        assert int(summary["dead-lettered"]) == dead_letters(orders) > 0
        # They are ready again once their last reader, the application, has left.
        common.wait_until(lambda: ended(connection) == dead_letters(orders), 10,
                          f"{dead_letters(orders)} messages in dlq, and no other")  # fmt: skip


@pytest.mark.timeout(600)
def test_an_order_is_through_in_time(broker, full, report):
    """From the publish of order.created to the ledger, over one queue or two."""
    summary = run(
        "orders", broker, f"--orders={10_000 if full else 500}", f"--rate={RATE}",
        f"--fail-always={FAIL_ALWAYS}", f"--fail-once={FAIL_ONCE}",
        f"--retry-delay={2 if full else 0.2}", timeout=300,
    )  # fmt: skip
    report(summary)
    assert summary["exactly once"] == "yes"
    assert p99_ms(summary["end to end, first attempt"]) < (100 if full else 1000)
