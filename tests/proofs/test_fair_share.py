"""Publishers as fast as they can, and a consumer that must get its share beside them."""

from __future__ import annotations

from bench import bench
from warren_process import WarrenProcess

STORAGES = ("rocksdb",)  # the store has no part in this


def test_ten_busy_publishers_do_not_starve_a_consumer(broker: WarrenProcess) -> None:
    """It gets a good part of what they publish: a quarter or more, mostly; 1/40 if all took turns.

    Its prefetch is small beside what the publishers have under way, so how much it gets depends on
    how long the broker lets its acknowledgements wait.
    """
    run = bench(broker, "--producers=10", "--window=2000", "--prefetch=500", "--ack-batch=10",
                "--warmup=0.5", "--duration=1.5", timeout=120)  # fmt: skip
    assert run["consumed_per_s"] > run["published_per_s"] / 12, run
