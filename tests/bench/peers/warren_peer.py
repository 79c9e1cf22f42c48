"""Warren on each of its backends."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Optional
from urllib.parse import urlsplit

from postgres_server import PostgresServer, bin_directory
from warren_process import WarrenProcess

from .peer import LoadedPeer, Settings, Unavailable

PUBLISH = Path(__file__).resolve().parents[1] / "cases" / "publish_by_warren.py"


class Warren(LoadedPeer):
    """The broker in a process of its own."""

    durable: ClassVar[bool] = True

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
        return [self.broker]

    def version(self) -> str:
        """See Peer."""
        done = subprocess.run(
            [self.program("warren"), "--version"], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    @property
    def broker(self) -> int:
        """Its process, without a database's."""
        assert self._broker is not None
        return self._broker.pid

    @property
    def address(self) -> str:
        """Of its API."""
        assert self._broker is not None
        return self._broker.grpc

    def generator(self) -> list[str]:
        """See LoadedPeer."""
        return [self.program("warren-bench"), f"--address={self.address}"]

    def python_publisher(self) -> list[str]:
        """See LoadedPeer."""
        return [sys.executable, str(PUBLISH), self.address]


@dataclass(frozen=True)
class Database:
    """Of a PostgreSQL server."""

    name: str
    url: str


class WarrenMemory(Warren):
    """Nothing survives."""

    name: ClassVar[str] = "warren-memory"
    durable: ClassVar[bool] = False

    def storage(self) -> str:
        """See Warren."""
        return "memory:"


class WarrenRocksDb(Warren):
    """The embedded store."""

    name: ClassVar[str] = "warren-rocksdb"

    def storage(self) -> str:
        """See Warren."""
        return f"rocksdb:{self.folder / 'store'}"


class WarrenPostgres(Warren):
    """With a PostgreSQL on the same machine, whose cost counts."""

    name: ClassVar[str] = "warren-postgres"

    def __init__(self, settings: Settings, folder: Path) -> None:
        """Starts nothing yet."""
        super().__init__(settings, folder)
        self._database: Optional[PostgresServer] = None

    @property
    def server(self) -> PostgresServer:
        """The database's."""
        assert self._database is not None
        return self._database

    def create_database(self) -> Database:
        """A new, empty one."""
        url = self.server.create_database()
        return Database(urlsplit(url).path[1:], url)

    def version(self) -> str:
        """See Peer."""
        return f"{super().version()}, {self.server.version}"

    def storage(self) -> str:
        """See Warren."""
        return self.create_database().url

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
        return [*super().servers(), self.server.pid]


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
