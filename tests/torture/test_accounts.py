"""The torture's judge finds what it is there to find, and excuses what it must."""

from __future__ import annotations

import time

import pytest
from accounts import Accounts, report
from ledger import Kind, Message, Terms

TERMS = {
    "work": Terms(dead_letters="dead"),
    "capped": Terms(dead_letters="dead", dies_unrejected=True),
    "lossy": Terms(drops=True),
    "tight": Terms(refuses=True),
    "told": Terms(auto_ack=True),
    "late": Terms(ordered=False),
}


@pytest.fixture
def accounts() -> Accounts:
    return Accounts(TERMS)


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


def consumed(accounts: Accounts, queue: str, id: str, outcome: str = "ack") -> None:
    accounts.received(queue, id, False, {})
    settle(accounts, queue, id, outcome)


def found(accounts: Accounts, kind: Kind, text: str) -> bool:
    """Whether this, and no other kind of violation, is in the balance."""
    violations = accounts.balance()
    return set(accounts.kinds) == {kind} and any(text in violation for violation in violations)


# --- lost -----------------------------------------------------------------------------------------


def test_a_message_that_was_sent_confirmed_and_acknowledged_is_in_order(accounts: Accounts) -> None:
    consumed(accounts, "work", sent(accounts))
    assert accounts.balance() == []


def test_a_confirmed_message_that_never_comes_is_lost(accounts: Accounts) -> None:
    sent(accounts)
    assert accounts.balance() == ["lost: p-1 in work (never delivered)"]


def test_a_message_that_reaches_one_of_its_queues_only_is_lost(accounts: Accounts) -> None:
    consumed(accounts, "work", sent(accounts, targets=("work", "late")))
    assert found(accounts, Kind.LOST, "in late")


def test_a_message_that_is_delivered_and_settled_by_nobody_is_lost(accounts: Accounts) -> None:
    accounts.received("work", sent(accounts), False, {})
    assert found(accounts, Kind.LOST, "in work (delivered)")


def test_a_transient_message_may_end_with_the_broker(accounts: Accounts) -> None:
    sent(accounts, persistent=False)
    accounts.crashed()
    assert accounts.balance() == []


def test_a_transient_message_is_lost_if_the_broker_never_ended(accounts: Accounts) -> None:
    accounts.crashed()
    sent(accounts, persistent=False)
    assert found(accounts, Kind.LOST, "in work")


def test_a_rejected_message_that_is_no_dead_letter_is_lost(accounts: Accounts) -> None:
    id = sent(accounts)
    accounts.received("work", id, False, {})
    settle(accounts, "work", id, "reject", answered=False)
    accounts.crashed()
    assert found(accounts, Kind.LOST, "p-1 in work (delivered, reject)")


def test_a_queue_that_drops_owes_nothing_and_one_that_dead_letters_does(accounts: Accounts) -> None:
    sent(accounts, 1, targets=("lossy",))
    assert accounts.owed() == []
    consumed_elsewhere = sent(accounts, 2, targets=("capped",))
    consumed(accounts, "dead", consumed_elsewhere)
    assert accounts.owed() == []
    sent(accounts, 3, targets=("capped",))
    assert found(accounts, Kind.LOST, "p-3 in capped")


def test_what_is_settled_by_being_sent_may_be_lost_with_its_connection(accounts: Accounts) -> None:
    sent(accounts, 1, targets=("told",))
    with accounts.breaking():
        assert accounts.owed() == []
    assert accounts.owed() == []
    sent(accounts, 2, targets=("told",))
    assert found(accounts, Kind.LOST, "p-2 in told")


def test_what_a_lost_stream_settled_takes_nothing_from_what_another_did(accounts: Accounts) -> None:
    id = sent(accounts)
    consumed(accounts, "work", id)
    late = accounts.settling("work", id, "requeue")  # of a delivery that had waited in its client
    accounts.not_settled("work", id, late)
    assert accounts.balance() == []


# --- came back, doubled ---------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["ack", "reject"])
def test_what_was_settled_and_answered_must_not_come_back(accounts: Accounts, outcome: str) -> None:
    id = sent(accounts)
    consumed(accounts, "work", id, outcome)
    accounts.received("work", id, True, {})
    assert f"after its {outcome} was answered" in accounts.violations[0]
    assert accounts.kinds == {Kind.RETURNED: 1}


def test_what_was_settled_without_an_answer_may_come_back(accounts: Accounts) -> None:
    id = sent(accounts)
    accounts.received("work", id, False, {})
    settle(accounts, "work", id, "ack", answered=False)
    accounts.received("work", id, True, {})
    assert accounts.balance() == []


def test_what_was_settled_by_being_sent_comes_back_by_another_stream_only(
    accounts: Accounts,
) -> None:
    id = sent(accounts, targets=("told",))
    accounts.received("told", id, False, {})
    stream: dict[tuple[str, int], int] = {}
    accounts.received("told", id, True, stream)
    assert accounts.violations == []
    accounts.received("told", id, True, stream)
    assert found(accounts, Kind.RETURNED, "again by the stream that settled it")


