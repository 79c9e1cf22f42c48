"""The producers of the load: each a thread with one way to publish."""

from __future__ import annotations

import random
import time
from typing import Any, Callable

import warren
from ledger import Message
from topology import FANNED_OUT, PRIORITIES
from work import ANSWER_S, PADDING, Work, body

LARGE = (8_000, 24_000)  # bytes of a message that is to leave memory
LONGEST_DELAY_S = 2.0
LARGEST_BATCH = 20
OPEN_FOR = 10  # messages

Facts = dict[str, Any]  # of a Message
Options = dict[str, Any]  # of publish
Making = Callable[[random.Random], tuple[Facts, Options]]


def plain(dice: random.Random) -> tuple[Facts, Options]:
    """One in ten is transient."""
    return {"persistent": dice.random() > 0.1}, {}


def persistent(_: random.Random) -> tuple[Facts, Options]:
    return {}, {}


def urgent(dice: random.Random) -> tuple[Facts, Options]:
    priority = dice.randint(0, PRIORITIES)
    return {"priority": priority}, {"priority": priority}


def late(dice: random.Random) -> tuple[Facts, Options]:
    delay = dice.uniform(0, LONGEST_DELAY_S)
    return {"due": time.time() + delay}, {"delay": delay}


def large(dice: random.Random) -> tuple[Facts, Options]:
    return {"persistent": dice.random() > 0.5}, {"padding": bytes(dice.randint(*LARGE))}


#: Name: exchange, routing key, queues that get it, how a message is made.
PIPELINED: dict[str, tuple[str, str, tuple[str, ...], Making]] = {
    "p1": ("all", "", FANNED_OUT, plain),
    "p2": ("all", "", FANNED_OUT, plain),
    "unnamed": ("all", "", FANNED_OUT, plain),
    "feed": ("", "source", ("source",), persistent),
    "bulk": ("", "backlog", ("backlog",), large),
    "urgent": ("", "urgent", ("urgent",), urgent),
    "late": ("", "late", ("late",), late),
    "tries": ("", "tries", ("tries",), persistent),
    "tight": ("", "tight", ("tight",), persistent),
}
WINDOWS = (50, 200, 1000)  # unconfirmed messages


def pipeline(work: Work, name: str) -> None:
    """A publisher that goes on before it has its confirms."""
    exchange, key, targets, make = PIPELINED[name]
    dice = work.dice(name)
    publisher = work.connect().publisher(
        producer_id=None if name == "unnamed" else name,
        max_unconfirmed=dice.choice(WINDOWS),
        on_blocked=work.blocked,
    )
    for number in work.turns(name):
        facts, options = make(dice)
        message = Message(
            f"{name}-{number}", name, number, facts.pop("persistent", True), targets, **facts
        )
        content = body(message, options.pop("padding", PADDING))
        work.accounts.sending(message)
        confirm = publisher.publish(
            exchange, key, content, persistent=message.persistent, **options
        )
        confirm.add_done_callback(lambda c, id=message.id: work.answered(id, c))
    close(publisher)


def batches(work: Work) -> None:
    """Unary calls, each with several messages."""
    connection = work.connect()
    dice = work.dice("batches")
    batch: list[Message] = []
    size = 1
    for number in work.turns("batches"):
        batch.append(Message(f"batched-{number}", "batched", number, True, ("leased",)))
        if len(batch) >= size:
            send_batch(work, connection, batch)
            batch, size = [], dice.randint(1, LARGEST_BATCH)
    send_batch(work, connection, batch)


def send_batch(work: Work, connection: warren.Connection, batch: list[Message]) -> None:
    for message in batch:
        work.accounts.sending(message)
    results = connection.publish_batch(
        [warren.Publication("", "leased", body(message)) for message in batch]
    )
    for message, result in zip(batch, results):
        duplicate = result.outcome is warren.Outcome.DUPLICATE
        work.accounts.answered(message.id, result.error, duplicate=duplicate)
    work.news()


def twins(work: Work) -> None:
    """Two publishers that send the same message ids, at once or after the confirm."""
    dice = work.dice("twins")
    pair = [
        work.connect().publisher(producer_id=name, on_blocked=work.blocked)
        for name in ("twin-a", "twin-b")
    ]
    for number in work.turns("twins"):
        message = Message(f"twin-{number}", "twins", number, True, ("once",))
        work.accounts.sending(message)
        first = send_twin(work, dice.choice(pair), message, False)
        draw = dice.random()
        if draw < 0.4:
            if draw < 0.03:
                first.exception(ANSWER_S)
            repeat = work.accounts.sending_again(message.id)
            send_twin(work, dice.choice(pair), message, repeat)
    for publisher in pair:
        close(publisher)


def send_twin(
    work: Work, publisher: warren.Publisher, message: Message, repeat: bool
) -> warren.Confirm:
    confirm = publisher.publish("", "once", body(message), message_id=message.id)
    confirm.add_done_callback(lambda c: work.answered(message.id, c, repeat))
    return confirm


def reopen(work: Work) -> None:
    """A producer that ends and comes again, under its name."""
    connection = work.connect()
    confirms: list[warren.Confirm] = []
    publisher = None
    for number in work.turns("reopened"):
        if publisher is None:
            publisher = connection.publisher(producer_id="reopened", on_blocked=work.blocked)
            work.accounts.reopened(
                "reopened", publisher.last_sequence, confirms[-1].sequence if confirms else 0
            )
            confirms = []
        message = Message(f"reopened-{number}", "reopened", number, True, ("reopened",))
        work.accounts.sending(message)
        confirms.append(publisher.publish("", "reopened", body(message)))
        confirms[-1].add_done_callback(lambda c, id=message.id: work.answered(id, c))
        if len(confirms) >= OPEN_FOR:
            close(publisher)
            publisher = None
    if publisher is not None:
        close(publisher)


def close(publisher: warren.Publisher) -> None:
    """After all confirms; that some are rejected is in the accounts already."""
    try:
        publisher.close(timeout=ANSWER_S)
    except (warren.ResourceExhausted, warren.PreconditionFailed):
        pass  # the queue was full, and when asked again: it was refused before
