"""RabbitMQ as Debian has it: publisher confirms, its own settings otherwise."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import ClassVar, Optional

from .debian13 import Debian13
from .peer import LoadedPeer, Settings, Unavailable
from .spoken_server import SpokenServer

# Debian's wrapper in PATH insists on the account and the folders of the system's own node.
SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
EPMD = Path("/usr/bin/epmd")
START_TIMEOUT_S = 120.0
# Lines of what it says at its start; in brackets there how Erlang runs: by its compiler, or not.
VERSION = re.compile(r"Starting (RabbitMQ \S+) on (Erlang \S+ \[\w+\])")
PUBLISH = Path(__file__).resolve().parents[1] / "cases" / "publish_by_pika.py"


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
    queue_type: ClassVar[str] = "classic"

    def __init__(self, settings: Settings, folder: Path) -> None:
        """Starts nothing yet."""
        super().__init__(settings, folder)
        self._port = 0
        self._epmd: Optional[subprocess.Popen[bytes]] = None
        self._server = SpokenServer(ready_when="completed with")

    def start(self) -> None:
        """See Peer."""
        self.program("rabbitmq_bench")
        self._port, distribution, mapper = free_ports(3)
        environment = self._environment(distribution, mapper)
        # The node would start one that outlives it.
        self._epmd = subprocess.Popen(
            [*self._command(EPMD), "-port", str(mapper), "-address", "127.0.0.1"],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._server.start(self._command(SERVER), self.folder, START_TIMEOUT_S, environment)
        if "[jit]" not in self.version():
            raise RuntimeError(f"{self.version()}: Erlang is slow here, it has no JIT compiler")

    def _command(self, program: Path) -> list[str]:
        newer = Debian13(self.settings.binaries.parent)
        if newer.has(str(program)):
            return newer.command(str(program), self.folder)
        if not program.exists():
            raise Unavailable(f"{program} isn't there: deploy/install-dependencies.sh compare")
        return [str(program)]

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
            "RABBITMQ_LOGS": "-",  # say at the start what runs
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
        return [self.program("rabbitmq_bench"), f"--port={self._port}",
                f"--queue-type={self.queue_type}"]  # fmt: skip

    def python_publisher(self) -> list[str]:
        """See LoadedPeer."""
        return [sys.executable, str(PUBLISH), str(self._port)]

    def version(self) -> str:
        """See Peer."""
        return ", ".join(VERSION.findall("".join(self._server.said))[0])


class QuorumRabbitMq(RabbitMq):
    """Queues that are replicated logs, here of one replica, which are synced before a confirm."""

    name: ClassVar[str] = "rabbitmq-quorum"
    queue_type: ClassVar[str] = "quorum"
