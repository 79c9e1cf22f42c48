"""What the torture works on: a broker, and PostgreSQL with a proxy before it if it uses that.

    with Rig("postgres", tmp_path, seed) as rig:
        rig.broker.start()
        strike(rig, accounts, load, round)
"""

from __future__ import annotations

import os
import random
import signal
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from accounts import Accounts
from plan import CUTS, Fault, Round
from postgres_proxy import Cut, PostgresProxy
from postgres_server import PostgresServer
from warren_process import WarrenProcess

if TYPE_CHECKING:
    from load import Load

TROUBLE_S = 60.0  # for the trouble to show, on a slow and busy machine
CUT = {
    Fault.CUT_BEFORE: Cut.BEFORE,
    Fault.CUT_DURING: Cut.DURING,
    Fault.CUT_AFTER: Cut.AFTER,
    Fault.CUT_LATE: Cut.LATE,
    Fault.CUT_BYTE: Cut.BYTE,
}


class Rig:
    """Not thread-safe.

    Attributes:
        broker: not started.
        server: PostgreSQL, if the storage is that; started.
        proxy: between the two.
    """

    def __init__(self, storage: str, directory: Path, seed: int) -> None:
        self._stack = ExitStack()
        self.server: Optional[PostgresServer] = None
        self.proxy: Optional[PostgresProxy] = None
        value = f"rocksdb:{directory}/store"
        if storage == "postgres":
            self.server = self._stack.enter_context(PostgresServer())
            self.server.create_database()
            self.proxy = self._stack.enter_context(
                PostgresProxy(self.server.socket, random.Random(f"{seed}/proxy"))
            )
            value = self.proxy.url("test1")
        self.broker = WarrenProcess(directory, storage=value, arguments=["--drain-timeout=5s"])

    def __enter__(self) -> Rig:
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is not None:
            print(self.broker.logs())
        self.broker.stop()
        self._stack.__exit__(*error)


def strike(rig: Rig, accounts: Accounts, load: Load, part: Round) -> None:
    """Does what the plan says; returns when broker and database are back."""
    pause(part.jitter_s)
    if part.fault in CUT:
        _cut(rig, load, part)
    elif part.fault in (Fault.DATABASE_KILL, Fault.DATABASE_IMMEDIATE):
        _end_database(rig, accounts, load, part)
    else:
        _end_broker(rig.broker, accounts, part)
    if not rig.broker.running:
        accounts.violated(f"{part}: the broker died\n{rig.broker.logs(20)}")


def pause(seconds: float) -> None:
    """Faults come at planned times."""
    threading.Event().wait(seconds)


def _cut(rig: Rig, load: Load, part: Round) -> None:
    assert rig.proxy is not None
    for number in range(CUTS):
        if number:
            load.add(part.messages // CUTS)  # something to commit
        refuse = part.refuse and part.fault is not Fault.CUT_LATE
        rig.proxy.arm(CUT[part.fault], refuse=refuse)
        assert rig.proxy.wait_cut(TROUBLE_S), f"{part}: nothing to cut came"
        pause(part.down_s)
        rig.proxy.accept()
        assert rig.proxy.wait_late(TROUBLE_S), f"{part}: the late commit hangs"


def _end_database(rig: Rig, accounts: Accounts, load: Load, part: Round) -> None:
    assert rig.server is not None
    told = load.times_held("STORAGE")
    load.add(part.messages // 2)  # something that can't be written
    if part.fault is Fault.DATABASE_KILL:
        rig.server.kill()
    else:
        rig.server.stop("immediate")
    if not load.wait_held("STORAGE", told + 1, TROUBLE_S):
        accounts.violated(f"{part}: no publisher was told that it is held, and why")
    pause(part.down_s)
    rig.server.start()


def _end_broker(broker: WarrenProcess, accounts: Accounts, part: Round) -> None:
    if part.fault is Fault.TERMINATE:
        status = broker.stop()
        accounts.stopped()
        if status != 0:
            accounts.violated(f"{part}: exit status {status}\n{broker.logs(20)}")
    else:
        if part.fault is Fault.PAUSE:
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
