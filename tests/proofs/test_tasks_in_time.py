"""Tasks: delayed in two ways, each done once and hardly late; the urgent ones first."""

import random

import pytest
import warren
from application import p99_ms, run

from examples.tasks import topology

DELAYED = ("delay_tasks", "native delay")  # by expiration and dead-lettering, and by itself


@pytest.mark.timeout(600)
def test_delayed_tasks_are_done_once_and_in_time(broker, full, report):
    """A quarter of the tasks each is delayed in either way, the rest goes at once."""
    tasks, longest_s, late_ms = (8000, 20, 50) if full else (800, 2, 1000)
    summary = run(
        "tasks", broker, f"--tasks={tasks}", "--rate=400", "--min-delay=0.1",
        f"--max-delay={longest_s}", f"--retry-delay={2 if full else 0.2}", timeout=300,
    )  # fmt: skip
    report(summary)
    assert summary["exactly once"] == "yes"
    for kind in DELAYED:
        assert p99_ms(summary[f"lateness, {kind}"]) < late_ms, kind


@pytest.mark.parametrize("key, queue, top", [("high", topology.HIGH, 10),
                                             ("normal", topology.NORMAL, 5)])  # fmt: skip
def test_urgent_tasks_come_first(broker, full, report, key, queue, top):
    """Priorities above the queue's own highest count as that; equal ones stay in order."""
    tasks, seed = (2000 if full else 200), 1
    rng = random.Random(seed)
    priorities = [rng.randint(0, top + 2) for _ in range(tasks)]
    done = []
    with warren.connect(broker.grpc) as connection:
        topology.declare(connection, retries=3, delay=60)
        results = connection.publish_batch(
            [warren.Publication(topology.EXCHANGE, key, str(number), priority=priority)
             for number, priority in enumerate(priorities)]
        )  # fmt: skip
        assert {result.outcome for result in results} == {warren.Outcome.ACCEPTED}
        with connection.consume(queue, prefetch=1) as consumer:
            while len(done) < tasks and (delivery := consumer.get(10)) is not None:
                done.append(int(delivery.body))
                delivery.ack()
    report({"tasks": tasks, "seed": seed})
    assert done == sorted(range(tasks), key=lambda number: (-min(priorities[number], top), number))
