"""The stores that a broker can be run with, for tests that run once with each of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from postgres_server import INSTALLED, PostgresServer, bin_directory

ALL = ("memory", "rocksdb", "postgres")
DURABLE = ("rocksdb", "postgres")


def chosen(names: str, among: tuple[str, ...]) -> list[str]:
    """Those of `among` that a list like "rocksdb,postgres" names; all for an empty list.

    Raises ValueError for a name that is no store's.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()] or list(ALL)
    for name in wanted:
        if name not in ALL:
            raise ValueError(f"no storage {name!r}; there are {', '.join(ALL)}")
    return [name for name in among if name in wanted]


def why_not(name: str) -> str:
    """Why a store can't be had here; "" if it can."""
    if name == "postgres" and bin_directory() is None:
        return f"PostgreSQL isn't installed in {INSTALLED}"
    return ""


def from_environment() -> str:
    """$STORAGE, for programs that take it as `make` does."""
    return os.environ.get("STORAGE", "")


@dataclass(frozen=True)
class Storage:
    """One kind of store.

    Attributes:
        name: one of ALL.
        server: starts PostgreSQL when it is first called; gives the same one later.
    """

    name: str
    server: Callable[[], PostgresServer]

    @property
    def durable(self) -> bool:
        """Whether messages survive a restart of the broker."""
        return self.name in DURABLE

    def fresh(self, directory: Path) -> str:
        """The value of --storage for a new and empty store, below `directory` if it is files."""
        if self.name == "memory":
            return "memory:"
        if self.name == "rocksdb":
            return f"rocksdb:{directory}/store"
        return self.server().create_database()
