"""Which system does which case, what is compared with what, and what Warren is to reach."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Callable, Optional

from cases import rates
from peers.disk_peer import Disk
from peers.nats_peer import Nats, SyncedNats
from peers.peer import Peer
from peers.postgres_copy_peer import PostgresCopy
from peers.rabbitmq_peer import QuorumRabbitMq, RabbitMq
from peers.relay_peer import Relay
from peers.rocksdb_peer import RocksDb
from peers.skip_locked_peer import SkipLocked
from peers.warren_peer import WarrenMemory, WarrenPostgres, WarrenRocksDb


@dataclasses.dataclass(frozen=True)
class Round:
    """A system that is started, does its cases one after the other, and is stopped."""

    kind: type[Peer]
    cases: tuple[str, ...]
    once: bool = False  # whatever the repeats: it is long, and takes turns by itself


QUEUE = ("keeping_up", "publish_only", "drain")
OTHER_RATES = tuple(rates.name_of(rate) for rate in rates.RATES if rate != 10_000)
# NATS doesn't keep up with more: its consumer acknowledges each message by itself.
RATES_OF_NATS = tuple(rates.name_of(rate) for rate in rates.RATES if rate <= 40_000)
ROUNDS = (
    Round(RabbitMq, (*QUEUE, "keeping_up_transient", "rate_10000", "rate_10000_transient", "python",
                     "python_one_at_a_time")),
    Round(QuorumRabbitMq, QUEUE),
    Round(Nats, QUEUE),
    Round(SyncedNats, ("keeping_up",)),
    Round(Relay, ("keeping_up_transient",)),
    Round(WarrenMemory, ("queued_message", "keeping_up_transient", "rate_10000_transient")),
    Round(WarrenRocksDb, ("queued_message", *QUEUE, "ten_queues", "rate_10000", "python",
                          "python_one_at_a_time")),
    Round(WarrenPostgres, (*QUEUE, "rate_10000", "one_at_a_time", "bare_commit")),
    Round(SkipLocked, QUEUE),
    Round(PostgresCopy, ("copy", "journal_alone")),
    Round(RocksDb, ("commits",)),
    Round(Disk, ("append",)),
    Round(WarrenMemory, ("bindings", "many_queues"), once=True),
    Round(WarrenRocksDb, ("delayed", *OTHER_RATES), once=True),
    Round(WarrenRocksDb, ("backlog",), once=True),
    Round(WarrenPostgres, OTHER_RATES, once=True),
    Round(WarrenPostgres, ("backlog",), once=True),
    Round(RabbitMq, OTHER_RATES, once=True),
    Round(Nats, RATES_OF_NATS, once=True),
)  # fmt: skip

# What was found: (system, case) -> its line of the report.
Found = Mapping[tuple[str, str], Mapping[str, Any]]
Value = Callable[[Found], Optional[float]]


def figure(system: str, case: str, name: str = "msgs_per_s") -> Value:
    """One that was measured; None if it wasn't."""
    return lambda found: found.get((system, case), {}).get(name)


def times(ours: Value, theirs: Value) -> Value:
    """How many times theirs ours is."""

    def value(found: Found) -> Optional[float]:
        a, b = ours(found), theirs(found)
        return round(a / b, 3) if a is not None and b else None

    return value


def versus(ours: str, theirs: str, case: str = "keeping_up") -> Value:
    """Messages a second of the same case."""
    return times(figure(ours, case), figure(theirs, case))


MEMORY, ROCKSDB, POSTGRES = "warren-memory", "warren-rocksdb", "warren-postgres"
RABBITMQ = "rabbitmq"

