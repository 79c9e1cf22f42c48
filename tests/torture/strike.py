"""How each fault of the plan is done, and what must be seen of it.

    strike(rig, accounts, load, round)

The accounts are told of a crash while nobody serves, so that what comes from the next broker is
judged by what was pending then.
"""

from __future__ import annotations

import os
import signal
import threading
import time

from accounts import Accounts
from load import Load
from plan import CUTS, Fault, Round
from postgres_proxy import Cut
from rig import Rig

TROUBLE_S = 60.0  # for the trouble to show, and to be over, on a slow and busy machine
LONG = 4  # times what the plan says, for faults that end nothing
CLIENT_LAG_S = 0.01  # for each read
DATABASE_LAG_S = 0.02  # for each message or so
AT_ONCE = 50  # messages
A_LOT = 500  # messages, of what is large

CUT = {
    Fault.CUT_BEFORE: Cut.BEFORE,
    Fault.CUT_DURING: Cut.DURING,
    Fault.CUT_AFTER: Cut.AFTER,
    Fault.CUT_LATE: Cut.LATE,
    Fault.CUT_BYTE: Cut.BYTE,
}
DISK = {
    Fault.STORE_FULL: ("store", "STORAGE"),
    Fault.WAL_FULL: ("wal", "STORAGE"),
    Fault.SPILL_FULL: ("spill", "MEMORY"),
}


def strike(rig: Rig, accounts: Accounts, load: Load, part: Round) -> None:
    """Does what the plan says; returns when all that stands by or serves does again."""
    pause(part.jitter_s)
    fault = part.fault
    if fault in CUT:
        _cut(rig, load, part)
    elif fault in DISK:
        _fill(rig, accounts, load, part)
    elif fault in (Fault.DATABASE_KILL, Fault.DATABASE_IMMEDIATE):
        _end_database(rig, accounts, load, part)
    elif fault in (Fault.FAIL_OVER_KILL, Fault.FAIL_OVER_TERMINATE, Fault.FAIL_OVER_PAUSE):
        _fail_over(rig, accounts, part)
    elif fault in (Fault.CLIENTS_CUT, Fault.CLIENTS_CUT_SOME):
        _cut_clients(rig, accounts, part)
    elif fault in (Fault.PAUSE, Fault.CLIENTS_STALL, Fault.CLIENTS_SLOW, Fault.DATABASE_SLOW):
        _hinder(rig, part)
    else:
        _end_broker(rig, accounts, part)
    if not rig.broker.running:
        accounts.violated(f"{part}: the broker died\n{rig.broker.logs(20)}")


def pause(seconds: float) -> None:
    """Faults come at planned times."""
    threading.Event().wait(seconds)


