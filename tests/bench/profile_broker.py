"""Where the broker's time goes under a load of warren-bench, by perf.

    make profile                   STORAGE=rocksdb, ARGS="--queues 10 --consumers 10"
    WARREN_BINARY=… python tests/bench/profile_broker.py [--seconds N] [--output FILE] [FLAG …]

FLAG is warren-bench's. Without any the load is `--persistent --ack-batch 100`. Prints the broker's
functions that take most, thread by thread; perf's data stay in FILE for `perf report`.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import storages  # noqa: E402
from postgres_server import PostgresServer  # noqa: E402
from warren_process import WarrenProcess, binary  # noqa: E402

DEFAULT_LOAD = ["--persistent", "--ack-batch=100"]
WIDTH = 110  # of a line; names of templates have no end


def profile(broker: WarrenProcess, seconds: float, output: pathlib.Path, load: list[str]) -> None:
    """Loads the broker, and records it meanwhile."""
    bench = [binary("warren-bench"), f"--address={broker.grpc}", f"--duration={seconds}", *load]
    record = [
        "perf", "record", "--quiet", f"--output={output}", f"--pid={broker.pid}", "--",
        *map(str, bench),
    ]  # fmt: skip
    done = subprocess.run(record, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(record)}: status {done.returncode}")


def tell(output: pathlib.Path, least_percent: float) -> None:
    """Prints the functions that take at least so much."""
    report = subprocess.run(
        ["perf", "report", f"--input={output}", "--stdio", "--no-children",
         "--sort=comm,dso,symbol", f"--percent-limit={least_percent}"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    lines = [line for line in report.splitlines() if line.strip() and not line.startswith("#")]
    # The last columns, of address-space ids, are empty.
    print("\n".join(re.sub(r"\s{2,}", "  ", line.rstrip(" -"))[:WIDTH] for line in lines))


def main() -> None:
    """See the head of this file."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("profile.data"))
    parser.add_argument("--least-percent", type=float, default=0.5)
    options, load = parser.parse_known_args()
    names = storages.chosen(storages.from_environment() or "rocksdb", storages.ALL)
    if len(names) != 1:
        sys.exit(f"STORAGE={storages.from_environment()}: one store at a time")
    if reason := storages.why_not(names[0]):
        sys.exit(f"{names[0]}: {reason}")
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        storage = storages.Storage(
            names[0], functools.cache(lambda: stack.enter_context(PostgresServer()))
        )
        broker = stack.enter_context(WarrenProcess(folder, storage=storage.fresh(folder)))
        profile(broker, options.seconds, options.output, load or DEFAULT_LOAD)
    tell(options.output, options.least_percent)


if __name__ == "__main__":
    main()
