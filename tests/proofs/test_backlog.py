"""A queue far larger than the memory for it: nothing is refused, lost, out of order or slow.

`make prove-backlog` runs it in full.
"""

import pytest
from bench import bench

MIB = 1 << 20
SIZE = 1024
LOAD = (f"--size={SIZE}", "--ack-batch=100")


@pytest.mark.timeout(3600)
def test_a_backlog_beyond_memory_is_drained_complete_and_in_order(
    new_broker, storage, full, report
):
    """Transient messages in the store that keeps none; persistent ones in the others."""
    messages, limit_mib, resident_mib = (2_000_000, 256, 600) if full else (100_000, 24, 300)
    kind = ["--persistent"] if storage.durable else []
    broker = new_broker(storage, f"--memory-limit={limit_mib}MiB").start()

    def without_backlog():
        return bench(broker, *LOAD, *kind, f"--count={messages // 4}")["consumed_per_s"]

    before = without_backlog()
    filled = bench(broker, *LOAD, *kind, "--consumers=0", "--keep", f"--count={messages}")
    drained = bench(broker, *LOAD, *kind, "--producers=0", f"--count={messages}")
    highest_mib = broker.high_water_mib
    after = without_backlog()
    report({
        "messages": f"{messages} of {SIZE} bytes, {messages * SIZE // MIB} MiB",
        "memory limit": f"{limit_mib} MiB",
        "highest resident memory": f"{highest_mib:.0f} MiB",
        "without a backlog": f"{before:.0f} and then {after:.0f} messages a second",
        "filled at": f"{filled['confirmed_per_s']:.0f} messages a second",
        "drained at": f"{drained['consumed_per_s']:.0f} messages a second",
    })  # fmt: skip

    assert filled["confirmed"] == messages
    assert (drained["consumed"], drained["redelivered"], drained["out_of_order"]) == (
        messages, 0, 0,
    )  # fmt: skip
    assert highest_mib < resident_mib
    if full:  # a short run says more about the machine's other work
        assert drained["consumed_per_s"] >= min(before, after) / 2
