"""Producers, consumers and a transactor that work on a broker which dies under them.

    producers (3) --> exchange "all" --> queue "work"  --> 2 workers that ack, requeue, reject
                                     |                       `--> queue "dead" --> acked
                                     `-> queue "audit" --> acked
    producer      --> queue "source" --> transactor --> queues "left" and "right" --> acked

Each thread uses the client as an application would and enters what it sees into the accounts.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
import traceback
from collections import Counter
from typing import Callable, Optional

import warren
from accounts import Accounts, Message, Settlement

QUEUES = ("work", "audit", "dead", "source", "left", "right")
FANNED_OUT = ("work", "audit")
PRODUCERS = ("p1", "p2", "p3", "feed")
DEAD_LETTERS = {"work": "dead"}
PADDING = b"." * 200

WAIT_S = 0.2  # between two looks at whether to stop
LOOK_S = 0.25  # between two looks at whether all is settled
ANSWER_S = 60.0


def declare(connection: warren.Connection) -> None:
    """The topology above."""
    connection.declare_exchange("all", "fanout", durable=True)
    for queue in QUEUES:
        options: warren.QueueOptions = {"durable": True}
        if queue in DEAD_LETTERS:
            options["dead_letter_exchange"] = ""
            options["dead_letter_routing_key"] = DEAD_LETTERS[queue]
        connection.declare_queue(queue, **options)
    for queue in FANNED_OUT:
        connection.bind("all", queue=queue)


def body(id: str) -> bytes:
    return id.encode() + b" " + PADDING


def id_of(delivery: warren.Delivery) -> str:
    return delivery.body.split(b" ", 1)[0].decode()


class StreamOrder:
    """What the accounts remember of one stream, for a consumer that goes from one to the next."""

    def __init__(self) -> None:
        self._last_tag = 0
        self._order: dict[str, int] = {}

    def of(self, delivery: warren.Delivery) -> dict[str, int]:
        """The memory of the delivery's stream: tags count up within one, and begin at 1 in each."""
        if delivery.delivery_tag <= self._last_tag:
            self._order = {}
        self._last_tag = delivery.delivery_tag
        return self._order


