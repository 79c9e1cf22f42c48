"""NATS JetStream as Debian has it: a work queue on files, which it syncs every few minutes only."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import ClassVar

from .peer import LoadedPeer, Settings, Unavailable
from .spoken_server import SpokenServer

LISTENING = re.compile(r"Listening for client connections on (\S+)")
START_TIMEOUT_S = 30.0


class Nats(LoadedPeer):
    """One server, at a port that the system chose."""

    name: ClassVar[str] = "nats-jetstream"
    cases: ClassVar[tuple[str, ...]] = (
        "keeping_up",
        "keeping_up_transient",
        "publish_only",
        "drain",
    )

    def __init__(self, settings: Settings, folder: Path) -> None:
        """Starts nothing yet."""
        super().__init__(settings, folder)
        self._server = SpokenServer(ready_when="Server is ready")
        self._address = ""

    def start(self) -> None:
        """See Peer."""
        program = shutil.which("nats-server", path="/usr/sbin:/usr/bin:/usr/local/bin")
        if program is None:
            raise Unavailable("no nats-server here: deploy/install-dependencies.sh compare")
        self.program("nats_bench")
        self._server.start(
            [program, "--addr=127.0.0.1", "--port=-1", "--jetstream", f"--store_dir={self.folder}"],
            self.folder,
            START_TIMEOUT_S,
        )
        [self._address] = LISTENING.findall("".join(self._server.said))

    def stop(self) -> None:
        """See Peer."""
        self._server.stop()

    def servers(self) -> list[int]:
        """See Peer."""
        return [self._server.pid]

    def generator(self) -> list[str]:
        """See LoadedPeer."""
        return [self.program("nats_bench"), f"--url=nats://{self._address}"]
