"""The task scheduler against a real broker; how late it is: tests/proofs."""

from application import run


def test_tasks_run_once(broker):
    summary = run("tasks", broker, "--tasks=400", "--min-delay=0.1", "--max-delay=1",
                  "--retry-delay=0.2", "--timeout=60")  # fmt: skip
    assert summary["exactly once"] == "yes"
    assert int(summary["retried"]) > int(summary["dead-lettered"]) > 0
