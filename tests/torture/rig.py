"""What the torture works on: brokers and their store, with proxies before both, and small disks.

    with Rig("postgres", tmp_path, seed, small_disks=True) as rig:
        rig.broker.start()
        load = Load(rig.clients.address, ...)
"""

from __future__ import annotations

import os
import random
from contextlib import ExitStack
from pathlib import Path
from typing import Optional

from postgres_proxy import PostgresProxy
from postgres_server import PostgresServer
from small_disk import CannotMount, SmallDisk
from tcp_proxy import TcpProxy
from warren_process import WarrenProcess

STORE_MIB = 256
WAL_MIB = 160
SPILL_MIB = 512
WAL = ["max_wal_size = 48MB", "min_wal_size = 32MB"]
# The disks are to be found full by the store itself.
ARGUMENTS = ["--drain-timeout=5s", "--lease=2s", "--memory-limit=8MiB", "--disk-free-limit=0"]


def can_mount() -> str:
    """Why there are no small disks here; "" if there are."""
    try:
        with SmallDisk(1):
            return ""
    except CannotMount as why:
        return str(why)


class Rig:
    """Not thread-safe.

    Attributes:
        broker: the one that serves; not started.
        other: one with the same store that can stand by, if the store allows it; not started.
        clients: before whichever broker serves.
        server: PostgreSQL, if the storage is that; started.
        proxy: between the brokers and it.
        disks: the small ones, by what is on them: "store", "wal", "spill".
    """

    def __init__(self, storage: str, directory: Path, seed: int, *, small_disks: bool) -> None:
        self._stack = ExitStack()
        self.server: Optional[PostgresServer] = None
        self.proxy: Optional[PostgresProxy] = None
        self.other: Optional[WarrenProcess] = None
        self.disks: dict[str, SmallDisk] = {}
        self.spilled = 0  # bytes, the most that was seen
        self._spill = directory / "spill"
        self._spill.mkdir(parents=True)
        if small_disks:
            for name, mib in (("store", STORE_MIB), ("wal", WAL_MIB), ("spill", SPILL_MIB)):
                self.disks[name] = self._stack.enter_context(SmallDisk(mib))
            self._spill = self.disks["spill"].path
        if storage == "postgres":
            self._start_database(seed)
        else:
            below = self.disks["store"].path if small_disks else directory
            self._storage = f"rocksdb:{below}/store"
        self.broker = self._broker(directory / "first")
        if self.proxy is not None:
            self.other = self._broker(directory / "second")
        self.clients = self._stack.enter_context(TcpProxy(lambda: self.broker.grpc))

    def fail_over(self) -> None:
        """The other one serves now."""
        assert self.other is not None
        self.broker, self.other = self.other, self.broker

    def revive(self) -> None:
        """Starts the database again if it ended by itself."""
        if self.server is not None and not self.server.running:
            self.server.start()

    def look(self) -> None:
        """How much is paged out: what is in files without names."""
        spilled = 0
        for fd in Path(f"/proc/{self.broker.pid}/fd").iterdir():
            try:
                if os.readlink(fd).startswith(f"{self._spill}/"):
                    spilled += fd.stat().st_blocks * 512
            except OSError:
                continue  # closed meanwhile
        self.spilled = max(self.spilled, spilled)

    def __enter__(self) -> Rig:
        return self

    def __exit__(self, *error: object) -> None:
        for broker in filter(None, (self.broker, self.other)):
            if error[0] is not None:
                print(broker.logs())
            broker.stop()
        self._stack.__exit__(*error)

    def _start_database(self, seed: int) -> None:
        small = bool(self.disks)
        self.server = self._stack.enter_context(
            PostgresServer(
                data_in=self.disks["store"].path if small else None,
                wal_in=self.disks["wal"].path if small else None,
                # A log that is used again and again never needs room.
                settings=[*WAL, "wal_recycle = off"] if small else WAL,
            )
        )
        self.server.create_database()
        self.proxy = self._stack.enter_context(
            PostgresProxy(self.server.socket, random.Random(f"{seed}/proxy"))
        )
        self._storage = self.proxy.url("test1")

    def _broker(self, directory: Path) -> WarrenProcess:
        arguments = [*ARGUMENTS, f"--spill-dir={self._spill}"]
        return WarrenProcess(directory, storage=self._storage, arguments=arguments)