RATIOS: dict[str, Value] = {
    "transient_vs_rabbitmq": versus(MEMORY, RABBITMQ, "keeping_up_transient"),
    "transient_vs_relay": versus(MEMORY, "relay", "keeping_up_transient"),
    "rocksdb_vs_rabbitmq": versus(ROCKSDB, RABBITMQ),
    "rocksdb_vs_rabbitmq_publish_only": versus(ROCKSDB, RABBITMQ, "publish_only"),
    "rocksdb_vs_rabbitmq_drain": versus(ROCKSDB, RABBITMQ, "drain"),
    "rocksdb_vs_rabbitmq_quorum": versus(ROCKSDB, "rabbitmq-quorum"),
    "rocksdb_vs_nats": versus(ROCKSDB, "nats-jetstream"),
    "rocksdb_vs_nats_synced": versus(ROCKSDB, "nats-synced"),
    "rocksdb_vs_commits": times(figure(ROCKSDB, "publish_only"),
                                figure("rocksdb-commits", "commits")),
    "rocksdb_vs_disk": times(figure(ROCKSDB, "publish_only"), figure("disk", "append")),
    "postgres_vs_rabbitmq": versus(POSTGRES, RABBITMQ),
    "postgres_vs_rabbitmq_publish_only": versus(POSTGRES, RABBITMQ, "publish_only"),
    "postgres_vs_rabbitmq_drain": versus(POSTGRES, RABBITMQ, "drain"),
    "postgres_vs_copy": times(figure(POSTGRES, "keeping_up"), figure("postgres-copy", "copy")),
    "postgres_vs_copy_publish_only": times(figure(POSTGRES, "publish_only"),
                                           figure("postgres-copy", "copy")),
    "postgres_vs_skip_locked": versus(POSTGRES, "skip-locked"),
    "ten_queues_msgs_per_s": figure(ROCKSDB, "ten_queues"),
    "one_at_a_time_vs_bare_commit": times(figure(POSTGRES, "bare_commit"),
                                          figure(POSTGRES, "one_at_a_time")),
    "python_vs_pika": versus(ROCKSDB, RABBITMQ, "python"),
    "python_vs_pika_one_at_a_time": versus(ROCKSDB, RABBITMQ, "python_one_at_a_time"),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Aim:
    """What Warren is to reach, and would like to."""

    what: str
    value: Value
    least: float
    goal: float
    less_is_better: bool = False

    def reached(self, value: float, limit: float) -> bool:
        """Whether it is within the limit."""
        return value <= limit if self.less_is_better else value >= limit


AIMS = (
    Aim("one queue, transient, against RabbitMQ, times", RATIOS["transient_vs_rabbitmq"], 6, 9),
    Aim("the same against a bare relay", RATIOS["transient_vs_relay"], 0.6, 0.85),
    Aim("one queue, persistent, RocksDB, against RabbitMQ", RATIOS["rocksdb_vs_rabbitmq"], 5, 8),
    Aim("the same against NATS JetStream without sync", RATIOS["rocksdb_vs_nats"], 2, 4),
    Aim("one queue, persistent, PostgreSQL, against RabbitMQ",
        RATIOS["postgres_vs_rabbitmq"], 3.5, 6),
    Aim("the same against bare COPY", RATIOS["postgres_vs_copy"], 0.6, 1),
    Aim("the same, every message written, against bare COPY",
        RATIOS["postgres_vs_copy_publish_only"], 0.6, 1),
    Aim("the same against a table with SKIP LOCKED", RATIOS["postgres_vs_skip_locked"], 3, 10),
    Aim("publishing only, RocksDB, against RabbitMQ",
        RATIOS["rocksdb_vs_rabbitmq_publish_only"], 3, 5),
    Aim("draining, RocksDB, against RabbitMQ", RATIOS["rocksdb_vs_rabbitmq_drain"], 3, 5),
    Aim("publishing only, PostgreSQL, against RabbitMQ",
        RATIOS["postgres_vs_rabbitmq_publish_only"], 3, 5),
    Aim("draining, PostgreSQL, against RabbitMQ", RATIOS["postgres_vs_rabbitmq_drain"], 3, 5),
    Aim("ten queues, persistent, RocksDB, messages a second",
        RATIOS["ten_queues_msgs_per_s"], 100_000, 150_000),
    Aim("p99 end to end at 10,000/s, RocksDB, ms", figure(ROCKSDB, "rate_10000", "p99_ms"), 5, 2,
        less_is_better=True),
    Aim("p99 of the confirm at 10,000/s, RocksDB, ms",
        figure(ROCKSDB, "rate_10000", "confirm_p99_ms"), 5, 2, less_is_better=True),
    Aim("p99 of the confirm at 10,000/s, PostgreSQL, ms",
        figure(POSTGRES, "rate_10000", "confirm_p99_ms"), 10, 4, less_is_better=True),
    Aim("p99 of the confirm at 10,000/s, RocksDB, against RabbitMQ's",
        times(figure(ROCKSDB, "rate_10000", "confirm_p99_ms"),
              figure(RABBITMQ, "rate_10000", "confirm_p99_ms")), 1, 1, less_is_better=True),
    Aim("p99 of the confirm at 10,000/s, PostgreSQL, against RabbitMQ's",
        times(figure(POSTGRES, "rate_10000", "confirm_p99_ms"),
              figure(RABBITMQ, "rate_10000", "confirm_p99_ms")), 1, 1, less_is_better=True),
    Aim("p99 end to end at 10,000/s, transient, ms",
        figure(MEMORY, "rate_10000_transient", "p99_ms"), 3, 1, less_is_better=True),
    Aim("one message at a time, PostgreSQL, against a bare commit, times its time",
        RATIOS["one_at_a_time_vs_bare_commit"], 1.5, 1.2, less_is_better=True),
    Aim("Python, persistent, confirmed, against pika", RATIOS["python_vs_pika"], 2, 5),
    Aim("memory of a queued message of 100 bytes, bytes",
        figure(MEMORY, "queued_message", "bytes_per_message"), 350, 200, less_is_better=True),
    Aim("the same, persistent, RocksDB",
        figure(ROCKSDB, "queued_message", "bytes_per_message"), 350, 200, less_is_better=True),
    Aim("100,000 bindings that don't match against 1,000, times the time",
        figure(MEMORY, "bindings", "times_the_time"), 1.5, 1.1, less_is_better=True),
    Aim("10,000 queues, 1,000 consumers, of one queue's rate",
        figure(MEMORY, "many_queues", "of_one_queue"), 0.6, 0.9),
    Aim("the same, settled by hundreds, all consumers at once",
        figure(MEMORY, "many_queues", "in_batches_of_one_queue"), 0.6, 0.9),
    Aim("1,000,000 delayed messages pending, lateness p99, ms",
        figure(ROCKSDB, "delayed", "late_p99_ms"), 20, 5, less_is_better=True),
    Aim("the rate beside them, of that without",
        figure(ROCKSDB, "delayed", "of_without"), 0.7, 0.95),
    Aim("a backlog of 5,000,000 in the queue, of the rate without",
        figure(ROCKSDB, "backlog", "of_without"), 0.7, 0.95),
    Aim("the same, PostgreSQL", figure(POSTGRES, "backlog", "of_without"), 0.7, 0.95),
)  # fmt: skip
