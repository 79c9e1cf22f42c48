"""A broker that dies again and again under load keeps its promises; accounts.py lists them.

    ROUNDS=20 SEED=7 pytest tests/torture/test_crash.py -s
    make torture ROUNDS=100 MINUTES=10

The seed fixes the plan: who sends what, which faults come after how many confirms and deliveries,
what consumers do with which message. It is printed with the result.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import urllib.request

import plan
import pytest
import warren
from accounts import Accounts, report
from load import DEAD_LETTERS, PRODUCERS, QUEUES, Load
from warren_process import WarrenProcess

DEFAULT_ROUNDS = 3
PROGRESS_S = 60.0  # for one round's confirms, on a slow and busy machine


@pytest.mark.timeout(150 + 90 * int(os.environ.get("ROUNDS", DEFAULT_ROUNDS)))
def test_nothing_confirmed_is_lost_and_nothing_settled_comes_back(broker: WarrenProcess) -> None:
    seed = plan.seed()
    again = f"SEED={seed} ROUNDS={os.environ.get('ROUNDS', DEFAULT_ROUNDS)} make torture"
    print(f"seed {seed}; again: {again}")
    accounts = Accounts(DEAD_LETTERS)
    load = Load(broker.grpc, accounts, seed)

    for part in plan.rounds(random.Random(seed), len(PRODUCERS), DEFAULT_ROUNDS):
        print(part, flush=True)
        confirmed = accounts.confirmed + part.after_confirms
        delivered = accounts.delivered + part.after_deliveries
        load.add(part.messages)
        if not load.wait(confirmed, delivered, PROGRESS_S):
            accounts.violated(f"{part}: too little progress within {PROGRESS_S:g} s")
        strike(broker, accounts, part)
        print(f"  {accounts.summary()}", flush=True)
        if accounts.violations:
            break

    load.finish(lambda: all_empty(broker) and not accounts.owed(), PROGRESS_S)
    violations = accounts.balance()
    violations += left_after_a_last_crash(broker)
    print(accounts.summary())
    assert not violations, f"{report(violations)}\nagain: {again}"


def strike(broker: WarrenProcess, accounts: Accounts, part: plan.Round) -> None:
    """Does to the broker what the plan says; returns when it is back."""
    pause = threading.Event().wait  # faults come at planned times
    pause(part.jitter_s)
    if part.fault == plan.Fault.TERMINATE:
        status = broker.stop()
        accounts.stopped()
        if status != 0:
            accounts.violated(f"{part}: exit status {status}\n{broker.logs(20)}")
    else:
        if part.fault == plan.Fault.PAUSE:
            os.kill(broker.pid, signal.SIGSTOP)
            pause(part.down_s)
            os.kill(broker.pid, signal.SIGCONT)
            pause(part.jitter_s)
        broker.kill()
        accounts.crashed()
    pause(part.down_s)
    broker.start()
    if part.fault == plan.Fault.KILL_TWICE:
        pause(part.jitter_s * 5)
        broker.kill()
        accounts.crashed()
        broker.start()


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