def _cut(rig: Rig, load: Load, part: Round) -> None:
    assert rig.proxy is not None
    for number in range(CUTS):
        if number:
            load.work.add(part.messages // CUTS)  # something to commit
        refuse = part.refuse and part.fault is not Fault.CUT_LATE
        rig.proxy.arm(CUT[part.fault], refuse=refuse)
        assert rig.proxy.wait_cut(TROUBLE_S), f"{part}: nothing to cut came"
        pause(part.down_s)
        rig.proxy.accept()
        assert rig.proxy.wait_late(TROUBLE_S), f"{part}: the late commit hangs"


def _cut_clients(rig: Rig, accounts: Accounts, part: Round) -> None:
    every = 1 if part.fault is Fault.CLIENTS_CUT else 2
    for _ in range(CUTS):
        with accounts.breaking():
            rig.clients.cut(every)
        pause(part.down_s)


def _hinder(rig: Rig, part: Round) -> None:
    """What slows all down and ends nothing."""
    seconds = part.down_s * LONG
    if part.fault is Fault.PAUSE:
        os.kill(rig.broker.pid, signal.SIGSTOP)
        pause(seconds)
        os.kill(rig.broker.pid, signal.SIGCONT)
    elif part.fault is Fault.CLIENTS_STALL:
        with rig.clients.stalled(2):
            pause(seconds)
    elif part.fault is Fault.CLIENTS_SLOW:
        with rig.clients.slowed(CLIENT_LAG_S, 2):
            pause(seconds)
    else:
        assert rig.proxy is not None
        with rig.proxy.slowed(DATABASE_LAG_S):
            pause(seconds)


def _fill(rig: Rig, accounts: Accounts, load: Load, part: Round) -> None:
    disk, reason = DISK[part.fault]
    told = load.work.times_held(reason)
    deadline = time.monotonic() + TROUBLE_S
    if disk == "spill":
        load.work.resting.set()  # else consumers make room
    rig.disks[disk].fill()
    load.work.top_up("bulk", A_LOT)
    while not load.wait_held(reason, told + 1, 0.1):
        rig.disks[disk].fill()
        load.work.top_up("bulk", A_LOT)
        if time.monotonic() > deadline:
            accounts.violated(f"{part}: no publisher was told that it is held, and why")
            break
    pause(part.down_s)
    confirmed, delivered = accounts.confirmed, accounts.delivered
    rig.disks[disk].free()
    load.work.add(AT_ONCE)
    deadline = time.monotonic() + TROUBLE_S
    while not load.wait(confirmed + 2 * AT_ONCE, delivered, 0.1):
        rig.revive()
        if time.monotonic() > deadline:
            accounts.violated(f"{part}: there is room again, and it does not go on")
            break
    rig.look()
    if disk == "spill" and not rig.spilled:
        accounts.violated(f"{part}: nothing was paged out")
    load.work.resting.clear()


def _end_database(rig: Rig, accounts: Accounts, load: Load, part: Round) -> None:
    assert rig.server is not None
    told = load.work.times_held("STORAGE")
    load.work.add(part.messages // 2)  # something that can't be written
    if part.fault is Fault.DATABASE_KILL:
        rig.server.kill()
    else:
        rig.server.stop("immediate")
    if not load.wait_held("STORAGE", told + 1, TROUBLE_S):
        accounts.violated(f"{part}: no publisher was told that it is held, and why")
    pause(part.down_s)
    rig.server.start()


def _fail_over(rig: Rig, accounts: Accounts, part: Round) -> None:
    old, new = rig.broker, rig.other
    assert new is not None
    new.stand_by(TROUBLE_S)
    with rig.clients.held():
        if part.fault is Fault.FAIL_OVER_TERMINATE:
            status = old.stop()
            accounts.stopped()
            if status != 0:
                accounts.violated(f"{part}: exit status {status}\n{old.logs(20)}")
        elif part.fault is Fault.FAIL_OVER_KILL:
            old.kill()
            accounts.crashed()
        else:
            os.kill(old.pid, signal.SIGSTOP)
            taken = new.wait_ready(TROUBLE_S)
            os.kill(old.pid, signal.SIGCONT)
            if not taken or old.wait_ended(TROUBLE_S) in (0, None):
                accounts.violated(f"{part}: the old one goes on\n{old.logs(20)}")
            accounts.crashed()
        if not new.wait_ready(TROUBLE_S):
            accounts.violated(f"{part}: nobody took over\n{new.logs(20)}")
        rig.fail_over()


def _end_broker(rig: Rig, accounts: Accounts, part: Round) -> None:
    broker = rig.broker
    if part.fault is Fault.TERMINATE:
        status = broker.stop()
        accounts.stopped()
        if status != 0:
            accounts.violated(f"{part}: exit status {status}\n{broker.logs(20)}")
    else:
        if part.fault is Fault.PAUSE_KILL:
            os.kill(broker.pid, signal.SIGSTOP)
            pause(part.down_s)
            os.kill(broker.pid, signal.SIGCONT)
            pause(part.jitter_s)
        broker.kill()
        accounts.crashed()
    pause(part.down_s)
    broker.start()
    if part.fault is Fault.KILL_TWICE:
        pause(part.jitter_s * 5)
        broker.kill()
        accounts.crashed()
        broker.start()
