"""The consumer of all_logs: bulk-writes to Elasticsearch, and acknowledges after."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Sequence
from typing import Any

import warren
from elasticsearch import ApiError, Elasticsearch, TransportError
from elasticsearch.helpers import bulk

_log = logging.getLogger("examples")


class Indexer:
    """A thread that writes what is in a queue to an index.

    A document's id is its message id, so an entry that is delivered twice, since its
    acknowledgement was lost, overwrites itself: nothing is lost, nothing is doubled.
    """

    def __init__(
        self, connection: warren.Connection, queue: str, url: str, index: str, batch: int
    ) -> None:
        self.indexed = 0
        self.requeued = 0
        self.latencies: list[float] = []
        self._connection = connection
        self._queue = queue
        self._client = Elasticsearch(url, retry_on_timeout=False, max_retries=0)
        self._index = index
        self._batch = batch
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="indexer", daemon=True)

    def start(self) -> None:
        """Begins to consume."""
        self._thread.start()

    def stop(self) -> None:
        """Finishes the batch at hand."""
        self._stop.set()
        self._thread.join()
        self._client.close()

    def _run(self) -> None:
        # Twice the batch: the next one arrives while this one is written.
        with self._connection.consume(self._queue, prefetch=2 * self._batch) as consumer:
            while not self._stop.is_set():
                batch = consumer.get_batch(self._batch, timeout=0.1)
                if batch:
                    self._write(batch)

    def _write(self, batch: Sequence[warren.Delivery]) -> None:
        entries = {delivery.message_id: json.loads(delivery.body) for delivery in batch}
        actions = ({"_index": self._index, "_id": i, "_source": e} for i, e in entries.items())
        failed: set[str] = set()
        try:
            _, errors = bulk(self._client, actions, chunk_size=self._batch, raise_on_error=False)
            failed = {_failed_id(error) for error in errors} if isinstance(errors, list) else set()
        except (ApiError, TransportError) as error:
            _log.info("Elasticsearch takes nothing: %s", error)
            failed = set(entries)
        now = time.time()
        for delivery in batch:
            if delivery.message_id in failed:
                delivery.requeue()  # the queue's retry policy makes a pause
                self.requeued += 1
            elif delivery.ack():
                self.indexed += 1
                self.latencies.append(now - entries[delivery.message_id]["published"])


def _failed_id(error: Any) -> str:
    """The document's id in an item of a bulk answer: {"index": {"_id": ...}}."""
    return str(next(iter(error.values()))["_id"])
