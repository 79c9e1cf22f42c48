"""Warren beside other systems on this machine, under the same load.

    make compare                 REPEATS=3 ARGS="--systems rabbitmq,warren-rocksdb --seconds 5"
    python3 tests/bench/compare.py --build build

Each system is started with an empty store, alone on the machine, once a repeat; its cases follow
each other; then it is stopped and all that it left is removed. plan.py says who does what, and
cases/ what each case is: mostly one queue, one producer that has at most WINDOW messages without
confirm, one consumer that acknowledges many messages at once. Beyond cases/ there are

    copy                  the rows alone, by binary COPY: what PostgreSQL could do at best
    journal_alone         the same rows as Warren's journal writes them, without a broker
    commits               the messages alone in RocksDB, in synced group commits
    append                the bytes alone, in order, with a sync as often as a window is full

CPU seconds are those of servers and load generator together, a database included; memory is the
servers' peak, where shared pages count once. Figures are medians over the repeats. Stores lie in
the system's temporary folder; set TMPDIR to have them on another disk.

Writes BUILD/compare.json and, with --page, a page with the tables and charts. Exits with 1 if a run
failed or lost a message; the others go on. A system that isn't installed is left out.
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
from typing import Any, Optional

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from cases import CASES  # noqa: E402
from page import write_page  # noqa: E402
from peers.peer import Figures, LoadedPeer, SelfLoadedPeer, Settings, Unavailable  # noqa: E402
from plan import AIMS, RATIOS, ROUNDS, Round  # noqa: E402

Key = tuple[str, str]  # system, case


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """The flags."""
    names = list(dict.fromkeys(one.kind.name for one in ROUNDS))
    known_cases = {case for one in ROUNDS for case in one.cases}
    parser = argparse.ArgumentParser(description="Compare Warren with other systems.")
    add = parser.add_argument
    add("--build", type=Path, default=ROOT / "build", help="build folder (%(default)s)")
    add("--out", type=Path, help="where the JSON goes (BUILD/compare.json)")
    add("--page", type=Path, help="a page to write, with charts in images/ beside it (none)")
    add("--repeats", type=int, default=3, help="of all but what is long (%(default)s)")
    add("--systems", help=f"some of {','.join(names)}")
    add("--cases", help=f"some of {','.join(sorted(known_cases))}")
    add("--seconds", type=float, default=6, help="of a case that runs by time (%(default)s)")
    add("--warmup", type=float, default=2, help="seconds before that (%(default)s)")
    add("--messages", type=int, default=300_000, help="of a case that counts (%(default)s)")
    add("--scale", type=float, default=1, help="of what is large: bindings, backlog (%(default)s)")
    add("--turns", type=int, default=3, help="of cases that take turns (%(default)s)")
    add("--size", type=int, default=1024, help="bytes of a message (%(default)s)")
    add("--window", type=int, default=2000, help="unconfirmed messages (%(default)s)")
    add("--prefetch", type=int, default=5000, help="unsettled messages (%(default)s)")
    add("--ack-batch", type=int, default=100, help="messages an acknowledgement (%(default)s)")
    flags = parser.parse_args(argv)
    for what, asked, known in (("systems", flags.systems, set(names)),
                               ("cases", flags.cases, known_cases)):  # fmt: skip
        unknown = set(asked.split(",")) - known if asked else set()
        if unknown:
            parser.error(f"unknown {what} {', '.join(sorted(unknown))}; "
                         f"known are {', '.join(sorted(known))}")  # fmt: skip
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
        ["dpkg-query", "-W", "-f", "${Package}=${Version}\\n", "postgresql-*[0-9]",
         "librocksdb*[0-9]", "libgrpc++1*"],
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


class Comparison:
    """What has been found so far."""

    def __init__(self, settings: Settings, cases: Optional[set[str]]) -> None:
        """Nothing yet. `cases`: these alone."""
        self.found: dict[Key, list[Figures]] = {}
        self.left_out: dict[str, str] = {}
        self.failed: list[str] = []
        self.versions: dict[str, str] = {}
        self._settings = settings
        self._cases = cases

    def run(self, one: Round) -> None:
        """All its cases, from the system's start to its end. One that fails ends no other."""
        name = one.kind.name
        cases = [case for case in one.cases if self._cases is None or case in self._cases]
        if not cases or name in self.left_out:
            return
        with tempfile.TemporaryDirectory(prefix=f"compare-{name}-") as folder:
            peer = one.kind(self._settings, Path(folder))
            try:
                peer.start()
                self.versions[name] = peer.version()
                for case in cases:
                    self._run_case(peer, case)
            except Unavailable as why:
                self.left_out[name] = str(why)
                print(f"  {name:18} left out: {why}", flush=True)
            except (AssertionError, OSError, RuntimeError) as error:
                self._fail(f"{name}: {error}")
            finally:
                peer.stop()

    def _run_case(self, peer: Any, case: str) -> None:
        try:
            if isinstance(peer, SelfLoadedPeer):
                figures = peer.run(case)
            else:
                assert isinstance(peer, LoadedPeer)
                figures = CASES[case](peer)
        except Exception as error:  # a client's, a generator's, the system's
            self._fail(f"{peer.name}, {case}: {error!r}")
            return
        self.found.setdefault((peer.name, case), []).append(figures)
        rate = f"{figures.msgs_per_s:12,.0f} msg/s" if figures.msgs_per_s is not None else ""
        more = " ".join(f"{name}={value:,.3g}" for name, value in figures.more.items())
        print(f"  {peer.name:18} {case:22} {rate} {more}".rstrip(), flush=True)

    def _fail(self, what: str) -> None:
        self.failed.append(what)
        print(f"  FAILED {what}", flush=True)


