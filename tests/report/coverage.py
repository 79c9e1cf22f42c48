"""Sums up which lines and branches of server/core and storage the tests have reached.

    coverage.py --build build-coverage

Reads what the tests left in the build folder (see the preset coverage), prints a table by file and
the lines of server/core that no test reaches, and writes BUILD/coverage/index.html and
BUILD/coverage/coverage.json. The exit status is 1 if too few lines of server/core are reached.

Branches that only exceptions take, or that the compiler made up, don't count.
"""

import argparse
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MEASURED = ("server/core/", "storage/")
CORE = "server/core/"
CORE_LINES_PERCENT = 95.0


def measure(build: pathlib.Path, jobs: int) -> None:
    """Has gcovr write its reports into BUILD/coverage."""
    folder = build / "coverage"
    folder.mkdir(exist_ok=True)
    subprocess.run(
        ["gcovr", f"--root={ROOT}", *(f"--filter={ROOT}/{prefix}" for prefix in MEASURED),
         f"--object-directory={build}", "--exclude-throw-branches",
         "--exclude-unreachable-branches", f"--html-details={folder}/index.html",
         f"--json={folder}/coverage.json", f"--json-summary={folder}/summary.json",
         "-j", f"{jobs}", str(build)],
        cwd=ROOT, check=True)


def percent(covered: int, total: int) -> float:
    return 100.0 * covered / total if total else 100.0


def table(files: list[dict]) -> list[str]:
    """A line a file, and one for each part that is measured."""
    def row(name: str, part: list[dict]) -> str:
        cells = []
        for kind in ("line", "branch"):
            covered = sum(file[f"{kind}_covered"] for file in part)
            total = sum(file[f"{kind}_total"] for file in part)
            cells.append(f"{covered:6}/{total:<6}{percent(covered, total):6.1f} %")
        return f"{name:44}" + "  ".join(cells)

    rows = [f"{'':44}{'lines':>16}{'branches':>23}"]
    rows += [row(file["filename"], [file]) for file in files]
    rows += [row(f"all of {prefix}", [file for file in files
                                      if file["filename"].startswith(prefix)])
             for prefix in MEASURED]
    return rows


def unreached(files: list[dict], prefix: str) -> list[str]:
    """file:line of each line that no test reaches, with its text."""
    found = []
    for file in files:
        if not file["file"].startswith(prefix):
            continue
        text = (ROOT / file["file"]).read_text().splitlines()
        counts: dict[int, int] = {}  # a template's line is there once for each instance
        for line in file["lines"]:
            if not line.get("gcovr/noncode"):
                number = line["line_number"]
                counts[number] = counts.get(number, 0) + line["count"]
        found += [f"{file['file']}:{number}: {text[number - 1].strip()}"
                  for number, count in sorted(counts.items()) if not count]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True, help="the build folder")
    parser.add_argument("--jobs", type=int, default=2, help="files at a time")
    arguments = parser.parse_args()
    folder = arguments.build.resolve() / "coverage"
    measure(arguments.build.resolve(), arguments.jobs)
    files = json.loads((folder / "summary.json").read_text())["files"]
    print("\n".join(table(files)))
    lines = unreached(json.loads((folder / "coverage.json").read_text())["files"], CORE)
    print(f"\nnot reached in {CORE}:\n" + "\n".join(f"  {line}" for line in lines))
    print(f"\nreports: {folder}/index.html, {folder}/coverage.json")
    core = [file for file in files if file["filename"].startswith(CORE)]
    reached = percent(sum(file["line_covered"] for file in core),
                      sum(file["line_total"] for file in core))
    if not core or reached < CORE_LINES_PERCENT:
        print(f"{CORE}: {reached:.1f} % of the lines are reached, at least "
              f"{CORE_LINES_PERCENT:g} % should be", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
