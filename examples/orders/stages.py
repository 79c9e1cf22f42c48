"""What the workers do with an order: inventory, payment, shipping."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from typing import Any

import warren

from examples.common import Handler
from examples.orders import topology


@dataclass(frozen=True)
class Failures:
    """Which orders fail in which stage: the same ones for the same seed.

    Attributes:
        always: share of orders (0 to 1) that fail whenever a stage tries them.
        once: share of orders that fail at the first attempt only.
        seed: which ones.
    """

    always: float
    once: float
    seed: int

    def fails(self, stage: str, number: int, attempt: int) -> bool:
        """Whether attempt `attempt` (from 0) of a stage at order `number` fails."""
        drawn = random.Random(f"{self.seed}:{stage}:{number}").random()
        return drawn < self.always or (attempt == 0 and drawn < self.always + self.once)


def outcome(order: dict[str, Any], leg: str, attempts: int) -> str:
    """An entry of the ledger in orders_done."""
    entry = {"run": order["run"], "number": order["number"], "leg": leg, "retries": attempts}
    return json.dumps({**entry, "seconds": time.time() - order["created"]})


def stage(queue: str, retry: str, retries: int, delay: float, failures: Failures) -> Handler:
    """The worker of inventory_queue or payment_queue."""

    def attempt_of(delivery: warren.Delivery) -> int:
        if retry == "policy":
            return delivery.delivery_count
        count = delivery.headers.get("x-retry-count", 0)
        return count if isinstance(count, int) else 0

    def fail(tx: warren.Transaction, delivery: warren.Delivery, attempt: int) -> str:
        if retry == "policy":
            tx.retry(delivery)  # the queue's policy knows the pause, and when to give up
            return "retried" if attempt < retries else "dead-lettered"
        if attempt < retries:
            tx.publish(
                topology.RETRY_EXCHANGE,
                queue,
                delivery.body,
                headers={**delivery.headers, "x-retry-count": attempt + 1},
                expiration=delay,
                message_id=delivery.message_id,
                content_type=delivery.content_type,
            )
            tx.ack(delivery)
            return "retried"
        tx.reject(delivery)
        return "dead-lettered"

    def handle(tx: warren.Transaction, delivery: warren.Delivery) -> str:
        order = json.loads(delivery.body)
        attempt = attempt_of(delivery)
        if failures.fails(queue, order["number"], attempt):
            return fail(tx, delivery, attempt)
        if queue == topology.PAYMENT:
            paid = json.dumps({**order, "retries": attempt})
            tx.publish(
                topology.EXCHANGE, "order.paid", paid, message_id=f"{delivery.message_id}/paid"
            )
        else:
            tx.publish("", topology.DONE, outcome(order, "inventory", attempt))
        tx.ack(delivery)
        return queue

    return handle


def ship(tx: warren.Transaction, delivery: warren.Delivery) -> str:
    """The worker of shipping_queue."""
    order = json.loads(delivery.body)
    tx.publish("", topology.DONE, outcome(order, "shipping", order["retries"]))
    tx.ack(delivery)
    return topology.SHIPPING
