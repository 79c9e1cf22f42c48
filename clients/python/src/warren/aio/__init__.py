"""The client for asyncio: what `warren` offers, awaited.

::

    async with warren.aio.connect("127.0.0.1:7171") as connection:
        async with connection.consume("tasks") as consumer:
            async for delivery in consumer:
                ...
                delivery.ack()

Everything here belongs to the event loop that it was made on. Settling a delivery of a consumer
is a plain call, not a coroutine: the settlement leaves with the next frame.
"""

from warren.aio._connection import Connection, connect
from warren.aio._consumer import Consumer
from warren.aio._publisher import Publisher
from warren.aio._transaction import Transaction

__all__ = ["Connection", "Consumer", "Publisher", "Transaction", "connect"]
