"""A real RabbitMQ node of one's own: its own folder, port mapper and ports, on loopback alone.

    with RabbitMqNode(folder) as node:
        pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", node.port))
        node.ctl("export_definitions", "-")
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Callable, Optional

from spoken_server import SpokenServer

# Debian's wrappers in PATH insist on the account and the folders of the system's own node.
PROGRAMS = Path("/usr/lib/rabbitmq/bin")
EPMD = Path("/usr/bin/epmd")
START_TIMEOUT_S = 120.0
CTL_TIMEOUT_S = 60.0
# Lines of what it says at its start; in brackets there how Erlang runs: by its compiler, or not.
VERSION = re.compile(r"Starting (RabbitMQ \S+) on (Erlang \S+ \[\w+\])")

# What runs a program; others than the system's own may be meant.
Command = Callable[[Path], Sequence[str]]


def free_ports(count: int) -> list[int]:
    """Of the loopback interface, that the system chose; nobody has them right now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def why_not() -> str:
    """Why there can be none here; "" if there can."""
    if (PROGRAMS / "rabbitmq-server").exists() and EPMD.exists():
        return ""
    return "no RabbitMQ; deploy/install-dependencies.sh test installs it"


class RabbitMqNode:
    """Not thread-safe.

    Attributes:
        port: of AMQP, once it runs.
    """

    def __init__(self, folder: Path, command: Command = lambda program: [str(program)]) -> None:
        """Starts nothing yet; everything of it is in `folder`."""
        self.port = 0
        self._folder = folder
        self._command = command
        self._environment: dict[str, str] = {}
        self._epmd: Optional[subprocess.Popen[bytes]] = None
        self._server = SpokenServer(ready_when="completed with")

    @property
    def pid(self) -> int:
        """Of the node."""
        return self._server.pid

    @property
    def version(self) -> str:
        """RabbitMQ's and Erlang's, of one that was started."""
        return ", ".join(VERSION.findall("".join(self._server.said))[0])

    def start(self) -> None:
        """Returns once it can be used."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.port, distribution, mapper = free_ports(3)
        self._environment = self._environment_of(distribution, mapper)
        # The node would start one that outlives it.
        self._epmd = subprocess.Popen(
            [*self._command(EPMD), "-port", str(mapper), "-address", "127.0.0.1"],
            env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._server.start(
            self._command(PROGRAMS / "rabbitmq-server"), self._folder, START_TIMEOUT_S,
            self._environment,
        )  # fmt: skip

    def ctl(self, *arguments: str) -> str:
        """What rabbitmqctl prints."""
        done = subprocess.run(
            [*self._command(PROGRAMS / "rabbitmqctl"), "--quiet", *arguments],
            env=self._environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=CTL_TIMEOUT_S, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def stop(self) -> None:
        """Nothing of it runs any more."""
        self._server.stop()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()

    def __enter__(self) -> RabbitMqNode:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _environment_of(self, distribution: int, mapper: int) -> dict[str, str]:
        empty = self._folder / "empty"
        empty.touch()
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self._folder),  # of the Erlang cookie
            "ERL_EPMD_PORT": str(mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"own-{os.getpid()}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false"
            ),
            "RABBITMQ_LOGS": "-",  # say at the start what runs
            "RABBITMQ_MNESIA_BASE": str(self._folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self._folder / "log"),
            "RABBITMQ_CONF_ENV_FILE": str(empty),
            "RABBITMQ_CONFIG_FILE": str(empty),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "plugins"),
        }
