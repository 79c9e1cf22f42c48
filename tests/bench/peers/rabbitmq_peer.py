"""RabbitMQ as Debian has it: classic queues, publisher confirms, its own settings otherwise."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path
from typing import ClassVar, Optional

from .peer import LoadedPeer, Settings, Unavailable
from .spoken_server import SpokenServer

# Debian's wrapper in PATH insists on the account and the folders of the system's own node.
SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
EPMD = Path("/usr/bin/epmd")
START_TIMEOUT_S = 120.0


def free_ports(count: int) -> list[int]:
    """Of the loopback interface, that the system chose; nobody has them right now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class RabbitMq(LoadedPeer):
    """A node of its own, with a port mapper of its own, all on the loopback interface."""

    name: ClassVar[str] = "rabbitmq"
    cases: ClassVar[tuple[str, ...]] = (
        "keeping_up",
        "keeping_up_transient",
        "publish_only",
        "drain",
    )

    def __init__(self, settings: Settings, folder: Path) -> None:
        """Starts nothing yet."""
        super().__init__(settings, folder)
        self._port = 0
        self._epmd: Optional[subprocess.Popen[bytes]] = None
        self._server = SpokenServer(ready_when="completed with")

    def start(self) -> None:
        """See Peer."""
        for path in (SERVER, EPMD):
            if not path.exists():
                raise Unavailable(f"{path} isn't there: deploy/install-dependencies.sh compare")
        self.program("rabbitmq_bench")
        self._port, distribution, mapper = free_ports(3)
        environment = self._environment(distribution, mapper)
        # The node would start one that outlives it.
        self._epmd = subprocess.Popen(
            [EPMD, "-port", str(mapper), "-address", "127.0.0.1"],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._server.start([SERVER], self.folder, START_TIMEOUT_S, environment)

    def _environment(self, distribution: int, mapper: int) -> dict[str, str]:
        empty = self.folder / "empty"
        empty.touch()
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self.folder),  # of the Erlang cookie
            "ERL_EPMD_PORT": str(mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"compare-{os.getpid()}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false"
            ),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_CONF_ENV_FILE": str(empty),
            "RABBITMQ_CONFIG_FILE": str(empty),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
        }

    def stop(self) -> None:
        """See Peer."""
        self._server.stop()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()

    def servers(self) -> list[int]:
        """See Peer."""
        return [self._server.pid]

    def generator(self) -> list[str]:
        """See LoadedPeer."""
        return [self.program("rabbitmq_bench"), f"--port={self._port}"]
