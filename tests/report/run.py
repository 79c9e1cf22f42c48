"""Runs every test runner, one after the other, and sums up what really ran.

Each runner writes a JUnit file and a log into BUILD/results; a failed test is shown with what it
said, a skipped one with its reason. A test that a sanitizer watches bears its name, in brackets,
and counts by itself. The last line is `N passed, N failed`. The exit status is 1 if
a test failed, a runner broke, or nothing ran at all.

The repository's own checks run last, since one of them reads the results of all the others.
"""

import argparse
import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

import junit

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Folders that pytest collects; those of tests/ that hold no Python are simply empty for it.
PYTEST_FOLDERS = ["tests/report", "tests/python", "tests/proofs", "tests/integration",
                  "tests/hostile", "tests/monitoring", "tests/operations", "tests/sim",
                  "tests/torture", "tests/fuzz", "tests/bench", "tests/deploy",
                  "clients/python/tests", "examples"]

LINES_SHOWN = 60  # of what a failed test said


@dataclasses.dataclass(frozen=True)
class Runner:
    name: str
    command: list[str]
    suffix: str = ""  # of its tests' names
    environment: dict[str, str] = dataclasses.field(default_factory=dict)


def runners(build: pathlib.Path, results: pathlib.Path, jobs: int,
            sanitizers: list[str]) -> list[Runner]:
    def ctest(name: str, *arguments: str, suffix: str = "") -> Runner:
        return Runner(name, ["ctest", *arguments, "--parallel", f"{jobs}", "--no-tests=error",
                             "--output-on-failure", "--output-junit", f"{results}/{name}.xml"],
                      suffix)

    def pytest(name: str, *arguments: str, suffix: str = "",
               binary: pathlib.Path = build / "bin" / "warren") -> Runner:
        return Runner(name, [sys.executable, "-m", "pytest", "-q", "--tb=short",
                             f"--junitxml={results}/{name}.xml", *arguments],
                      suffix, {"WARREN_BINARY": f"{binary}"})

    def sanitized(name: str) -> list[Runner]:
        watched = [ctest(name, "--preset", name, "--label-regex", name, suffix=f"[{name}]")]
        if name == "asan":  # the others' builds have no broker
            watched.append(pytest("asan-hostile", "tests/hostile", suffix="[asan]",
                                  binary=ROOT / "build-asan" / "bin" / "warren"))
        return watched

    folders = [folder for folder in PYTEST_FOLDERS if (ROOT / folder).is_dir()]
    return [
        ctest("ctest", "--test-dir", f"{build}"),
        pytest("pytest", *folders),
        *(runner for name in sanitizers for runner in sanitized(name)),
        pytest("checks", "tests/checks", f"--build={build}", f"--results={results}"),
    ]


def run(runner: Runner, results: pathlib.Path) -> list[junit.Result]:
    """Runs it and gives its results; a runner that broke is itself a failed test."""
    log = results / f"{runner.name}.log"
    with log.open("wb") as output:
        status = subprocess.run(runner.command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output,
                                stderr=subprocess.STDOUT, check=False,
                                env={**os.environ, **runner.environment}).returncode
    try:
        found = junit.read(results / f"{runner.name}.xml")
    except (OSError, ElementTree.ParseError) as error:
        found = [_broken(runner, f"exit status {status} and no results: {error}", log)]
    if status != 0 and all(result.outcome != junit.Outcome.FAILED for result in found):
        found.append(_broken(runner, f"exit status {status} although no test failed", log))
    return [dataclasses.replace(result, name=result.name + runner.suffix) for result in found]


def _broken(runner: Runner, what: str, log: pathlib.Path) -> junit.Result:
    said = log.read_text(errors="replace")
    return junit.Result(f"{runner.name} itself", junit.Outcome.FAILED, f"{said}\n{what}", 0)


def show(result: junit.Result) -> None:
    lines = result.details.strip().splitlines()
    if result.outcome == junit.Outcome.SKIPPED:
        print(f"  SKIPPED {result.name}: {' '.join(lines)}")
    elif result.outcome == junit.Outcome.FAILED:
        print(f"  FAILED {result.name}")
        for line in lines[-LINES_SHOWN:]:
            print(f"    {line}")


def count(found: list[junit.Result], outcome: junit.Outcome) -> int:
    return sum(result.outcome == outcome for result in found)


def summary(found: list[junit.Result]) -> str:
    return (f"{count(found, junit.Outcome.PASSED)} passed, "
            f"{count(found, junit.Outcome.FAILED)} failed")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True, help="the build folder")
    parser.add_argument("--jobs", type=int, default=2, help="C++ tests at a time")
    parser.add_argument("--sanitizers", nargs="*", default=[], metavar="PRESET",
                        help="presets, as asan: the tests of that label run in that build, too")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    results = build / "results"
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)

    total: list[junit.Result] = []
    for runner in runners(build, results, arguments.jobs, arguments.sanitizers):
        print(f"{runner.name}: running, log in {os.path.relpath(results)}/{runner.name}.log",
              flush=True)
        started = time.monotonic()
        found = run(runner, results)
        for result in found:
            show(result)
        skipped = count(found, junit.Outcome.SKIPPED)
        print(f"{runner.name}: {summary(found)}{f', {skipped} skipped' if skipped else ''} "
              f"in {time.monotonic() - started:.0f} s", flush=True)
        total += found

    print(summary(total), flush=True)
    failed = count(total, junit.Outcome.FAILED)
    return 1 if failed or not count(total, junit.Outcome.PASSED) else 0


if __name__ == "__main__":
    sys.exit(main())
