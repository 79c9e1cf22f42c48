"""A broker keeps its promises (accounts.py) under load (load.py), whatever befalls it (plan.py).

    ROUNDS=20 SEED=7 pytest tests/torture/test_torture.py -s
    make torture MINUTES=10
    make torture ROUNDS=100 STORAGE=postgres FAULT=cut-during,cut-late

The seed fixes the plan: who sends what, which faults come after how many confirms and deliveries,
what consumers do with which message. It is printed with the result.
"""

from __future__ import annotations

import random
import re
import time
import urllib.request
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import plan
import pytest
import rig as rigs
import storages
import warren
from accounts import Accounts, report
from load import LOOK_S, PRODUCERS, Load
from rig import Rig
from strike import pause, strike
from topology import QUEUES, TERMS
from warren_process import WarrenProcess

PROGRESS_S = 60.0  # for one round's confirms, on a slow and busy machine
MOST_LEFT = 4000  # messages ready when a round begins


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    stores = storages.chosen(metafunc.config.getoption("--storage"), storages.DURABLE)
    metafunc.parametrize(
        ("storage_name", "faults"),
        [
            pytest.param(storage, group, marks=pytest.mark.timeout(plan.longest_s(storage, group)))
            for storage, group in plan.cases(stores)
        ],
    )


def test_nothing_confirmed_is_lost_and_nothing_settled_comes_back(
    tmp_path: Path, storage_name: str, faults: str
) -> None:
    if reason := storages.why_not(storage_name):
        pytest.skip(reason)
    no_disks = rigs.can_mount()
    weights = plan.faults(storage_name, faults, small_disks=not no_disks)
    if not weights:
        pytest.skip(no_disks)
    if weights.keys() != plan.faults(storage_name, faults).keys():
        print(f"no full disks: {no_disks}")
    seed = plan.seed()
    again = f"make torture STORAGE={storage_name} FAULT={faults} SEED={seed}"
    print(f"\n{storage_name}, {faults}: seed {seed}; again: {again}")
    small_disks = bool(plan.SMALL_DISKS & weights.keys())
    struck: Counter[str] = Counter()
    with ExitStack() as stack:
        directory = tmp_path / "broker"
        rig = stack.enter_context(Rig(storage_name, directory, seed, small_disks=small_disks))
        rig.broker.start()
        accounts = Accounts(TERMS)
        load = stack.enter_context(Load(rig.clients.address, accounts, seed))
        planned = plan.rounds(random.Random(seed), PRODUCERS, weights)
        for part in plan.in_time(planned, plan.round_count(storage_name, faults)):
            print(part, flush=True)
            if not few_left(rig.broker):
                accounts.violated(f"{part}: consumers don't catch up within {PROGRESS_S:g} s")
            confirmed = accounts.confirmed + part.after_confirms
            delivered = accounts.delivered + part.after_deliveries
            load.work.add(part.messages)
            if not load.wait(confirmed, delivered, PROGRESS_S):
                accounts.violated(f"{part}: too little progress within {PROGRESS_S:g} s")
            rig.look()
            strike(rig, accounts, load, part)
            struck[part.fault.label] += 1
            print(f"  {accounts.summary()}", flush=True)
            if accounts.violations:
                break

        load.finish(lambda: all_empty(rig.broker) and not accounts.owed(), PROGRESS_S)
        violations = accounts.balance()
        violations += left_after_a_last_crash(rig.broker)
        faults_done = ", ".join(f"{n} {label}" for label, n in sorted(struck.items()))
        print(f"{storage_name}, {faults}: {struck.total()} rounds ({faults_done})")
        print(f"{accounts.summary()}; {rig.spilled >> 10} KiB paged out at most")
        assert not violations, (
            f"{report(violations)}\nagain: {again} ROUNDS={struck.total()}"
        )


def messages(broker: WarrenProcess) -> dict[str, int]:
    """How many are in the queues, by their state."""
    with urllib.request.urlopen(f"http://{broker.http}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = re.findall(r'^warren_queue_messages{state="(\w+)"} (\S+)$', text, re.MULTILINE)
    assert len(found) == 3, f"ready, unsettled and delayed expected: {found}"
    return {state: int(float(count)) for state, count in found}


def all_empty(broker: WarrenProcess) -> bool:
    """Whether no queue has a message."""
    return not any(messages(broker).values())


def few_left(broker: WarrenProcess) -> bool:
    """Waits until consumers have caught up so far that a long run doesn't drown."""
    deadline = time.monotonic() + PROGRESS_S
    while messages(broker)["ready"] > MOST_LEFT:
        if time.monotonic() > deadline:
            return False
        pause(LOOK_S)
    return True


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
