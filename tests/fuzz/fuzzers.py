"""Runs the fuzzers that the preset `fuzz` built, and says what each did.

    tests/fuzz/fuzzers.py --minutes 10          all of them, the time split over them
    tests/fuzz/fuzzers.py --minutes 10 NAME …   those

Each starts from its kept corpus (tests/fuzz/corpus/NAME) and what earlier runs in this build folder
found besides. A finding ends its fuzzer; its input is kept in the build folder, and the command
that repeats it is printed. The exit status is 1 if there was a finding.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build-fuzz"

# A single input may take so long, in seconds, and so much memory, in MiB. This bounds the cost of
# hostile patterns and keys, too; it is wide, since sanitizers and busy machines are slow.
TIMEOUT = 20
MEMORY = 2048
LINES_SHOWN = 60


@dataclasses.dataclass(frozen=True)
class Outcome:
    name: str
    executions: int
    coverage: int  # edges of the control flow
    inputs: int  # of the corpus that reach them
    finding: str  # "" if there was none: what was said, and how to repeat it

    def line(self) -> str:
        return (f"{self.name:18} {self.executions:>11,} executions, {self.coverage:>6,} edges, "
                f"{self.inputs:>5,} inputs, {'a FINDING' if self.finding else 'no finding'}")


def names() -> list[str]:
    """The fuzzers that there are; none if they aren't configured."""
    listed = BUILD / "fuzz" / "names"
    return listed.read_text().split() if listed.exists() else []


def environment() -> dict[str, str]:
    """Where findings are told with functions and lines, and any of undefined behaviour is one."""
    return {**os.environ,
            "ASAN_OPTIONS": "external_symbolizer_path=/usr/bin/addr2line",
            "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1:"
                             "external_symbolizer_path=/usr/bin/addr2line"}


def run(name: str, seconds: int, grown: pathlib.Path) -> Outcome:
    """Runs one for so long, from its kept corpus and `grown`, which gets what it finds besides."""
    program = BUILD / "fuzz" / name
    findings = BUILD / "fuzz-findings"
    kept = HERE / "corpus" / name
    for folder in (grown, findings):
        folder.mkdir(parents=True, exist_ok=True)
    dictionary = HERE / "dictionaries" / f"{name}.txt"
    command = [program, f"-max_total_time={seconds}", f"-timeout={TIMEOUT}",
               f"-rss_limit_mb={MEMORY}", "-print_final_stats=1",
               f"-artifact_prefix={findings}/{name}-",
               *([f"-dict={dictionary}"] if dictionary.exists() else []),
               grown, *([kept] if kept.is_dir() else [])]
    done = subprocess.run([str(word) for word in command], env=environment(), cwd=BUILD,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    said = done.stdout.decode(errors="replace")
    return Outcome(name=name,
                   executions=last_number(r"stat::number_of_executed_units:\s+(\d+)", said),
                   coverage=last_number(r"\bcov: (\d+)", said),
                   inputs=last_number(r"\bcorp: (\d+)", said),
                   finding="" if done.returncode == 0 else finding(said, program))


def last_number(pattern: str, said: str) -> int:
    found = re.findall(pattern, said)
    return int(found[-1]) if found else 0


def finding(said: str, program: pathlib.Path) -> str:
    """The end of what a fuzzer said, without its progress, and the command that repeats it."""
    lines = [line for line in said.splitlines() if not re.match(r"#\d+\s|\s*NEW_FUNC", line)]
    inputs = re.findall(r"Test unit written to (\S+)", said)
    command = (f"{program} {inputs[-1]}" if inputs else f"{program}, which left no input")
    return "\n".join([*lines[-LINES_SHOWN:], f"repeat it with: {command}"])


def run_all(chosen: list[str], seconds: int, jobs: int) -> list[Outcome]:
    """Runs all of them, so many at a time; told as they end."""
    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        running = [pool.submit(run, name, seconds, BUILD / "fuzz-corpus" / name)
                   for name in chosen]
        for done in concurrent.futures.as_completed(running):
            outcomes.append(done.result())
            print(outcomes[-1].line(), flush=True)
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10, help="for all of them together")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="fuzzers at a time")
    parser.add_argument("names", nargs="*", help="fuzzers; all if none is named")
    arguments = parser.parse_args()
    known = names()
    unknown = set(arguments.names) - set(known)
    if unknown or not known:
        print(f"no such fuzzer: {', '.join(unknown)}; there are {', '.join(known)}"
              if known else "no fuzzer is built; `make fuzz` builds them", file=sys.stderr)
        return 2
    chosen = arguments.names or known
    jobs = max(1, min(arguments.jobs, len(chosen)))
    seconds = max(1, round(arguments.minutes * 60 * jobs / len(chosen)))
    print(f"{len(chosen)} fuzzers, {jobs} at a time, {seconds} s each", flush=True)
    outcomes = run_all(chosen, seconds, jobs)
    for outcome in outcomes:
        if outcome.finding:
            print(f"\n{outcome.name}:\n{outcome.finding}")
    return 1 if any(outcome.finding for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
