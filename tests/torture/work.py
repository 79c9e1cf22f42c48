"""What all threads of the load share: how much there is to do, the accounts, their connections."""

from __future__ import annotations

import itertools
import random
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Callable, Optional

import warren
from accounts import Accounts
from judge import Order
from ledger import Message

WAIT_S = 0.2  # between two looks at whether to stop
ANSWER_S = 60.0
PADDING = b"." * 200


class Work:
    """Thread-safe."""

    def __init__(self, target: str, accounts: Accounts, seed: int) -> None:
        self.accounts = accounts
        self.seed = seed
        self.stop = threading.Event()
        self.resting = threading.Event()  # the backlog isn't consumed
        self._target = target
        self._changed = threading.Condition()
        self._quota = 0  # messages of each producer so far
        self._more: Counter[str] = Counter()  # of one producer, beside that
        self._reached: Counter[str] = Counter()  # what each has sent
        self._last_round = False
        self._held: Counter[str] = Counter()  # how often publishers were held, by reason
        self._connections: list[warren.Connection] = []

    def connect(self) -> warren.Connection:
        """A connection of one's own, so that trouble with one is no trouble with another."""
        # Channels to the same address share their sockets otherwise.
        made = warren.connect(
            self._target,
            timeout=ANSWER_S,
            channel_options=[("grpc.use_local_subchannel_pool", 1)],
        )
        self._connections.append(made)
        return made

    def close(self) -> None:
        """All connections; what is under way still isn't waited for."""
        for connection in self._connections:
            connection.timeout = WAIT_S
            connection.close()

    def dice(self, *what: object) -> random.Random:
        """The same for the same seed and names."""
        return random.Random("/".join(map(str, (self.seed, *what))))

    # --- how much -------------------------------------------------------------------------------

    def add(self, messages: int) -> None:
        """Every producer sends so many more."""
        with self._changed:
            self._quota += messages
            self._changed.notify_all()

    def top_up(self, producer: str, messages: int) -> None:
        """One producer has so many more to send, with those that it was about to."""
        with self._changed:
            self._more[producer] = max(
                self._more[producer], self._reached[producer] + messages - self._quota
            )
            self._changed.notify_all()

    def finish(self) -> None:
        """Producers end when they have sent what was added."""
        with self._changed:
            self._last_round = True
            self._changed.notify_all()

    @property
    def finishing(self) -> bool:
        """Whether there will be no more."""
        return self._last_round

    def turns(self, producer: str) -> Iterator[int]:
        """The numbers of a producer's messages; waits for each until it may be sent."""

        def granted() -> bool:
            return number <= self._quota + self._more[producer]

        for number in itertools.count(1):
            with self._changed:
                self._changed.wait_for(lambda: self._last_round or granted())
                if not granted():
                    return
                self._reached[producer] = number
            yield number

    # --- what happens ---------------------------------------------------------------------------

    def news(self) -> None:
        """Something changed that somebody may wait for."""
        with self._changed:
            self._changed.notify_all()

    def wait(self, what: Callable[[], bool], timeout: float) -> bool:
        """Whether it came true in time."""
        with self._changed:
            return self._changed.wait_for(what, timeout)

    def answered(self, id: str, confirm: warren.Confirm, repeat_of_confirmed: bool = False) -> None:
        """The callback of a confirm."""
        # Runs on the publisher's thread: enters the fact, and waits for nothing.
        error = confirm.exception(0)
        duplicate = error is None and confirm.result(0) is warren.Outcome.DUPLICATE
        self.accounts.answered(
            id, error, duplicate=duplicate, repeat_of_confirmed=repeat_of_confirmed
        )
        if self.accounts.confirmed % 16 == 0 and self._changed.acquire(blocking=False):
            self._changed.notify_all()
            self._changed.release()

    def blocked(self, why: Optional[warren.Blocked]) -> None:
        """A publisher was told that the broker takes no more, or that it does again."""
        if why is not None:
            with self._changed:
                self._held[why.reason] += 1
                self._changed.notify_all()

    def times_held(self, reason: str) -> int:
        """How often a publisher was told that the broker takes no more, for this reason."""
        with self._changed:
            return self._held[reason]

    def settle_failed(self, tag: int, error: warren.WarrenError) -> None:
        """The callback of a settlement that failed at the broker."""
        self.accounts.violated(f"delivery {tag} could not be settled: {error}")


def body(message: Message, padding: bytes = PADDING) -> bytes:
    """Begins with the message's id."""
    return message.id.encode() + b" " + padding


def id_of(delivery: warren.Delivery) -> str:
    """Which message it is."""
    return delivery.body.split(b" ", 1)[0].decode()


class StreamOrder:
    """What the accounts remember of one stream, for a consumer that goes from one to the next."""

    def __init__(self) -> None:
        self._last_tag = 0
        self._order: Order = {}

    def of(self, delivery: warren.Delivery) -> Order:
        """The memory of the delivery's stream: tags count up within one, and begin at 1 in each."""
        if delivery.delivery_tag <= self._last_tag:
            self._order = {}
        self._last_tag = delivery.delivery_tag
        return self._order
