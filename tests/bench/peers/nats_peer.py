"""NATS JetStream: a work queue on files.

As shipped it syncs every two minutes, so what it confirms is in the page cache; `SyncedNats` syncs
each message before it confirms it, which NATS 2.9 doesn't know.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import ClassVar

from spoken_server import SpokenServer

from .debian13 import Debian13
from .peer import LoadedPeer, Settings, Unavailable

LISTENING = re.compile(r"Listening for client connections on (\S+)")
VERSION = re.compile(r"Version: +(\S+)")
OWN_VERSION = re.compile(r"v(\d+)\.(\d+)")  # by --version
START_TIMEOUT_S = 30.0
FIRST_TO_SYNC = (2, 10)  # `sync_interval: always`


class Nats(LoadedPeer):
    """One server, at a port that the system chose."""

    name: ClassVar[str] = "nats-jetstream"
    sync_interval: ClassVar[str] = ""  # "": its own

    def __init__(self, settings: Settings, folder: Path) -> None:
        """Starts nothing yet."""
        super().__init__(settings, folder)
        self._server = SpokenServer(ready_when="Server is ready")
        self._address = ""

    def start(self) -> None:
        """See Peer."""
        self.program("nats_bench")
        config = self.folder / "nats.conf"
        sync = f"  sync_interval: {self.sync_interval}\n" if self.sync_interval else ""
        config.write_text(f'jetstream {{\n  store_dir: "{self.folder}"\n{sync}}}\n')
        self._server.start(
            [*self._program(), "--addr=127.0.0.1", "--port=-1", f"--config={config}"],
            self.folder,
            START_TIMEOUT_S,
        )
        [self._address] = LISTENING.findall("".join(self._server.said))

    def _program(self) -> list[str]:
        newer = Debian13(self.settings.binaries.parent)
        if newer.has("/usr/sbin/nats-server"):
            return newer.command("/usr/sbin/nats-server", self.folder)
        program = shutil.which("nats-server", path="/usr/sbin:/usr/bin:/usr/local/bin")
        if program is None:
            raise Unavailable("no nats-server here: deploy/install-dependencies.sh compare")
        return [program]

    def stop(self) -> None:
        """See Peer."""
        self._server.stop()

    def servers(self) -> list[int]:
        """See Peer."""
        return [self._server.pid]

    def version(self) -> str:
        """See Peer."""
        return "NATS " + VERSION.findall("".join(self._server.said))[0]

    def generator(self) -> list[str]:
        """See LoadedPeer."""
        return [self.program("nats_bench"), f"--url=nats://{self._address}"]


class SyncedNats(Nats):
    """With a sync before each confirm."""

    name: ClassVar[str] = "nats-synced"
    sync_interval: ClassVar[str] = "always"
    messages_share: ClassVar[float] = 0.05

    def start(self) -> None:
        """See Peer."""
        asked = subprocess.run(
            [*self._program(), "--version"], capture_output=True, text=True, check=True
        )
        [major, minor] = OWN_VERSION.findall(asked.stdout)[0]
        if (int(major), int(minor)) < FIRST_TO_SYNC:
            raise Unavailable(f"NATS {major}.{minor} can't sync each message")
        super().start()
