"""PostgreSQL gives back the space of what was settled, though one message is never settled.

`make prove-space` runs it in full.
"""

import pytest
import storages
import warren
from bench import Watch, bench
from postgres_server import PostgresServer

MIB = 1 << 20
SIZE = 1024
WINDOW = 10_000
PINNED = b"pinned from the start"
QUEUE = "warren-bench-0"  # of the load, too

SCHEMA_BYTES = """
    SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'warren' AND c.relkind = 'r'"""
DEAD_ROWS = "SELECT coalesce(sum(n_dead_tup), 0) FROM pg_stat_user_tables"
WAL_BYTES = "SELECT pg_current_wal_lsn() - '0/0'"


@pytest.mark.timeout(3600)
def test_one_message_that_stays_does_not_hold_the_space_of_others(new_broker, full, report):
    """The load settles what was confirmed before, so each message is really written."""
    if reason := storages.why_not("postgres"):
        pytest.skip(reason)
    messages, most_mib, most_dead = (5_000_000, 300, 1000) if full else (200_000, 150, 1000)
    with PostgresServer(settings=["max_wal_size = 1GB"]) as server:
        url = server.create_database()

        def sample():
            return [int(server.query("test1", sql)[0][0]) for sql in (SCHEMA_BYTES, DEAD_ROWS)]

        def wal():
            return int(server.query("test1", WAL_BYTES)[0][0])

        broker = new_broker(url).start()
        with warren.connect(broker.grpc, timeout=60) as connection:
            connection.declare_queue(QUEUE, durable=True)
            connection.publish("", QUEUE, PINNED)
            with connection.consume(QUEUE, prefetch=1) as holder:
                assert holder.get(60).body == PINNED
                written = -wal()
                with Watch(sample, 1.0 if full else 0.2) as watch:
                    load = bench(
                        broker, "--persistent", "--keep", f"--size={SIZE}", f"--count={messages}",
                        f"--window={WINDOW}", f"--ack-lag={WINDOW}", "--ack-batch=100",
                        f"--prefetch={3 * WINDOW}",
                    )  # fmt: skip
                written += wal()
                broker.kill()
        sizes = [size / MIB for _, (size, _) in watch.samples]
        dead = [rows for _, (_, rows) in watch.samples]
        report({
            "messages": f"{messages} of {SIZE} bytes, {messages * SIZE // MIB} MiB",
            "rate": f"{load['confirmed_per_s']:.0f} messages a second",
            "write-ahead log": f"{written / MIB:.0f} MiB",
            "largest schema": f"{max(sizes):.0f} MiB in {len(sizes)} samples; last {sizes[-1]:.0f}",
            "most dead rows": f"{max(dead)}; last {dead[-1]}",
        })  # fmt: skip

        broker.start()
        with warren.connect(broker.grpc, timeout=60) as connection:
            left = connection.get(QUEUE, 10, auto_ack=True)
        assert [(d.body, d.redelivered) for d in left] == [(PINNED, True)]
        assert (load["consumed"], load["out_of_order"]) == (messages, 0)
        assert written > messages * SIZE, "not all messages were written"
        assert max(sizes) < most_mib
        assert max(dead) < most_dead
        broker.stop()
