"""NATS JetStream as Debian has it: a work queue on files, which it syncs every few minutes only."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from pathlib import Path
from typing import ClassVar, Optional

from .peer import LoadedPeer, Settings, Unavailable

LISTENING = re.compile(r"Listening for client connections on (\S+)")
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 30.0


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
        self._server: Optional[subprocess.Popen[str]] = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._said: list[str] = []
        self._ready = threading.Event()
        self._address = ""

    def start(self) -> None:
        """See Peer."""
        program = shutil.which("nats-server", path="/usr/sbin:/usr/bin:/usr/local/bin")
        if program is None:
            raise Unavailable("no nats-server here: deploy/install-dependencies.sh compare")
        self.program("nats_bench")
        self._server = subprocess.Popen(
            [program, "--addr=127.0.0.1", "--port=-1", "--jetstream", f"--store_dir={self.folder}"],
            cwd=self.folder, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._reader.start()
        if not self._ready.wait(START_TIMEOUT_S) or not self._address:
            raise RuntimeError("NATS doesn't start:\n" + "".join(self._said[-50:]))

    def _read(self) -> None:
        assert self._server is not None and self._server.stdout is not None
        for line in self._server.stdout:
            self._said.append(line)
            found = LISTENING.search(line)
            if found:
                self._address = found[1]
            if "Server is ready" in line:
                self._ready.set()
        self._server.stdout.close()
        self._ready.set()  # it ended; nobody needs to wait on

    def stop(self) -> None:
        """See Peer."""
        if self._server is None:
            return
        self._server.terminate()
        try:
            self._server.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._reader.join()

    def servers(self) -> list[int]:
        """See Peer."""
        assert self._server is not None
        return [self._server.pid]

    def generator(self) -> list[str]:
        """See LoadedPeer."""
        return [self.program("nats_bench"), f"--url=nats://{self._address}"]
