"""A proxy between a broker and PostgreSQL that cuts connections at the worst moments.

    with PostgresProxy(server.socket, random.Random(seed)) as proxy:
        broker = WarrenProcess(..., storage=proxy.url("test1"))
        proxy.arm(Cut.DURING)       # the next COMMIT loses its connection
        assert proxy.wait_cut(60)

It listens on a Unix socket of its own, or on TCP at a port that the system chose, and reads as much
of the protocol (version 3) as it takes to find commits: a simple query whose text has COMMIT, or
the journal's own commit_batch, whose query of several statements is a transaction by itself; and
in it the COPY ... FROM STDIN that come first; and a pipeline that runs a prepared commit_batch. The
message that sets off the commit is the query itself, or the CopyDone of its last COPY, or the Sync
of the pipeline. It is over when PostgreSQL is ready for the next one.
"""

from __future__ import annotations

import enum
import random
import re
import select
import shutil
import socket
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Optional, Union

from postgres_server import SOCKET_PORT, USER, socket_url

CHUNK = 1 << 16
KEPT = 1 << 20  # of a message's content; what is longer is no statement of interest
COMMIT = re.compile(rb"\b(COMMIT|commit_batch)\b", re.IGNORECASE)
COPY_IN = re.compile(rb"\bFROM\s+STDIN\b", re.IGNORECASE)
ENCRYPTION_REQUESTS = tuple(struct.pack("!i", code) for code in (80877103, 80877104))


class Cut(enum.Enum):
    """When a commit loses its connection."""

    BEFORE = "before the commit is passed on"
    DURING = "the commit is passed on, the answer is not waited for"
    AFTER = "the answer has come and is not passed on"
    LATE = "the commit is passed on only after the client has committed by another connection"
    BYTE = "after any byte, in either direction"
    HANG = "not cut: all connections stay and carry nothing, the commit is not passed on"


class Messages:
    """Cuts a stream into messages. Knows nothing of directions but how a frontend begins."""

    def __init__(self, *, startup: bool) -> None:
        self._startup = startup  # the next message has no type
        self._held = b""
        self._skip = 0  # bytes of a message's content that are yet to come and nobody needs

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes, int, int]]:
        """Type, content and where it begins and ends in `data`, of each message that ends there.

        One that began in an earlier call begins at 0. The type of a message without one is "".
        """
        offset = min(self._skip, len(data))
        self._skip -= offset
        begin = offset
        held, self._held = self._held, b""
        base = offset - len(held)
        buffer = held + data[offset:]
        position = 0
        while True:
            head = 4 if self._startup else 5
            if len(buffer) - position < head:
                break
            kind = "" if self._startup else chr(buffer[position])
            (length,) = struct.unpack_from("!i", buffer, position + head - 4)
            end = position + head - 4 + max(length, 4)
            if end > len(buffer):
                if end - position > KEPT:
                    self._skip = end - len(buffer)
                    position = len(buffer)
                break
            content = buffer[position + head : end]
            yield kind, content, max(begin, base + position), base + end
            if self._startup:
                self._startup = content[:4] in ENCRYPTION_REQUESTS
            position = end
        self._held = buffer[position:]


