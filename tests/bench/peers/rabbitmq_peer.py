"""RabbitMQ as Debian has it: publisher confirms, its own settings otherwise."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

from rabbitmq_node import RabbitMqNode

from .debian13 import Debian13
from .peer import LoadedPeer, Settings, Unavailable

PUBLISH = Path(__file__).resolve().parents[1] / "cases" / "publish_by_pika.py"


class RabbitMq(LoadedPeer):
    """A node of its own."""

    name: ClassVar[str] = "rabbitmq"
    queue_type: ClassVar[str] = "classic"

    def __init__(self, settings: Settings, folder: Path) -> None:
        """Starts nothing yet."""
        super().__init__(settings, folder)
        self._node = RabbitMqNode(folder, self._command)

    def start(self) -> None:
        """See Peer."""
        self.program("rabbitmq_bench")
        self._node.start()
        if "[jit]" not in self.version():
            raise RuntimeError(f"{self.version()}: Erlang is slow here, it has no JIT compiler")

    def _command(self, program: Path) -> list[str]:
        newer = Debian13(self.settings.binaries.parent)
        if newer.has(str(program)):
            return newer.command(str(program), self.folder)
        if not program.exists():
            raise Unavailable(f"{program} isn't there: deploy/install-dependencies.sh compare")
        return [str(program)]

    def stop(self) -> None:
        """See Peer."""
        self._node.stop()

    def servers(self) -> list[int]:
        """See Peer."""
        return [self._node.pid]

    def generator(self) -> list[str]:
        """See LoadedPeer."""
        return [self.program("rabbitmq_bench"), f"--port={self._node.port}",
                f"--queue-type={self.queue_type}"]  # fmt: skip

    def python_publisher(self) -> list[str]:
        """See LoadedPeer."""
        return [sys.executable, str(PUBLISH), str(self._node.port)]

    def version(self) -> str:
        """See Peer."""
        return self._node.version


class QuorumRabbitMq(RabbitMq):
    """Queues that are replicated logs, here of one replica, which are synced before a confirm."""

    name: ClassVar[str] = "rabbitmq-quorum"
    queue_type: ClassVar[str] = "quorum"
