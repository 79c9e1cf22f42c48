"""A real PostgreSQL of a test's own, to use, to kill and to start again.

    with PostgresServer() as server:
        url = server.create_database()
        server.kill()       # postmaster and all children, as a power cut of the database alone
        server.start()

The newest installed in Debian's place, with a new data folder below the system's temporary one,
fsync as it is by default, on a Unix socket; on TCP as well if asked, at a port that the system
chose. As root it runs as an unprivileged user, since PostgreSQL refuses root.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Optional
from urllib.parse import quote

INSTALLED = Path("/usr/lib/postgresql")
READY = "database system is ready to accept connections"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0
SOCKET_PORT = 5432  # without TCP: a part of the socket's name, and no port of the machine
USER = "warren"  # of the database


def bin_directory() -> Optional[Path]:
    """Of the newest PostgreSQL that is installed; None without any."""
    versions = [path for path in INSTALLED.glob("*/bin") if (path / "initdb").exists()]
    return max(versions, key=lambda path: int(path.parent.name), default=None)


def account() -> Optional[pwd.struct_passwd]:
    """Whom PostgreSQL runs as; None: whoever we are."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


class PostgresServer:
    """Not thread-safe.

    Attributes:
        directory: everything is below it; gone after `close`.
        socket_directory: holds the Unix socket.
        log: every line that the server has written, of all its runs.
    """

    def __init__(
        self,
        *,
        tcp: bool = False,
        data_in: Optional[Path] = None,
        wal_in: Optional[Path] = None,
        settings: Sequence[str] = (),
    ) -> None:
        """Creates the cluster; `start` starts it.

        Args:
            tcp: listen on 127.0.0.1, too.
            data_in: a folder for the data folder, which then is not below `directory`.
            wal_in: likewise for the write-ahead log.
            settings: lines of postgresql.conf.

        """
        found = bin_directory()
        assert found is not None, f"PostgreSQL isn't installed in {INSTALLED}"
        self._bin = found
        self._account = account()
        self.directory = Path(tempfile.mkdtemp(prefix="warren-postgres-"))
        self._give_away(self.directory)
        self.socket_directory = self.directory
        self.log: list[str] = []
        self._data = (data_in or self.directory) / "data"
        self._wal = wal_in / "wal" if wal_in else None
        self._settings = list(settings)
        self._port: Optional[int] = None
        self._tcp = tcp
        self._databases = 0
        self._process: Optional[subprocess.Popen[str]] = None
        self._reader: Optional[threading.Thread] = None
        self._ready = threading.Event()
        for place in (data_in, wal_in):
            if place is not None:
                self._give_away(place)
        self._create()

    @property
    def pid(self) -> int:
        """Of the postmaster."""
        assert self._process is not None, "PostgreSQL isn't running"
        return self._process.pid

    @property
    def version(self) -> str:
        """Of the server, for people."""
        done = subprocess.run(
            [self._bin / "postgres", "--version"], capture_output=True, text=True, check=True
        )
        return done.stdout.strip().replace("postgres (PostgreSQL)", "PostgreSQL")

    @property
    def running(self) -> bool:
        """Whether the postmaster is there; it ends by itself when it can't recover."""
        return self._process is not None and self._process.poll() is None

    @property
    def socket(self) -> Path:
        """The Unix socket that it listens on."""
        return self.socket_directory / f".s.PGSQL.{self._port or SOCKET_PORT}"

    @property
    def port(self) -> int:
        """Of TCP; the same over restarts."""
        assert self._port is not None, "TCP was not asked for"
        return self._port

    def url(self, database: str, *, tcp: bool = False) -> str:
        """How a client reaches the database."""
        if tcp:
            return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"
        return socket_url(self.socket, database)

    def create_database(self, *, tcp: bool = False) -> str:
        """A new, empty one; its URL."""
        self._databases += 1
        name = f"test{self._databases}"
        self.query("postgres", f"CREATE DATABASE {name}")
        return self.url(name, tcp=tcp)

    def query(self, database: str, sql: str) -> list[list[str]]:
        """Runs a statement by psql; the rows as text."""
        done = subprocess.run(
            [self._bin / "psql", "-XAtq", "-F\x1f", "-v", "ON_ERROR_STOP=1", "-c", sql,
             self.url(database)],
            capture_output=True, text=True, check=False, timeout=STOP_TIMEOUT_S,
        )  # fmt: skip
        assert done.returncode == 0, f"{sql}\n{done.stderr}"
        return [line.split("\x1f") for line in done.stdout.splitlines()]

    # --- starting and ending --------------------------------------------------------------------

    def start(self) -> PostgresServer:
        """Returns once it accepts connections, after recovery if there was a crash."""
        assert not self.running, "PostgreSQL is running already"
        self._reap()
        self._ready.clear()
        self._process = self._spawn(
            [self._bin / "postgres", "-D", self._data], stderr=subprocess.STDOUT
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._ready.wait(0.05):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"PostgreSQL does not start\n{self.tail()}")
        return self

    def kill(self) -> None:
        """SIGKILL to postmaster and all children at once; returns when all of them are gone."""
        process = self._process
        if process is not None and process.poll() is None:
            # A stopped postmaster has no more children while they are counted.
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            doomed = [process.pid, *children(process.pid)]
            for pid in doomed:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self._reap()

    def stop(self, mode: str = "fast") -> None:
        """`pg_ctl stop`: "fast" is orderly, "immediate" is a crash that PostgreSQL does itself."""
        if self.running:
            done = self._spawn(
                [self._bin / "pg_ctl", "stop", "-s", "-D", self._data, "-m", mode,
                 "-t", f"{STOP_TIMEOUT_S:.0f}"],
                stderr=subprocess.STDOUT,
            )  # fmt: skip
            said, _ = done.communicate(timeout=STOP_TIMEOUT_S * 2)
            assert done.returncode == 0, f"pg_ctl stop: {said}\n{self.tail()}"
        self._reap()

    def close(self) -> None:
        """Ends it and removes all that it left."""
        self.kill()
        self._remove_shared_memory()
        for folder in filter(None, (self._data, self._wal, self.directory)):
            shutil.rmtree(folder, ignore_errors=True)

    def tail(self, lines: int = 60) -> str:
        """The end of the log, for the message of a failing test."""
        return "\n".join(self.log[-lines:])

    def __enter__(self) -> PostgresServer:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, exc_type: object, exc: object, traceback: object) -> None:
        if exc_type is not None:
            print(self.tail())  # pytest shows it with the failure
        self.close()

    # --- inside ---------------------------------------------------------------------------------

    def _create(self) -> None:
        initdb = [self._bin / "initdb", "-D", self._data, "-U", USER, "-A", "trust", "-E", "UTF8",
                  "--locale=C", "--no-sync", "--no-instructions"]  # fmt: skip
        if self._wal is not None:
            initdb += ["-X", self._wal]
        done = self._spawn(initdb, stderr=subprocess.STDOUT)
        said, _ = done.communicate(timeout=START_TIMEOUT_S)
        if done.returncode != 0:
            self.close()
            raise RuntimeError(f"initdb failed\n{said}")
        if self._tcp:
            # The system's choice; taken again at each start, which nobody else is likely to do.
            with socket.socket() as chosen:
                chosen.bind(("127.0.0.1", 0))
                self._port = chosen.getsockname()[1]
        with (self._data / "postgresql.conf").open("a") as file:
            file.write("\n".join([
                f"listen_addresses = '{'127.0.0.1' if self._tcp else ''}'",
                f"port = {self._port or SOCKET_PORT}",
                f"unix_socket_directories = '{self.socket_directory}'",
                "shared_buffers = 64MB",
                "dynamic_shared_memory_type = mmap",  # goes with the data folder
                "log_line_prefix = '%m [%p] '",
                *self._settings,
                "",
            ]))  # fmt: skip

    def _spawn(self, command: Sequence[object], **options: object) -> subprocess.Popen[str]:
        # Popen's own `user` takes a real fork, which hangs in gRPC's handlers now and then.
        who = self._account
        become = [] if who is None else [
            "setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups",
        ]  # fmt: skip
        return subprocess.Popen(
            [*become, *(str(part) for part in command)],
            cwd=self.directory,
            env={**os.environ, "LC_ALL": "C", "PGTZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            errors="replace",
            **options,
        )  # type: ignore[call-overload]

    def _give_away(self, folder: Path) -> None:
        if self._account is not None:
            os.chown(folder, self._account.pw_uid, self._account.pw_gid)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.log.append(line.rstrip("\n"))
            if READY in line:
                self._ready.set()
        process.stdout.close()

    def _reap(self) -> None:
        # Each child holds the other end of the pipe: at its end, all of them are gone, and with
        # them the claim on the shared memory that would hinder the next start.
        if self._process is None:
            return
        self._process.wait(STOP_TIMEOUT_S)
        if self._reader is not None:
            self._reader.join(STOP_TIMEOUT_S)
            assert not self._reader.is_alive(), "a child of PostgreSQL outlives it"
        self._process = None

    def _remove_shared_memory(self) -> None:
        # After a kill the segment is there still; the pid file's line 7 is its key and id.
        try:
            segment = (self._data / "postmaster.pid").read_text().splitlines()[6].split()[1]
        except (OSError, IndexError):
            return
        subprocess.run(["ipcrm", "-m", segment], capture_output=True, check=False)


def socket_url(socket: Path, database: str) -> str:
    """The URL of a database behind a Unix socket; its name ends in a port that libpq asks for."""
    port = socket.name.rpartition(".")[2]
    return f"postgresql://{USER}@/{database}?host={quote(str(socket.parent), safe='/')}&port={port}"


def children(pid: int) -> list[int]:
    """The processes that `pid` started and that are there."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # gone
        if int(fields[1]) == pid:
            found.append(int(status.parent.name))
    return found
