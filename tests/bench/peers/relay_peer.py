"""A bare gRPC relay with Warren's frames: what no broker of this shape can pass."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

from spoken_server import SpokenServer

from .peer import LoadedPeer, Settings

LISTENING = re.compile(r"listening on (\S+)")
START_TIMEOUT_S = 30.0


class Relay(LoadedPeer):
    """See tests/bench/peers/relay.cc. It knows neither stores nor queues that nobody consumes."""

    name: ClassVar[str] = "relay"

    def __init__(self, settings: Settings, folder: Path) -> None:
        """Starts nothing yet."""
        super().__init__(settings, folder)
        self._server = SpokenServer(ready_when="listening on")
        self._address = ""

    def start(self) -> None:
        """See Peer."""
        self._server.start([self.program("warren_relay")], self.folder, START_TIMEOUT_S)
        [self._address] = LISTENING.findall("".join(self._server.said))

    def stop(self) -> None:
        """See Peer."""
        self._server.stop()

    def servers(self) -> list[int]:
        """See Peer."""
        return [self._server.pid]

    def generator(self) -> list[str]:
        """See LoadedPeer."""
        return [self.program("warren-bench"), f"--address={self._address}"]
