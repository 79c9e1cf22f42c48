"""A broker that dies under load, or whose database does, keeps its promises; see accounts.py.

    ROUNDS=20 SEED=7 pytest tests/torture/test_crash.py -s
    make torture ROUNDS=100 MINUTES=10 STORAGE=postgres FAULT=cut-during,cut-late

The seed fixes the plan: who sends what, which faults come after how many confirms and deliveries,
what consumers do with which message. It is printed with the result.
"""

from __future__ import annotations

import random
import urllib.request
from pathlib import Path

import plan
import pytest
import storages
import warren
from accounts import Accounts, report
from load import DEAD_LETTERS, PRODUCERS, QUEUES, Load
from rig import Rig, strike
from warren_process import WarrenProcess

PROGRESS_S = 60.0  # for one round's confirms, on a slow and busy machine


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    stores = storages.chosen(metafunc.config.getoption("--storage"), storages.DURABLE)
    metafunc.parametrize(("storage_name", "faults"), plan.cases(stores))


@pytest.mark.timeout(150 + 120 * plan.round_count())
def test_nothing_confirmed_is_lost_and_nothing_settled_comes_back(
    tmp_path: Path, storage_name: str, faults: str
) -> None:
    if reason := storages.why_not(storage_name):
        pytest.skip(reason)
    seed = plan.seed()
    again = (
        f"make torture STORAGE={storage_name} FAULT={faults} SEED={seed}"
        f" ROUNDS={plan.round_count()}"
    )
    print(f"seed {seed}; again: {again}")
    with Rig(storage_name, tmp_path / "broker", seed) as rig:
        broker = rig.broker.start()
        accounts = Accounts(DEAD_LETTERS)
        load = Load(broker.grpc, accounts, seed)
        for part in plan.rounds(random.Random(seed), len(PRODUCERS), faults):
            print(part, flush=True)
            confirmed = accounts.confirmed + part.after_confirms
            delivered = accounts.delivered + part.after_deliveries
            load.add(part.messages)
            if not load.wait(confirmed, delivered, PROGRESS_S):
                accounts.violated(f"{part}: too little progress within {PROGRESS_S:g} s")
            strike(rig, accounts, load, part)
            print(f"  {accounts.summary()}", flush=True)
            if accounts.violations:
                break

        load.finish(lambda: all_empty(broker) and not accounts.owed(), PROGRESS_S)
        violations = accounts.balance()
        violations += left_after_a_last_crash(broker)
        print(accounts.summary())
        assert not violations, f"{report(violations)}\nagain: {again}"


def all_empty(broker: WarrenProcess) -> bool:
    """Whether no queue has a message, ready or unsettled."""
    with urllib.request.urlopen(f"http://{broker.http}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = [line for line in text.splitlines() if line.startswith("warren_queue_messages{")]
    assert len(found) == 3, f"ready, unsettled and delayed expected: {found}"
    return all(float(line.rsplit(" ", 1)[1]) == 0 for line in found)


def left_after_a_last_crash(broker: WarrenProcess) -> list[str]:
    """All was settled; what is there after one more crash came back."""
    broker.kill()
    broker.start()
    with warren.connect(broker.grpc, timeout=PROGRESS_S) as connection:
        counts = {q: connection.declare_queue(q, passive=True).message_count for q in QUEUES}
    return [
        f"{queue} has {count} messages again after a crash, all of which were settled"
        for queue, count in counts.items()
        if count
    ]
