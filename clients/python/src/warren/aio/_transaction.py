"""Transactions for asyncio."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Optional

from warren._commit import TransactionBuffer
from warren._delivery import Delivery
from warren._publication import Body, PublishOptions, encode_publication
from warren._settle import Settle
from warren._values import Duration

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from warren.aio._connection import Connection


class Transaction:
    """As `warren.Transaction`; `async with` commits on success and rolls back on an exception."""

    def __init__(self, connection: Connection, timeout: float) -> None:
        """Use `Connection.transaction`."""
        self._connection = connection
        self._timeout = timeout
        self._buffer = TransactionBuffer()
        #: After the commit: whether it had to be sent again, and had taken effect before.
        self.duplicate = False

    def publish(
        self, exchange: str, routing_key: str, body: Body, **options: Unpack[PublishOptions]
    ) -> None:
        """Adds a message; up to 10,000 fit in one transaction."""
        self._buffer.publish(encode_publication(exchange, routing_key, body, options))

    def ack(self, *deliveries: Delivery) -> None:
        """Adds: these are done."""
        self._buffer.settle(deliveries, Settle.ACK)

    def requeue(self, *deliveries: Delivery) -> None:
        """Adds: deliver these again."""
        self._buffer.settle(deliveries, Settle.REQUEUE)

    def reject(self, *deliveries: Delivery) -> None:
        """Adds: dead-letter or drop these."""
        self._buffer.settle(deliveries, Settle.REJECT)

    def retry(self, *deliveries: Delivery, delay: Optional[Duration] = None) -> None:
        """Adds: deliver these again after `delay`, or as the queue's retry policy says."""
        self._buffer.settle(deliveries, Settle.RETRY, delay)

    async def commit(self) -> None:
        """As `warren.Transaction.commit`."""
        buffer = self._buffer
        buffer._check()
        buffer.finished = True
        if buffer.is_empty():
            return
        connection = self._connection
        answer = await connection._call_once(
            "Commit", lambda lane: buffer.request(connection.virtual_host, lane), self._timeout
        )
        self.duplicate = answer.duplicate
        buffer.committed()

    def rollback(self) -> None:
        """Forgets everything; the deliveries stay unsettled."""
        self._buffer.finished = True

    async def __aenter__(self) -> Transaction:
        return self

    async def __aexit__(
        self,
        exc_type: Optional[type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        if exc_type is not None:
            self.rollback()
        elif not self._buffer.finished:
            await self.commit()
