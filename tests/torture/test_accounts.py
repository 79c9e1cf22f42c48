"""The torture's judge finds what it is there to find."""

from __future__ import annotations

import pytest
from accounts import Accounts, Message


@pytest.fixture
def accounts() -> Accounts:
    return Accounts({"work": "dead"})


def sent(accounts: Accounts, number: int = 1, *, confirmed: bool = True, **facts: object) -> str:
    message = Message(f"p-{number}", "p", number, True, ("work",))
    for name, value in facts.items():
        setattr(message, name, value)
    accounts.sending(message)
    if confirmed:
        accounts.answered(message.id, None)
    return message.id


def settle(accounts: Accounts, queue: str, id: str, outcome: str, answered: bool = True) -> None:
    settlement = accounts.settling(queue, id, outcome)
    if answered:
        accounts.settled([settlement])


def test_a_message_that_was_sent_confirmed_and_acknowledged_is_in_order(accounts: Accounts) -> None:
    id = sent(accounts)
    accounts.received("work", id, False, {})
    settle(accounts, "work", id, "ack")
    assert accounts.balance() == []


def test_a_confirmed_message_that_never_comes_is_lost(accounts: Accounts) -> None:
    sent(accounts)
    assert accounts.balance() == ["lost: p-1 in work (never delivered)"]


def test_a_transient_message_may_end_with_the_broker(accounts: Accounts) -> None:
    sent(accounts, persistent=False)
    accounts.crashed()
    assert accounts.balance() == []


def test_a_rejected_message_that_is_no_dead_letter_is_lost(accounts: Accounts) -> None:
    id = sent(accounts)
    accounts.received("work", id, False, {})
    settle(accounts, "work", id, "reject", answered=False)
    accounts.crashed()
    assert accounts.balance() == ["lost: p-1 in work (never delivered)"]


def test_what_was_settled_and_answered_must_not_come_back(accounts: Accounts) -> None:
    id = sent(accounts)
    accounts.received("work", id, False, {})
    settle(accounts, "work", id, "ack")
    accounts.received("work", id, True, {})
    assert "after its ack was answered" in accounts.balance()[0]


def test_a_repeat_needs_the_flag(accounts: Accounts) -> None:
    id = sent(accounts)
    accounts.received("work", id, False, {})
    accounts.crashed()
    accounts.received("work", id, True, {})
    accounts.received("work", id, False, {})
    settle(accounts, "work", id, "ack")
    assert [v.split(") ")[-1] for v in accounts.balance()] == ["again without the flag"]


def test_a_crash_excuses_one_repeat_of_what_was_unconfirmed(accounts: Accounts) -> None:
    id = sent(accounts, confirmed=False)
    accounts.received("work", id, False, {})
    accounts.crashed()
    accounts.received("work", id, False, {})
    accounts.answered(id, None)
    assert accounts.violations == []
    accounts.received("work", id, False, {})
    assert len(accounts.violations) == 1


def test_order_counts_within_a_stream_and_for_new_messages_alone(accounts: Accounts) -> None:
    first, second = sent(accounts, 1), sent(accounts, 2)
    stream: dict[str, int] = {}
    accounts.received("work", second, False, stream)
    accounts.received("work", first, True, stream)
    assert accounts.violations == []
    accounts.received("work", sent(accounts, 3), False, stream)
    third = sent(accounts, 1, id="p-1b")
    accounts.received("work", third, False, stream)
    assert "after number 3 of its producer" in accounts.violations[0]


def test_what_nobody_sent_is_found(accounts: Accounts) -> None:
    accounts.received("work", "ghost", False, {})
    assert accounts.violations == ["work delivered ghost, which nobody sent"]


def test_a_message_without_an_answer_is_found(accounts: Accounts) -> None:
    sent(accounts, confirmed=False)
    assert accounts.balance() == ["p-1 was never answered"]


@pytest.mark.parametrize(
    ("outcome", "arrived", "violation"),
    [
        ("committed", ("left", "right"), None),
        ("committed", (), "is nowhere"),
        ("committed", ("left",), "only [('left'"),
        ("unknown", (), None),
        ("unknown", ("left", "right"), None),
        ("unknown", ("right",), "only [('right'"),
        ("refused", ("left", "right"), "although it was refused"),
    ],
)
def test_a_transaction_is_whole_or_absent(
    accounts: Accounts, outcome: str, arrived: tuple[str, ...], violation: str | None
) -> None:
    messages = [Message(f"t-{side}", "", 1, True, (side,)) for side in ("left", "right")]
    transaction = accounts.beginning([], messages)
    accounts.ended(transaction, outcome, "source")
    for side in arrived:
        accounts.received(side, f"t-{side}", False, {})
        settle(accounts, side, f"t-{side}", "ack")
    found = accounts.balance()
    assert bool(found) == bool(violation)
    assert violation is None or any(violation in what for what in found)


def test_a_delivery_settled_by_two_transactions_is_found(accounts: Accounts) -> None:
    for number in (1, 2):
        message = Message(f"t{number}", "", 1, True, ("left",))
        transaction = accounts.beginning(["s"], [message])
        accounts.received("left", message.id, False, {})
        settle(accounts, "left", message.id, "ack")
        accounts.ended(transaction, "unknown", "source")
    assert accounts.balance() == ["s was consumed by 2 transactions that took effect"]
