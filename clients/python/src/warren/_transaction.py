"""Transactions: publishes and settlements, all together or not at all."""

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

    from warren._connection import Connection


class Transaction:
    """Collects publishes and settlements, and applies them atomically and durably.

    ::

        with connection.transaction() as tx:
            tx.publish("orders", "order.paid", body)
            tx.ack(delivery)

    Leaving the block commits; an exception in it rolls back, which sends nothing and leaves the
    deliveries unsettled. Nothing is sent before the commit. If the broker can't be reached or its
    answer is lost, the commit is sent again, under the same sequence, and takes effect once.

    Not thread-safe; any number of transactions may run at once on one connection.
    """

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

    def commit(self) -> None:
        """Applies everything; returns when it is durable.

        Raises StaleDelivery if a delivery can't be settled any more, NotFound, InvalidArgument or
        PreconditionFailed if the broker refused an entry: nothing has happened then. Raises
        OutcomeUnknown if the broker could not be reached in time: it may have happened.
        """
        buffer = self._buffer
        buffer._check()
        buffer.finished = True
        if buffer.is_empty():
            return
        connection = self._connection
        answer = connection._call_once(
            "Commit", lambda lane: buffer.request(connection.virtual_host, lane), self._timeout
        )
        self.duplicate = answer.duplicate
        buffer.committed()

    def rollback(self) -> None:
        """Forgets everything; the deliveries stay unsettled."""
        self._buffer.finished = True

    def __enter__(self) -> Transaction:
        return self

    def __exit__(
        self,
        exc_type: Optional[type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        if exc_type is not None:
            self.rollback()
        elif not self._buffer.finished:
            self.commit()