def median(values: Sequence[Optional[float]]) -> Optional[float]:
    """Of figures that a case has, or has not."""
    there = [value for value in values if value is not None]
    return round(statistics.median(there), 3) if there else None


def summary(key: Key, figures: Sequence[Figures]) -> dict[str, Any]:
    """One line of the report."""
    names = dict.fromkeys(name for f in figures for name in f.more)
    rates = [f.msgs_per_s for f in figures if f.msgs_per_s is not None]
    return {
        "system": key[0],
        "case": key[1],
        "msgs_per_s": median([f.msgs_per_s for f in figures]),
        "p50_ms": median([f.p50_ms for f in figures]),
        "p99_ms": median([f.p99_ms for f in figures]),
        "cpu_s_per_million": median([f.cpu_s_per_million for f in figures]),
        "rss_mib": median([f.rss_mib for f in figures]),
        "msgs_per_s_of_repeats": [round(rate) for rate in rates],
        **{name: median([f.more.get(name) for f in figures]) for name in names},
    }


def aims(found: dict[Key, dict[str, Any]]) -> list[dict[str, Any]]:
    """What was to be reached, and whether it is; null where it wasn't measured."""
    lines = []
    for aim in AIMS:
        value = aim.value(found)
        lines.append({
            "what": aim.what,
            "value": value,
            "least": aim.least,
            "goal": aim.goal,
            "reached": None if value is None else aim.reached(value, aim.least),
            "goal_reached": None if value is None else aim.reached(value, aim.goal),
        })  # fmt: skip
    return lines


def table(report: dict) -> str:
    """The report for reading."""

    def cell(value: Optional[float]) -> str:
        return f"{value:>10,.1f}" if value is not None else f"{'':>10}"

    lines = [f"{'system':18} {'case':22} {'msg/s':>10} {'p50 ms':>10} {'p99 ms':>10} "
             f"{'CPU s/1e6':>10} {'MiB':>10}"]  # fmt: skip
    for run in report["runs"]:
        figures = " ".join(cell(run[name]) for name in
                           ("p50_ms", "p99_ms", "cpu_s_per_million", "rss_mib"))  # fmt: skip
        lines.append(f"{run['system']:18} {run['case']:22} {cell(run['msgs_per_s'])} {figures}")
    lines += ["", *(f"{name:42} {value:12,.2f}" for name, value in report["ratios"].items()), ""]
    for aim in report["aims"]:
        if aim["value"] is not None:
            verdict = ("goal reached" if aim["goal_reached"]
                       else "reached" if aim["reached"] else "NOT reached")  # fmt: skip
            lines.append(f"{aim['what']:75} {aim['value']:12,.2f}  {verdict}")
    return "\n".join(lines)


def main(argv: Sequence[str]) -> int:
    """Runs the comparison."""
    flags = arguments(argv)
    settings = Settings(
        binaries=flags.build.resolve() / "bin",
        seconds=flags.seconds,
        warmup_s=flags.warmup,
        messages=flags.messages,
        scale=flags.scale,
        turns=flags.turns,
        size=flags.size,
        window=flags.window,
        prefetch=flags.prefetch,
        ack_batch=flags.ack_batch,
    )
    systems = set(flags.systems.split(",")) if flags.systems else None
    about = machine()
    comparison = Comparison(settings, set(flags.cases.split(",")) if flags.cases else None)
    for repeat in range(flags.repeats):
        print(f"repeat {repeat + 1} of {flags.repeats}")
        for one in ROUNDS:
            if (systems is None or one.kind.name in systems) and (repeat == 0 or not one.once):
                comparison.run(one)
    runs = [summary(key, figures) for key, figures in comparison.found.items()]
    found = {(run["system"], run["case"]): run for run in runs}
    ratios = {name: value(found) for name, value in RATIOS.items()}
    report = {
        "machine": about,
        "versions": comparison.versions,
        "settings": {key: value for key, value in vars(settings).items() if key != "binaries"},
        "repeats": flags.repeats,
        "runs": runs,
        "ratios": {name: value for name, value in ratios.items() if value is not None},
        "aims": aims(found),
        "left_out": comparison.left_out,
        "failed": comparison.failed,
    }
    out = flags.out or flags.build / "compare.json"
    out.write_text(json.dumps(report, indent=2) + "\n")
    print(f"\n{table(report)}\n\nwritten to {out}")
    if flags.page:
        write_page(report, flags.page)
        print(f"written to {flags.page}")
    return 1 if comparison.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