def test_a_repeat_needs_the_flag(accounts: Accounts) -> None:
    id = sent(accounts)
    accounts.received("work", id, False, {})
    accounts.crashed()
    accounts.received("work", id, True, {})
    accounts.received("work", id, False, {})
    settle(accounts, "work", id, "ack")
    assert found(accounts, Kind.UNFLAGGED, "again without the flag")


def test_a_crash_excuses_no_repeat_of_what_was_unconfirmed(accounts: Accounts) -> None:
    id = sent(accounts, confirmed=False)
    accounts.received("work", id, False, {})
    accounts.crashed()
    accounts.received("work", id, True, {})
    accounts.received("work", id, False, {})
    assert accounts.kinds == {Kind.UNFLAGGED: 1}


def test_a_crash_excuses_one_repeat_of_what_is_published_twice(accounts: Accounts) -> None:
    id = sent(accounts, confirmed=False)
    accounts.received("work", id, False, {})
    accounts.sending_again(id)
    accounts.crashed()
    accounts.received("work", id, False, {})
    accounts.answered(id, None)
    assert accounts.violations == []
    accounts.received("work", id, False, {})
    assert accounts.kinds == {Kind.UNFLAGGED: 1}


def test_a_crash_excuses_no_repeat_of_what_was_confirmed(accounts: Accounts) -> None:
    id = sent(accounts)
    accounts.received("work", id, False, {})
    accounts.crashed()
    accounts.received("work", id, False, {})
    assert accounts.kinds == {Kind.UNFLAGGED: 1}


def test_a_crash_excuses_one_repeat_of_a_dead_letter(accounts: Accounts) -> None:
    id = sent(accounts)
    accounts.received("work", id, False, {})
    settle(accounts, "work", id, "reject", answered=False)
    accounts.received("dead", id, False, {})
    accounts.crashed()
    accounts.received("dead", id, False, {})
    assert accounts.violations == []
    accounts.received("dead", id, False, {})
    assert accounts.kinds == {Kind.UNFLAGGED: 1}


def test_what_waited_in_a_client_while_its_stream_was_lost_is_no_news(accounts: Accounts) -> None:
    id = sent(accounts)
    accounts.received("work", id, True, {})
    settle(accounts, "work", id, "ack")
    accounts.received("work", id, False, {}, alive=lambda: False)
    assert accounts.balance() == []


# --- reordered ------------------------------------------------------------------------------------


def test_order_counts_within_a_stream_and_for_new_messages_alone(accounts: Accounts) -> None:
    first, second = sent(accounts, 1), sent(accounts, 2)
    stream: dict[tuple[str, int], int] = {}
    accounts.received("work", second, False, stream)
    accounts.received("work", first, True, stream)
    assert accounts.violations == []
    accounts.received("work", sent(accounts, 3), False, stream)
    accounts.received("work", sent(accounts, 1, id="p-1b"), False, stream)
    assert "after number 3 of its producer" in accounts.violations[0]
    assert accounts.kinds == {Kind.REORDERED: 1}


def test_order_counts_within_a_priority_and_not_where_time_decides(accounts: Accounts) -> None:
    stream: dict[tuple[str, int], int] = {}
    accounts.received("work", sent(accounts, 2), False, stream)
    accounts.received("work", sent(accounts, 1, priority=3), False, stream)
    accounts.received("late", sent(accounts, 4, targets=("late",)), False, stream)
    accounts.received("late", sent(accounts, 3, targets=("late",)), False, stream)
    assert accounts.violations == []


# --- unexpected, early, dead without cause --------------------------------------------------------


def test_what_nobody_sent_is_found(accounts: Accounts) -> None:
    accounts.received("work", "ghost", False, {})
    assert found(accounts, Kind.UNEXPECTED, "work delivered ghost, which nobody sent")


def test_what_was_not_for_that_queue_is_found(accounts: Accounts) -> None:
    id = sent(accounts)
    consumed(accounts, "work", id)
    accounts.received("late", id, False, {})
    assert found(accounts, Kind.UNEXPECTED, "and it was for work")


def test_what_was_refused_must_not_come(accounts: Accounts) -> None:
    id = sent(accounts, targets=("tight",), confirmed=False)
    accounts.answered(id, RuntimeError("full"))
    assert accounts.violations == []
    accounts.received("tight", id, False, {})
    assert found(accounts, Kind.UNEXPECTED, "although it was refused")


def test_what_a_crash_took_may_be_refused_when_it_is_sent_again(accounts: Accounts) -> None:
    id = sent(accounts, targets=("tight",), confirmed=False)
    accounts.crashed()
    accounts.answered(id, RuntimeError("full"))
    accounts.received("tight", id, False, {})  # before the crash, and waited in its client
    assert accounts.balance() == []


def test_what_comes_before_it_is_due_is_found(accounts: Accounts) -> None:
    id = sent(accounts, targets=("late",), due=time.time() + 60)
    consumed(accounts, "late", id)
    assert found(accounts, Kind.EARLY, "before it was due")


