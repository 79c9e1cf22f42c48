"""Whether the simulator finds faults: puts each one of tests/sim/faults into a copy of the
sources, builds it, and looks for the first seed that fails.

    python tests/sim/teeth.py --build build-teeth                 # all of them
    python tests/sim/teeth.py --build build-teeth cycle_rule_dropped

A fault is a patch whose first lines say what is wrong with it, and, unless the simulator is to
catch it, `caught by: TEST_BINARY FILTER`. The last line says how many were caught; --table
prints the rows of docs/testing.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
FAULTS = ROOT / "tests" / "sim" / "faults"
SOURCES = ["CMakeLists.txt", "server", "storage", "sync", "tests"]
SEEDS = 10_000
TIME_S = 300


@dataclasses.dataclass(frozen=True)
class Fault:
    name: str
    what: str
    caught_by: str  # a test binary and a filter; "" is the simulator
    patch: pathlib.Path


def read(patch: pathlib.Path) -> Fault:
    head = patch.read_text().split("--- a/", 1)[0].strip().splitlines()
    caught_by = [line for line in head if line.startswith("caught by: ")]
    what = " ".join(line for line in head if line and line not in caught_by)
    return Fault(patch.stem, what, caught_by[0].removeprefix("caught by: ") if caught_by else "",
                 patch)


def faults() -> list[Fault]:
    return [read(patch) for patch in sorted(FAULTS.glob("*.patch"))]


def copy_sources(build: pathlib.Path) -> pathlib.Path:
    """Keeps the times of files that haven't changed, so that little is built anew."""
    sources = build / "sources"
    for name in SOURCES:
        if not (ROOT / name).exists():
            continue
        source = ROOT / name
        to = sources / name
        files = [source] if source.is_file() else [f for f in source.rglob("*") if f.is_file()]
        wanted = set()
        for file in files:
            copy = to if source.is_file() else to / file.relative_to(source)
            wanted.add(copy)
            if not copy.exists() or copy.read_bytes() != file.read_bytes():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)
        for old in [] if source.is_file() else list(to.rglob("*")):
            if old.is_file() and old not in wanted:
                old.unlink()
    return sources


def run(*command: str | pathlib.Path, cwd: pathlib.Path = ROOT) -> None:
    done = subprocess.run([str(c) for c in command], cwd=cwd, text=True, capture_output=True,
                          check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")


def build_all(build: pathlib.Path, targets: set[str], jobs: int) -> None:
    run("ninja", "-C", build / "cmake", f"-j{jobs}", *sorted(targets))


@dataclasses.dataclass(frozen=True)
class Caught:
    by: str  # the seed, or the test; "" if it wasn't
    seconds: float
    how: str


def search(build: pathlib.Path, fault: Fault) -> Caught:
    started = time.monotonic()
    if fault.caught_by:
        binary, test = fault.caught_by.split(" ", 1)
        command = [str(build / "cmake" / "tests" / binary), f"--gtest_filter={test}"]
    else:
        command = [str(build / "cmake" / "bin" / "warren-sim"), "--no-shrink", "--seeds",
                   f"1-{SEEDS}"]
    try:
        done = subprocess.run(command, text=True, capture_output=True, check=False, timeout=TIME_S)
    except subprocess.TimeoutExpired:
        return Caught("a hang", time.monotonic() - started, f"no end within {TIME_S} s")
    seconds = time.monotonic() - started
    if done.returncode == 0:
        return Caught("", seconds, done.stdout.strip())
    if fault.caught_by:
        return Caught(f"`{fault.caught_by}`", seconds, "")
    found = re.match(r"seed (\d+) fails after \S+ s: (.*)", done.stdout)
    if not found:
        sys.exit(f"{fault.name}: the simulator broke\n{done.stdout}{done.stderr}")
    return Caught(f"seed {found[1]}", seconds, found[2])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True, help="a folder of its own")
    parser.add_argument("--jobs", type=int, default=2, help="compilers at a time")
    parser.add_argument("--table", action="store_true", help="print the table for docs/testing.md")
    parser.add_argument("names", nargs="*", help="of faults; all by default")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    chosen = [f for f in faults() if not arguments.names or f.name in arguments.names]
    targets = {fault.caught_by.split(" ")[0] or "warren-sim" for fault in chosen}

    sources = copy_sources(build)
    run("cmake", "-S", sources, "-B", build / "cmake", "-G", "Ninja", "-DWARREN_CORE_ONLY=ON",
        "-DCMAKE_BUILD_TYPE=Release",
        *(["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []))
    build_all(build, targets, arguments.jobs)

    missed = 0
    for fault in chosen:
        run("git", "apply", f"--directory={sources.relative_to(ROOT)}", fault.patch)
        try:
            build_all(build, {fault.caught_by.split(" ")[0] or "warren-sim"}, arguments.jobs)
            caught = search(build, fault)
        finally:
            run("git", "apply", "-R", f"--directory={sources.relative_to(ROOT)}", fault.patch)
        missed += not caught.by
        if arguments.table:
            print(f"| {fault.name} | {fault.what} | {caught.by} | {caught.seconds:.1f} |",
                  flush=True)
        else:
            print(f"{fault.name}: {caught.by or 'NOT CAUGHT'} after {caught.seconds:.1f} s: "
                  f"{caught.how[:150]}", flush=True)
    print(f"{len(chosen) - missed} caught, {missed} not caught", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
