"""Exchanges, queues and bindings of the order application."""

from __future__ import annotations

import warren

EXCHANGE = "order_exchange"
DEAD_LETTER_EXCHANGE = "dlx"
RETRY_EXCHANGE = "retry_exchange"
RETRY_QUEUE = "retry_queue"
DLQ = "dlq"
DONE = "orders_done"

INVENTORY, PAYMENT, SHIPPING = "inventory_queue", "payment_queue", "shipping_queue"
#: Queue -> the key it is bound by, and the key its failures have in the dead-letter exchange.
STAGES = {
    INVENTORY: ("order.created", "inventory_failed"),
    PAYMENT: ("order.created", "payment_failed"),
}


def declare(connection: warren.Connection, retry: str, retries: int, delay: float) -> None:
    """Declares everything; `retry` is how failures are retried: "header" or "policy"."""
    connection.declare_exchange(EXCHANGE, "topic")
    connection.declare_exchange(DEAD_LETTER_EXCHANGE, "direct")
    connection.declare_queue(DLQ)
    connection.declare_queue(DONE)
    for queue, (key, failed) in STAGES.items():
        options: warren.QueueOptions = {
            "dead_letter_exchange": DEAD_LETTER_EXCHANGE,
            "dead_letter_routing_key": failed,
        }
        if retry == "policy":  # all that it takes
            options["retry"] = warren.RetryPolicy(
                max_attempts=retries + 1, initial_backoff=delay, multiplier=1
            )
        connection.declare_queue(queue, **options)
        connection.bind(EXCHANGE, key, queue=queue)
        connection.bind(DEAD_LETTER_EXCHANGE, failed, queue=DLQ)
    connection.declare_queue(SHIPPING)
    connection.bind(EXCHANGE, "order.paid", queue=SHIPPING)
    if retry == "header":
        declare_retry_loop(connection, delay)


def declare_retry_loop(connection: warren.Connection, delay: float) -> None:
    """The hand-made loop: messages wait in a queue without consumers until their time is up.

    The routing key in the retry exchange is the name of the queue that the message came from. It
    is kept when the message expires, and the default exchange routes by it to just that queue.
    """
    connection.declare_exchange(RETRY_EXCHANGE, "direct")
    connection.declare_queue(RETRY_QUEUE, message_ttl=delay, dead_letter_exchange="")
    for queue in STAGES:
        connection.bind(RETRY_EXCHANGE, queue, queue=RETRY_QUEUE)


def delete(connection: warren.Connection) -> None:
    """Removes everything that `declare` makes, with all messages."""
    for queue in (INVENTORY, PAYMENT, SHIPPING, RETRY_QUEUE, DLQ, DONE):
        connection.delete_queue(queue)
    for exchange in (EXCHANGE, DEAD_LETTER_EXCHANGE, RETRY_EXCHANGE):
        connection.delete_exchange(exchange)
