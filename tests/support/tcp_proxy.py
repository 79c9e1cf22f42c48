"""A proxy between clients and a broker, that cuts, stalls and slows their connections.

    with TcpProxy(lambda: broker.grpc) as proxy:
        connection = warren.connect(proxy.address)
        proxy.cut()                 # all connections; clients open others at once
        with proxy.stalled():       # nothing that the broker sends is read
            ...

It knows nothing of what it carries. Where a new connection goes is asked for each time, so that
clients find the broker that took over behind the same address.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Callable, Optional

CHUNK = 1 << 16


class Link:
    """One client and its connection to the broker, with a thread for each direction."""

    def __init__(self, proxy: TcpProxy, client: socket.socket, server: socket.socket) -> None:
        self._ends = (client, server)
        self._proxy = proxy
        self._reading = threading.Event()  # what the broker sends
        self._reading.set()
        self.slow_s = 0.0  # for each chunk
        self.threads = [
            threading.Thread(target=self._carry, args=(client, server, False), daemon=True),
            threading.Thread(target=self._carry, args=(server, client, True), daemon=True),
        ]

    def cut(self) -> None:
        """Ends it as a cut cable does, as far as both ends can tell."""
        for end in self._ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._reading.set()

    def stall(self) -> None:
        """From now on nothing that the broker sends is read."""
        self._reading.clear()

    def go_on(self) -> None:
        """The end of `stall`."""
        self._reading.set()

    def _carry(self, source: socket.socket, target: socket.socket, from_broker: bool) -> None:
        try:
            while True:
                if from_broker:
                    self._reading.wait()
                data = source.recv(CHUNK)
                if not data:
                    break
                if self.slow_s:
                    threading.Event().wait(self.slow_s)
                target.sendall(data)
        except OSError:
            pass  # one of both is gone; so will the other be
        self.cut()
        self._proxy.ended(self)

    def close(self) -> None:
        """Frees the sockets. REQUIRES that both threads are about to end."""
        for end in self._ends:
            end.close()


class TcpProxy:
    """Thread-safe.

    Attributes:
        address: "HOST:PORT" for clients.
    """

    def __init__(self, upstream: Callable[[], str]) -> None:
        self._upstream = upstream
        self._lock = threading.Lock()
        self._links: dict[Link, int] = {}  # and how many of its threads run
        self._open = threading.Event()  # new connections are carried on
        self._open.set()
        self._closed = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self._listener.getsockname())
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    # --- trouble --------------------------------------------------------------------------------

    def cut(self, every: int = 1) -> int:
        """Cuts all connections, or every second, third, ...; how many."""
        doomed = self._some(every)
        for link in doomed:
            link.cut()
        return len(doomed)

    @contextmanager
    def stalled(self, every: int = 1) -> Iterator[None]:
        """Of these connections nothing that the broker sends is read while the block runs."""
        links = self._some(every)
        for link in links:
            link.stall()
        try:
            yield
        finally:
            for link in links:
                link.go_on()

    @contextmanager
    def slowed(self, seconds: float, every: int = 1) -> Iterator[None]:
        """Each read of these connections is passed on so much later while the block runs."""
        links = self._some(every)
        for link in links:
            link.slow_s = seconds
        try:
            yield
        finally:
            for link in links:
                link.slow_s = 0.0

    @contextmanager
    def held(self) -> Iterator[None]:
        """New connections reach no broker before the block ends."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    def close(self) -> None:
        """Cuts everything and listens no more."""
        self._closed = True
        self._open.set()
        # Wakes the thread that accepts.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        self.cut()

    def __enter__(self) -> TcpProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- inside ---------------------------------------------------------------------------------

    def ended(self, link: Link) -> None:
        """One of its threads ends."""
        with self._lock:
            self._links[link] -= 1
            if self._links[link] > 0:
                return
            del self._links[link]
        link.close()

    def _some(self, every: int) -> list[Link]:
        with self._lock:
            return list(self._links)[::every]

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._open_link, args=(client,), daemon=True).start()

    def _open_link(self, client: socket.socket) -> None:
        self._open.wait()
        server = self._connect()
        with self._lock:
            if server is None or self._closed:
                client.close()
                return
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = Link(self, client, server)
            self._links[link] = len(link.threads)
        for thread in link.threads:
            thread.start()

    def _connect(self) -> Optional[socket.socket]:
        host, _, port = self._upstream().rpartition(":")
        try:
            return socket.create_connection((host, int(port)), timeout=None)
        except OSError:
            return None
