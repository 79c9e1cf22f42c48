"""Warren on each of its backends."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar, Optional

from postgres_server import PostgresServer, bin_directory
from warren_process import WarrenProcess

from .peer import LoadedPeer, Settings, Unavailable

DURABLE = ("keeping_up", "publish_only", "drain")


class Warren(LoadedPeer):
    """The broker in a process of its own."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        """Starts nothing yet."""
        super().__init__(settings, folder)
        self._broker: Optional[WarrenProcess] = None

    def storage(self) -> str:
        """The value of --storage."""
        raise NotImplementedError

    def start(self) -> None:
        """See Peer."""
        os.environ["WARREN_BINARY"] = self.program("warren")
        self._broker = WarrenProcess(self.folder, storage=self.storage())
        self._broker.start()

    def stop(self) -> None:
        """See Peer."""
        if self._broker is not None:
            self._broker.stop()

    def servers(self) -> list[int]:
        """See Peer."""
        assert self._broker is not None
        return [self._broker.pid]

    def generator(self) -> list[str]:
        """See LoadedPeer."""
        assert self._broker is not None
        return [self.program("warren-bench"), f"--address={self._broker.grpc}"]


class WarrenMemory(Warren):
    """Nothing survives."""

    name: ClassVar[str] = "warren-memory"
    cases: ClassVar[tuple[str, ...]] = ("keeping_up_transient",)

    def storage(self) -> str:
        """See Warren."""
        return "memory:"


class WarrenRocksDb(Warren):
    """The embedded store."""

    name: ClassVar[str] = "warren-rocksdb"
    cases: ClassVar[tuple[str, ...]] = DURABLE

    def storage(self) -> str:
        """See Warren."""
        return f"rocksdb:{self.folder / 'store'}"


class WarrenPostgres(Warren):
    """With a PostgreSQL on the same machine, whose cost counts."""

    name: ClassVar[str] = "warren-postgres"
    cases: ClassVar[tuple[str, ...]] = DURABLE

    def __init__(self, settings: Settings, folder: Path) -> None:
        """Starts nothing yet."""
        super().__init__(settings, folder)
        self._database: Optional[PostgresServer] = None

    def storage(self) -> str:
        """See Warren."""
        assert self._database is not None
        return self._database.create_database()

    def start(self) -> None:
        """See Peer."""
        self._database = start_postgres()
        super().start()

    def stop(self) -> None:
        """See Peer."""
        super().stop()
        if self._database is not None:
            self._database.close()

    def servers(self) -> list[int]:
        """See Peer."""
        assert self._database is not None
        return [*super().servers(), self._database.pid]


def start_postgres() -> PostgresServer:
    """One with the settings that it comes with, not those of tests."""
    if bin_directory() is None:
        raise Unavailable("PostgreSQL isn't installed: deploy/install-dependencies.sh test")
    server = PostgresServer(settings=["shared_buffers = 128MB"])
    try:
        return server.start()
    except BaseException:
        server.close()
        raise
