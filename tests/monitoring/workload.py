"""Load of every kind, so that each panel of the dashboards has something to show."""

from __future__ import annotations

import threading
import time
from typing import Optional

import warren


class Workload:
    """Publishes and consumes in threads of its own while its `with` block runs.

    An error of one of them comes up at the end of the block.
    """

    def __init__(
        self, address: str, pause_s: float = 0.01, tls: Optional[warren.Tls] = None
    ) -> None:
        self._address = address
        self._tls = tls
        self._pause_s = pause_s  # between rounds, so that the machine has other things to do, too
        self._stop = threading.Event()
        self._error: Optional[BaseException] = None
        self._threads = [
            threading.Thread(target=self._run, args=(work,), daemon=True)
            for work in (self._publish, self._transact, self._consume, self._get)
        ]

    @staticmethod
    def declare(connection: warren.Connection) -> None:
        """What it works with."""
        connection.declare_queue("dead", durable=True)
        to_dead = {"dead_letter_exchange": "", "dead_letter_routing_key": "dead"}
        connection.declare_queue("orders", durable=True, delivery_limit=3, **to_dead)
        connection.declare_queue("events", durable=False)
        connection.declare_queue("expiring", durable=True, message_ttl=0.05, **to_dead)
        connection.declare_queue("short", durable=True, max_length=1, overflow="reject_publish")
        connection.declare_queue("dropping", durable=True, max_length=5, overflow="drop_head")
        connection.declare_queue("nobody", durable=True)

    def _publish(self, connection: warren.Connection) -> None:
        with connection.publisher() as publisher:
            round_ = 0
            while not self._stop.wait(self._pause_s):
                round_ += 1
                for _ in range(8):
                    publisher.publish("", "orders", b"x" * 500)
                    publisher.publish("", "events", b"y" * 100, persistent=False)
                publisher.publish("", "orders", b"later", delay=0.2)
                publisher.publish("", "expiring", b"stale")
                publisher.publish("", "nowhere", b"lost")
                publisher.publish("", "nowhere", b"returned", mandatory=True)
                publisher.publish("", "dropping", b"the oldest goes")
                if round_ % 20 == 1:
                    publisher.publish("", "nobody", b"waits")
                if round_ % 10 == 0:
                    publisher.flush(30)

    def _transact(self, connection: warren.Connection) -> None:
        """Transactions, of which a few fail: their queue is full."""
        round_ = 0
        while not self._stop.wait(self._pause_s * 5):
            round_ += 1
            if round_ % 20 != 0:
                with connection.transaction() as transaction:
                    transaction.publish("", "events", b"by a transaction", persistent=False)
                continue
            try:
                with connection.transaction() as transaction:
                    transaction.publish("", "short", b"full")
            except warren.ResourceExhausted:
                pass

    def _consume(self, connection: warren.Connection) -> None:
        with connection.consume("orders", prefetch=50) as orders, connection.consume(
            "events", auto_ack=True
        ) as events:
            count = 0
            while not self._stop.is_set():
                for delivery in orders.get_batch(20, timeout=0.1):
                    count += 1
                    if count % 10 == 1:
                        delivery.requeue()
                    elif count % 25 == 2:
                        delivery.reject()
                    elif count % 25 == 3:
                        delivery.retry(delay=0.1)
                    else:
                        delivery.ack()
                events.get_batch(50, timeout=0.01)

    def _get(self, connection: warren.Connection) -> None:
        while not self._stop.wait(self._pause_s * 5):
            connection.ack(*connection.get("dead", max_messages=20, lease=30))

    def _run(self, work) -> None:  # type: ignore[no-untyped-def]
        try:
            with warren.connect(self._address, timeout=30, tls=self._tls) as connection:
                work(connection)
        except BaseException as error:  # told by __exit__
            self._error = self._error or error

    def __enter__(self) -> Workload:
        with warren.connect(self._address, timeout=30, tls=self._tls) as connection:
            self.declare(connection)
        for thread in self._threads:
            thread.start()
        self.began = time.time()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self._error is not None:
            raise self._error
