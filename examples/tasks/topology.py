"""Exchanges, queues and bindings of the task scheduler."""

from __future__ import annotations

import warren

EXCHANGE = "task_exchange"
HIGH, NORMAL = "high_priority_tasks", "normal_priority_tasks"
DELAY_EXCHANGE, DELAY_QUEUE = "delay_exchange", "delay_tasks"
RESULT_EXCHANGE, COMPLETED, RESULTS = "result_exchange", "task_completed", "task_results"
DEAD_LETTER_EXCHANGE, FAILED, DLQ = "task_dlx", "task_failed", "task_dlq"


def declare(connection: warren.Connection, retries: int, delay: float) -> None:
    """Declares everything."""
    connection.declare_exchange(EXCHANGE, "direct")
    connection.declare_exchange(DEAD_LETTER_EXCHANGE, "direct")
    connection.declare_queue(DLQ)
    connection.bind(DEAD_LETTER_EXCHANGE, FAILED, queue=DLQ)
    for queue, key, priorities in ((HIGH, "high", 10), (NORMAL, "normal", 5)):
        connection.declare_queue(
            queue,
            max_priority=priorities,
            dead_letter_exchange=DEAD_LETTER_EXCHANGE,
            dead_letter_routing_key=FAILED,
            retry=warren.RetryPolicy(max_attempts=retries + 1, initial_backoff=delay, multiplier=1),
        )
        connection.bind(EXCHANGE, key, queue=queue)
    # Nobody consumes it: tasks leave when their own expiration is over.
    connection.declare_exchange(DELAY_EXCHANGE, "direct")
    connection.declare_queue(
        DELAY_QUEUE, dead_letter_exchange=EXCHANGE, dead_letter_routing_key="normal"
    )
    connection.bind(DELAY_EXCHANGE, "delay", queue=DELAY_QUEUE)
    connection.declare_exchange(RESULT_EXCHANGE, "direct")
    connection.declare_queue(RESULTS)
    connection.bind(RESULT_EXCHANGE, COMPLETED, queue=RESULTS)


def delete(connection: warren.Connection) -> None:
    """Removes everything that `declare` makes, with all messages."""
    for queue in (HIGH, NORMAL, DELAY_QUEUE, RESULTS, DLQ):
        connection.delete_queue(queue)
    for exchange in (EXCHANGE, DELAY_EXCHANGE, RESULT_EXCHANGE, DEAD_LETTER_EXCHANGE):
        connection.delete_exchange(exchange)