def test_a_dead_letter_that_nobody_rejected_is_found(accounts: Accounts) -> None:
    id = sent(accounts)
    consumed(accounts, "work", id)
    accounts.received("dead", id, False, {})
    assert found(accounts, Kind.UNREJECTED, "which nobody rejected")


def test_a_dead_letter_of_what_was_acknowledged_is_found(accounts: Accounts) -> None:
    id = sent(accounts, targets=("capped",))
    consumed(accounts, "capped", id)
    accounts.received("dead", id, False, {})
    assert found(accounts, Kind.UNREJECTED, "which nobody rejected")


# --- answers --------------------------------------------------------------------------------------


def test_a_message_without_an_answer_is_found(accounts: Accounts) -> None:
    sent(accounts, confirmed=False)
    assert found(accounts, Kind.UNANSWERED, "p-1 was never answered")


def test_a_message_with_two_answers_is_found(accounts: Accounts) -> None:
    id = sent(accounts)
    consumed(accounts, "work", id)
    with accounts.breaking():
        accounts.answered(id, None, duplicate=True)
    assert found(accounts, Kind.UNANSWERED, "p-1 was answered more often than sent")


def test_a_refusal_by_what_refuses_nothing_is_found(accounts: Accounts) -> None:
    id = sent(accounts, confirmed=False)
    accounts.answered(id, RuntimeError("no"))
    assert found(accounts, Kind.REFUSED, "p-1: no")


def test_a_repeated_id_must_be_called_a_duplicate(accounts: Accounts) -> None:
    id = sent(accounts)
    consumed(accounts, "work", id)
    assert accounts.sending_again(id)
    accounts.answered(id, None, duplicate=True, repeat_of_confirmed=True)
    assert accounts.violations == []
    assert accounts.sending_again(id)
    accounts.answered(id, None, repeat_of_confirmed=True)
    assert found(accounts, Kind.DEDUPLICATION, "p-1 was accepted again")


def test_of_two_at_once_one_is_accepted(accounts: Accounts) -> None:
    id = sent(accounts, confirmed=False)
    consumed(accounts, "work", id)
    assert not accounts.sending_again(id)
    accounts.answered(id, None, duplicate=True)
    accounts.answered(id, None)
    assert accounts.violations == []
    accounts.sending_again(id)
    accounts.answered(id, None)
    assert found(accounts, Kind.DEDUPLICATION, "p-1 was accepted again")


def test_a_first_attempt_is_a_duplicate_only_over_a_break(accounts: Accounts) -> None:
    over_a_break = sent(accounts, 1, confirmed=False)
    with accounts.breaking():
        pass
    accounts.answered(over_a_break, None, duplicate=True)
    consumed(accounts, "work", over_a_break)
    assert accounts.violations == []
    id = sent(accounts, 2, confirmed=False)
    accounts.answered(id, None, duplicate=True)
    consumed(accounts, "work", id)
    assert found(accounts, Kind.DEDUPLICATION, "p-2 is called a duplicate and is the first")


def test_a_confirmed_sequence_must_be_known(accounts: Accounts) -> None:
    accounts.reopened("p", known=9, confirmed=9)
    accounts.reopened("p", known=9, confirmed=8)
    assert accounts.violations == []
    accounts.reopened("p", known=8, confirmed=9)
    assert found(accounts, Kind.DEDUPLICATION, "p is told 8 for its last sequence, 9 was confirmed")


def test_what_a_caller_judges_is_in_the_balance(accounts: Accounts) -> None:
    accounts.violated("the broker died")
    assert found(accounts, Kind.TROUBLE, "the broker died")
    assert "1 trouble" in accounts.summary()


# --- transactions ---------------------------------------------------------------------------------


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
        consumed(accounts, side, f"t-{side}")
    violations = accounts.balance()
    assert bool(violations) == bool(violation)
    assert violation is None or any(violation in what for what in violations)
    torn = violation is not None and "refused" not in violation
    assert (Kind.TORN in accounts.kinds) == torn


def test_a_delivery_settled_by_two_transactions_is_found(accounts: Accounts) -> None:
    for number in (1, 2):
        message = Message(f"t{number}", "", 1, True, ("left",))
        transaction = accounts.beginning(["s"], [message])
        consumed(accounts, "left", message.id)
        accounts.ended(transaction, "unknown", "source")
    assert accounts.balance() == ["torn transaction: s was consumed by 2 transactions"]


def test_what_a_transaction_settled_must_not_come_back(accounts: Accounts) -> None:
    id = sent(accounts)
    accounts.received("work", id, False, {})
    message = Message("t", "", 1, True, ("left",))
    accounts.ended(accounts.beginning([id], [message]), "committed", "work")
    consumed(accounts, "left", message.id)
    accounts.received("work", id, True, {})
    assert found(accounts, Kind.RETURNED, "after its ack was answered")


def test_a_report_is_short() -> None:
    assert report([str(number) for number in range(30)]).endswith("19\n... and 10 more")