class Connection:
    """One client and what PostgreSQL has for it. Driven by a thread of its own."""

    def __init__(self, proxy: PostgresProxy, client: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = socket.socket(socket.AF_UNIX)
        self._frontend = Messages(startup=True)
        self._backend = Messages(startup=False)
        self._copies = -1  # COPYs until the commit; -1: none is due
        self._prepared: set[bytes] = set()  # names of statements that commit
        self._sync_commits = False
        self._cut: Optional[Cut] = None  # what happens to the commit under way
        self._committing = False  # and has not failed
        self._late = b""  # kept back until `release`
        self._released = threading.Event()

    def run(self) -> None:
        """Until one of both ends, or the cut."""
        try:
            self._server.connect(str(self._proxy.upstream))
            while not self._proxy.closed:
                self._proxy.wait_thawed()
                ready, _, _ = select.select([self._client, self._server], [], [], 0.1)
                for source in ready:
                    data = source.recv(CHUNK)
                    from_client = source is self._client
                    if not data or not self._pass(data, from_client):
                        return
        except OSError:
            pass  # one of both is gone; so will the other be
        finally:
            self._client.close()
            self._after()
            self._server.close()

    def abort(self) -> None:
        """From another thread: ends it as a cut cable does."""
        for end in (self._client, self._server):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def release(self) -> None:
        """What was kept back for Cut.LATE goes out now."""
        self._released.set()

    def _pass(self, data: bytes, from_client: bool) -> bool:
        self._proxy.lag()
        allowed = self._proxy.allowance(len(data))
        if allowed is not None:
            target = self._server if from_client else self._client
            target.sendall(data[:allowed])
            return False
        return self._from_client(data) if from_client else self._from_server(data)

    def _from_client(self, data: bytes) -> bool:
        for kind, content, begin, end in self._frontend.feed(data):
            if kind == "" and content[:4] in ENCRYPTION_REQUESTS:
                self._client.sendall(b"N")  # plain text only; the client waits for this
                return True
            if not self._sets_off_commit(kind, content):
                continue
            self._committing = True
            self._cut = self._proxy.take(self)
            if self._cut in (Cut.BEFORE, Cut.LATE):
                self._server.sendall(data[:begin])
                self._late = data[begin:end]
                return False
            if self._cut is Cut.HANG:
                self._server.sendall(data[:begin])
                self._proxy.hang()
                self._proxy.wait_thawed()
                self._server.sendall(data[begin:])
                return True
            if self._cut is Cut.DURING:
                self._server.sendall(data[:end])
                return False
        self._server.sendall(data)
        return True

    def _sets_off_commit(self, kind: str, content: bytes) -> bool:
        if kind == "Q":
            found = COMMIT.search(content)
            self._copies = len(COPY_IN.findall(content)) if found else -1
        elif kind == "c" and self._copies > 0:
            self._copies -= 1
        elif kind == "P":
            name, text, _ = content.split(b"\0", 2)
            (self._prepared.add if COMMIT.search(text) else self._prepared.discard)(name)
            return False
        elif kind == "B":
            _, name, _ = content.split(b"\0", 2)
            self._sync_commits = self._sync_commits or name in self._prepared
            return False
        elif kind == "S":
            commits, self._sync_commits = self._sync_commits, False
            return commits
        else:
            return False
        if self._copies != 0:
            return False
        self._copies = -1
        return True

    def _from_server(self, data: bytes) -> bool:
        for kind, _, _, _ in self._backend.feed(data):
            if kind == "E":
                self._committing = False
            elif kind == "Z":
                if self._cut is Cut.AFTER:
                    return False
                if self._committing:
                    self._proxy.committed()
                self._committing = False
        if self._cut is not Cut.AFTER:
            self._client.sendall(data)
        return True

    def _after(self) -> None:
        if self._cut in (None, Cut.HANG) or self._proxy.closed:
            return
        self._proxy.was_cut()
        if self._cut is Cut.LATE:
            self._released.wait(self._proxy.late_s)
            try:
                self._server.sendall(self._late)
                self._server.shutdown(socket.SHUT_WR)
                while self._server.recv(CHUNK):
                    pass  # whatever became of it; PostgreSQL closes, since nothing else comes
            except OSError:
                pass
            self._proxy.late_is_over(self)


class PostgresProxy:
    """Thread-safe.

    Attributes:
        upstream: the Unix socket of PostgreSQL.
        late_s: how long Cut.LATE waits for another commit at most.
    """

    def __init__(
        self, upstream: Path, dice: random.Random, *, tcp: bool = False, late_s: float = 2.0
    ) -> None:
        self.upstream = upstream
        self.late_s = late_s
        self.closed = False
        self._moving = threading.Event()
        self._moving.set()
        self._dice = dice
        self._lock = threading.Condition()
        self._armed: Optional[Cut] = None
        self._under_way = False  # armed, and not cut yet
        self._refuse_after = False
        self._bytes: Optional[int] = None  # until Cut.BYTE
        self._lag_s = 0.0
        self._commits = 0
        self._refusing = False
        self._late: set[Connection] = set()
        self._connections: set[Connection] = set()
        self._directory = Path(tempfile.mkdtemp(prefix="warren-proxy-"))
        self._listener = self._listen(tcp)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def url(self, database: str) -> str:
        """As PostgresServer.url, through the proxy."""
        address: Union[str, tuple[str, int]] = self._listener.getsockname()
        if isinstance(address, tuple):
            return f"postgresql://{USER}@127.0.0.1:{address[1]}/{database}"
        return socket_url(Path(address), database)

    @property
    def commits(self) -> int:
        """How many were answered and passed on."""
        return self._commits

    # --- trouble --------------------------------------------------------------------------------

    def arm(self, cut: Cut, *, refuse: bool = False, within: int = 1 << 15) -> None:
        """The next commit is hit, or one of the next bytes: as many as `within` may pass before.

        With `refuse` all is as after `refuse` from then on.
        """
        with self._lock:
            self._armed = cut
            self._under_way = True
            self._bytes = self._dice.randrange(within) if cut is Cut.BYTE else None
            self._refuse_after = refuse

    def wait_cut(self, timeout: float) -> bool:
        """Whether what was armed has happened."""
        with self._lock:
            return self._lock.wait_for(lambda: not self._under_way, timeout)

    def thaw(self) -> None:
        """The end of Cut.HANG: everything is passed on, late."""
        self._moving.set()

    @contextmanager
    def slowed(self, seconds: float) -> Iterator[None]:
        """All that is passed on while the block runs is so much later, in either direction."""
        self._lag_s = seconds
        try:
            yield
        finally:
            self._lag_s = 0.0

    def wait_connected(self, timeout: float) -> bool:
        """Whether a client is there."""
        with self._lock:
            return self._lock.wait_for(lambda: bool(self._connections), timeout)

    def wait_late(self, timeout: float) -> bool:
        """Whether PostgreSQL has dealt with what Cut.LATE kept back."""
        with self._lock:
            return self._lock.wait_for(lambda: not self._late, timeout)

    def refuse(self) -> None:
        """Cuts all connections, and every new one at once."""
        with self._lock:
            self._refusing = True
            doomed = list(self._connections)
        for connection in doomed:
            connection.abort()

    def accept(self) -> None:
        """The end of `refuse`."""
        with self._lock:
            self._refusing = False

    def close(self) -> None:
        """Cuts everything and removes the socket."""
        self.closed = True
        self.thaw()
        self.refuse()
        self._thread.join()
        self._listener.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self) -> PostgresProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- what connections ask and tell ----------------------------------------------------------

    def take(self, connection: Connection) -> Optional[Cut]:
        """What happens to a commit that is about to be passed on."""
        with self._lock:
            cut = self._armed
            if cut is None or cut is Cut.BYTE:
                return None
            self._armed = None
            if cut is Cut.LATE:
                self._late.add(connection)
            return cut

    def hang(self) -> None:
        """Nothing is passed on until `thaw`."""
        self._moving.clear()
        with self._lock:
            self._under_way = False
            self._lock.notify_all()

    def wait_thawed(self) -> None:
        """Returns at once unless all hangs."""
        self._moving.wait()

    def lag(self) -> None:
        """Returns at once unless all is slow."""
        if self._lag_s:
            threading.Event().wait(self._lag_s)

    def allowance(self, size: int) -> Optional[int]:
        """How many of these bytes may pass before the cut; None: all, and no cut."""
        with self._lock:
            if self._bytes is None:
                return None
            if size <= self._bytes:
                self._bytes -= size
                return None
            allowed, self._bytes = self._bytes, None
        self.was_cut()
        return allowed

    def was_cut(self) -> None:
        """A connection lost its client."""
        with self._lock:
            refuse = self._refuse_after
            self._refusing = self._refusing or refuse
            self._armed, self._under_way = None, False
            self._lock.notify_all()
        if refuse:
            self.refuse()

    def committed(self) -> None:
        """A commit's answer is about to be passed on."""
        with self._lock:
            self._commits += 1
            waiting = list(self._late)
        for connection in waiting:
            connection.release()

    def late_is_over(self, connection: Connection) -> None:
        """PostgreSQL has answered what came late, and closed."""
        with self._lock:
            self._late.discard(connection)
            self._lock.notify_all()

    # --- inside ---------------------------------------------------------------------------------

    def _listen(self, tcp: bool) -> socket.socket:
        if tcp:
            listener = socket.socket()
            listener.bind(("127.0.0.1", 0))
        else:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(self._directory / f".s.PGSQL.{SOCKET_PORT}"))
        listener.listen()
        return listener

    def _accept(self) -> None:
        while not self.closed:
            ready, _, _ = select.select([self._listener], [], [], 0.1)
            if not ready:
                continue
            client, _ = self._listener.accept()
            with self._lock:
                if self._refusing:
                    client.close()
                    continue
                connection = Connection(self, client)
                self._connections.add(connection)
                self._lock.notify_all()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        try:
            connection.run()
        finally:
            with self._lock:
                self._connections.discard(connection)
