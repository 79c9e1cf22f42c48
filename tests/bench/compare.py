"""Warren beside other systems on this machine, under the same load.

    make compare                 REPEATS=3 ARGS="--systems rabbitmq,warren-rocksdb --seconds 5"
    python3 tests/bench/compare.py --build build

Each system is started with an empty store, alone on the machine, once a repeat; its cases follow
each other; then it is stopped and all that it left is removed. One queue, one producer that has at
most WINDOW messages without confirm, one consumer that acknowledges many messages at once:

    keeping_up            both at once; persistent messages, durable queue; latency end to end
    keeping_up_transient  the same, neither persistent nor durable
    publish_only          MESSAGES persistent messages, nobody consumes; latency until the confirm
    drain                 they are consumed
    copy                  the rows alone, by binary COPY: what PostgreSQL could do at best
    journal_alone         the same rows as Warren's journal writes them, without a broker
    append                the bytes alone, in order, with a sync as often as a window is full

CPU seconds are those of servers and load generator together, a database included; memory is the
servers' peak, where shared pages count once. Figures are medians over the repeats. Stores lie in
the system's temporary folder; set TMPDIR to have them on another disk.

Exits with 1 if a run failed or lost a message. A system that isn't installed is left out.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from peers.disk_peer import Disk  # noqa: E402
from peers.nats_peer import Nats  # noqa: E402
from peers.peer import Figures, Peer, Settings, Unavailable  # noqa: E402
from peers.postgres_copy_peer import PostgresCopy  # noqa: E402
from peers.rabbitmq_peer import RabbitMq  # noqa: E402
from peers.skip_locked_peer import SkipLocked  # noqa: E402
from peers.warren_peer import WarrenMemory, WarrenPostgres, WarrenRocksDb  # noqa: E402

PEERS: list[type[Peer]] = [RabbitMq, Nats, WarrenMemory, WarrenRocksDb, WarrenPostgres,
                           SkipLocked, PostgresCopy, Disk]

# Name -> whose messages a second by whose, each as (system, case).
RATIOS = {
    "transient_vs_rabbitmq": (("warren-memory", "keeping_up_transient"),
                              ("rabbitmq", "keeping_up_transient")),
    "rocksdb_vs_rabbitmq": (("warren-rocksdb", "keeping_up"), ("rabbitmq", "keeping_up")),
    "rocksdb_vs_rabbitmq_publish_only": (("warren-rocksdb", "publish_only"),
                                         ("rabbitmq", "publish_only")),
    "rocksdb_vs_rabbitmq_drain": (("warren-rocksdb", "drain"), ("rabbitmq", "drain")),
    "postgres_vs_rabbitmq": (("warren-postgres", "keeping_up"), ("rabbitmq", "keeping_up")),
    "postgres_vs_rabbitmq_publish_only": (("warren-postgres", "publish_only"),
                                          ("rabbitmq", "publish_only")),
    "postgres_vs_rabbitmq_drain": (("warren-postgres", "drain"), ("rabbitmq", "drain")),
    "rocksdb_vs_nats": (("warren-rocksdb", "keeping_up"), ("nats-jetstream", "keeping_up")),
    "postgres_vs_skip_locked": (("warren-postgres", "keeping_up"), ("skip-locked", "keeping_up")),
    "postgres_vs_copy": (("warren-postgres", "publish_only"), ("postgres-copy", "copy")),
    "postgres_journal_vs_copy": (("postgres-copy", "journal_alone"), ("postgres-copy", "copy")),
    "rocksdb_vs_disk": (("warren-rocksdb", "publish_only"), ("disk", "append")),
}  # fmt: skip

Key = tuple[str, str]  # system, case


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(description="Compare Warren with other systems.")
    add = parser.add_argument
    add("--build", type=Path, default=ROOT / "build", help="build folder (%(default)s)")
    add("--out", type=Path, help="where the JSON goes (BUILD/compare.json)")
    add("--repeats", type=int, default=3, help="of everything (%(default)s)")
    add("--systems", help=f"some of {','.join(peer.name for peer in PEERS)}")
    add("--cases", help="some of those above")
    add("--seconds", type=float, default=10, help="of a case that runs by time (%(default)s)")
    add("--warmup", type=float, default=2, help="seconds before that (%(default)s)")
    add("--messages", type=int, default=300_000, help="of a case that counts (%(default)s)")
    add("--size", type=int, default=1024, help="bytes of a message (%(default)s)")
    add("--window", type=int, default=2000, help="unconfirmed messages (%(default)s)")
    add("--prefetch", type=int, default=5000, help="unsettled messages (%(default)s)")
    add("--ack-batch", type=int, default=100, help="messages an acknowledgement (%(default)s)")
    flags = parser.parse_args(argv)
    names = {peer.name for peer in PEERS}
    unknown = set(flags.systems.split(",")) - names if flags.systems else set()
    if unknown:
        parser.error(f"unknown systems {', '.join(unknown)}; known are {', '.join(sorted(names))}")
    return flags


def file_system(folder: str) -> str:
    """Its type: on tmpfs, say, durable is not what it seems."""
    done = subprocess.run(
        ["stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def machine() -> dict[str, object]:
    """What the figures depend on."""
    cpu = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
           if line.startswith("model name")]  # fmt: skip
    packages = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package}=${Version}\\n", "rabbitmq-server", "erlang-base",
         "nats-server", "postgresql-*[0-9]", "librocksdb*[0-9]", "libgrpc++1*"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "cpu": cpu[0] if cpu else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "stores_on": file_system(tempfile.gettempdir()),
        "load_before": os.getloadavg()[0],
        "warren": commit.stdout.strip(),
        "packages": packages.stdout.split(),
    }


def run_once(
    kind: type[Peer], settings: Settings, cases: Optional[set[str]]
) -> dict[str, Figures]:
    """All cases of a system, from its start to its end."""
    with tempfile.TemporaryDirectory(prefix=f"compare-{kind.name}-") as folder:
        peer = kind(settings, Path(folder))
        figures = {}
        try:
            peer.start()
            for case in kind.cases:
                if cases is None or case in cases:
                    figures[case] = peer.run(case)
                    print(f"  {kind.name:18} {case:22} {figures[case].msgs_per_s:10,.0f} msg/s",
                          flush=True)  # fmt: skip
        finally:
            peer.stop()
        return figures


def median(values: Sequence[Optional[float]]) -> Optional[float]:
    """Of figures that a case has, or has not."""
    there = [value for value in values if value is not None]
    return round(statistics.median(there), 3) if there else None


def summary(key: Key, figures: Sequence[Figures]) -> dict[str, object]:
    """One line of the report."""
    return {
        "system": key[0],
        "case": key[1],
        "msgs_per_s": median([f.msgs_per_s for f in figures]),
        "p50_ms": median([f.p50_ms for f in figures]),
        "p99_ms": median([f.p99_ms for f in figures]),
        "cpu_s_per_million": median([f.cpu_s_per_million for f in figures]),
        "rss_mib": median([f.rss_mib for f in figures]),
        "msgs_per_s_of_repeats": [round(f.msgs_per_s) for f in figures],
    }


def ratios(runs: Sequence[dict[str, object]]) -> dict[str, float]:
    """Those whose both sides were measured."""
    rates = {(run["system"], run["case"]): run["msgs_per_s"] for run in runs}
    return {
        name: round(rates[ours] / rates[theirs], 2)
        for name, (ours, theirs) in RATIOS.items()
        if ours in rates and theirs in rates
    }


def table(report: dict) -> str:
    """The report for reading."""

    def cell(value: Optional[float]) -> str:
        return f"{value:>10,.1f}" if value is not None else f"{'':>10}"

    lines = [f"{'system':18} {'case':22} {'msg/s':>10} {'p50 ms':>10} {'p99 ms':>10} "
             f"{'CPU s/1e6':>10} {'MiB':>10}"]  # fmt: skip
    for run in report["runs"]:
        figures = " ".join(cell(run[name]) for name in
                           ("p50_ms", "p99_ms", "cpu_s_per_million", "rss_mib"))  # fmt: skip
        lines.append(f"{run['system']:18} {run['case']:22} {run['msgs_per_s']:>10,.0f} {figures}")
    lines += ["", *(f"{name:42} {value:8.2f}" for name, value in report["ratios"].items())]
    return "\n".join(lines)


def main(argv: Sequence[str]) -> int:
    """Runs the comparison."""
    flags = arguments(argv)
    settings = Settings(
        binaries=flags.build.resolve() / "bin",
        seconds=flags.seconds,
        warmup_s=flags.warmup,
        messages=flags.messages,
        size=flags.size,
        window=flags.window,
        prefetch=flags.prefetch,
        ack_batch=flags.ack_batch,
    )
    chosen = flags.systems.split(",") if flags.systems else [peer.name for peer in PEERS]
    cases = set(flags.cases.split(",")) if flags.cases else None
    about = machine()
    found: dict[Key, list[Figures]] = {}
    left_out: dict[str, str] = {}
    failed: list[str] = []
    for repeat in range(flags.repeats):
        print(f"repeat {repeat + 1} of {flags.repeats}")
        for kind in PEERS:
            if kind.name not in chosen or kind.name in left_out:
                continue
            try:
                for case, figures in run_once(kind, settings, cases).items():
                    found.setdefault((kind.name, case), []).append(figures)
            except Unavailable as why:
                left_out[kind.name] = str(why)
                print(f"  {kind.name:18} left out: {why}")
            except (AssertionError, OSError, RuntimeError) as error:
                failed.append(f"{kind.name}: {error}")
                print(f"  {kind.name:18} FAILED: {error}")
    runs = [summary(key, figures) for key, figures in found.items()]
    report = {
        "machine": about,
        "settings": {key: value for key, value in vars(settings).items() if key != "binaries"},
        "repeats": flags.repeats,
        "runs": runs,
        "ratios": ratios(runs),
        "left_out": left_out,
        "failed": failed,
    }
    out = flags.out or flags.build / "compare.json"
    out.write_text(json.dumps(report, indent=2) + "\n")
    print(f"\n{table(report)}\n\nwritten to {out}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