class Load:
    """All threads of a run. `add` gives the producers more to send; `finish` ends it."""

    def __init__(self, target: str, accounts: Accounts, seed: int) -> None:
        self._accounts = accounts
        self._seed = seed
        self._changed = threading.Condition()
        self._quota = 0  # messages of each producer so far
        self._last_round = False
        self._held: Counter[str] = Counter()  # how often publishers were held, by reason
        self._stop = threading.Event()
        self._connection = warren.connect(target, timeout=ANSWER_S)
        declare(self._connection)
        self._producers = [self._thread(self._produce, name) for name in PRODUCERS]
        self._consumers = [
            self._thread(self._consume, "work", 1, 64),
            self._thread(self._consume, "work", 2, 200),
            *(
                self._thread(self._consume, queue, 1, 300)
                for queue in ("audit", "dead", "left", "right")
            ),
            self._thread(self._transact),
        ]
        for thread in (*self._producers, *self._consumers):
            thread.start()

    def add(self, messages: int) -> None:
        """Every producer sends so many more."""
        with self._changed:
            self._quota += messages
            self._changed.notify_all()

    def wait(self, confirmed: int, delivered: int, timeout: float) -> bool:
        """Whether so many confirms and deliveries, of all rounds, came in time."""
        accounts = self._accounts
        with self._changed:
            return self._changed.wait_for(
                lambda: accounts.confirmed >= confirmed and accounts.delivered >= delivered,
                timeout,
            )

    def times_held(self, reason: str) -> int:
        """How often a publisher was told that the broker takes no more, for this reason."""
        with self._changed:
            return self._held[reason]

    def wait_held(self, reason: str, times: int, timeout: float) -> bool:
        """Whether publishers are told so as often as that, all rounds counted."""
        with self._changed:
            return self._changed.wait_for(lambda: self._held[reason] >= times, timeout)

    def finish(self, settled: Callable[[], bool], timeout: float) -> None:
        """Has everything confirmed, consumed and settled; then all threads end.

        Gives up when nothing happens for `timeout` seconds.
        """
        with self._changed:
            self._last_round = True
            self._changed.notify_all()
        for thread in self._producers:
            thread.join(timeout)
        # Looking costs time that the consumers need: seldom, and in vain only while nothing moves.
        ends, seen = time.monotonic() + timeout, -1
        while any(t.is_alive() for t in self._producers) or not settled():
            if self._accounts.delivered != seen:
                ends, seen = time.monotonic() + timeout, self._accounts.delivered
            if time.monotonic() > ends:
                self._accounts.violated(f"nothing came for {timeout:g} s, and not all is settled")
                break
            self._stop.wait(LOOK_S)
        self._stop.set()
        for thread in self._consumers:
            thread.join(ANSWER_S)
            if thread.is_alive():
                self._accounts.violated(f"{thread.name} hangs")
        self._connection.close()

    def _thread(self, run: Callable[..., None], *arguments: object) -> threading.Thread:
        def guarded() -> None:
            try:
                run(*arguments)
            except Exception:
                self._accounts.violated(f"{name} failed:\n{traceback.format_exc()}")

        name = "-".join([run.__name__.strip("_"), *map(str, arguments)])
        return threading.Thread(target=guarded, name=name, daemon=True)

    def _news(self) -> None:
        with self._changed:
            self._changed.notify_all()

    # --- producers ------------------------------------------------------------------------------

    def _produce(self, name: str) -> None:
        feed = name == "feed"
        exchange, key, targets = ("", "source", ("source",)) if feed else ("all", "", FANNED_OUT)
        dice = random.Random(f"{self._seed}/{name}")
        publisher = self._connection.publisher(
            producer_id=name,
            max_unconfirmed=100 if feed else dice.choice([50, 200, 1000]),
            on_blocked=self._blocked,
        )
        for number in itertools.count(1):
            with self._changed:
                self._changed.wait_for(lambda n=number: self._last_round or n <= self._quota)
                if number > self._quota:
                    break
            persistent = feed or dice.random() > 0.1
            message = Message(f"{name}-{number}", name, number, persistent, targets)
            self._accounts.sending(message)
            confirm = publisher.publish(exchange, key, body(message.id), persistent=persistent)
            confirm.add_done_callback(lambda c, id=message.id: self._confirmed(id, c))
        publisher.close(timeout=ANSWER_S)

    def _confirmed(self, id: str, confirm: warren.Confirm) -> None:
        # Runs under the publisher's lock: enters the fact, and waits for nothing.
        self._accounts.answered(id, confirm.exception(0))
        if self._accounts.confirmed % 16 == 0 and self._changed.acquire(blocking=False):
            self._changed.notify_all()
            self._changed.release()

    def _blocked(self, why: Optional[warren.Blocked]) -> None:
        if why is not None:
            with self._changed:
                self._held[why.reason] += 1
                self._changed.notify_all()

    # --- consumers ------------------------------------------------------------------------------

    def _consume(self, queue: str, which: int, prefetch: int) -> None:
        order = StreamOrder()
        with self._connection.consume(
            queue, prefetch=prefetch, on_settle_error=self._settle_failed
        ) as consumer:
            while not self._stop.is_set():
                batch = consumer.get_batch(50, WAIT_S)
                settlements = [self._settle(queue, d, order.of(d)) for d in batch]
                if batch and self._flush(consumer, batch):
                    self._accounts.settled(filter(None, settlements))
                    self._news()

    def _settle(
        self, queue: str, delivery: warren.Delivery, order: dict[str, int]
    ) -> Optional[Settlement]:
        id = id_of(delivery)
        before = self._accounts.received(queue, id, delivery.redelivered, order)
        outcome = "ack"
        if queue == "work":
            draw = random.Random(f"{self._seed}/{id}/{before}").random()
            if draw < 0.05 and before < 3:
                outcome = "requeue"
            elif draw > 0.95:
                outcome = "reject"
        settlement = self._accounts.settling(queue, id, outcome)
        if getattr(delivery, outcome)():
            return settlement
        self._accounts.not_settled(queue, id, settlement)
        return None

    def _flush(self, consumer: warren.Consumer, batch: list[warren.Delivery]) -> bool:
        try:
            consumer.flush(ANSWER_S)
        except warren.Unavailable:
            return False  # the stream was lost; what of it was durable shows later
        # If the consumer has another stream by now, the answer is about that one.
        return not any(delivery.stale for delivery in batch)

    def _settle_failed(self, tag: int, error: warren.WarrenError) -> None:
        self._accounts.violated(f"delivery {tag} could not be settled: {error}")

    # --- transactions ---------------------------------------------------------------------------

    def _transact(self) -> None:
        dice = random.Random(f"{self._seed}/transactions")
        order = StreamOrder()
        with self._connection.consume(
            "source", prefetch=50, on_settle_error=self._settle_failed
        ) as consumer:
            for number in itertools.count(1):
                batch = consumer.get_batch(dice.randint(1, 10), WAIT_S)
                if self._stop.is_set():
                    return
                for d in batch:
                    self._accounts.received("source", id_of(d), d.redelivered, order.of(d))
                if batch and dice.random() < 0.05:
                    for d in batch:  # rolled back
                        d.requeue()
                elif batch:
                    self._commit(number, batch)
                    self._news()

    def _commit(self, number: int, batch: list[warren.Delivery]) -> None:
        messages = [
            Message(f"t{number}-{side}-{i}", "", number * 100 + i, True, (side,))
            for i in range(1, len(batch) + 1)
            for side in ("left", "right")
        ]
        outcome = "committed"
        transaction = self._accounts.beginning(map(id_of, batch), messages)
        try:
            with self._connection.transaction(timeout=ANSWER_S) as tx:
                for message in messages:
                    tx.publish("", message.targets[0], body(message.id))
                tx.ack(*batch)
        except warren.StaleDelivery:
            outcome = "refused"
        except warren.OutcomeUnknown:
            outcome = "unknown"
        self._accounts.ended(transaction, outcome, "source")
