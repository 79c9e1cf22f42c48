"""Reads the JUnit files that ctest and pytest write.

Both write the same format with different habits; what a caller sees is one list of results. A
test that was disabled, or that could not start, counts as failed: nothing is left out quietly.
"""

import dataclasses
import enum
import pathlib
import re
import xml.etree.ElementTree as ElementTree


class Outcome(enum.Enum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclasses.dataclass(frozen=True)
class Result:
    """One test that a runner knows of."""

    name: str  # Suite.Name of GoogleTest, file.py::test or file.py::Class::test of pytest
    outcome: Outcome
    details: str  # what the runner said, if it did not pass
    seconds: float


def read(path: pathlib.Path) -> list[Result]:
    """All results in one file. Raises OSError or ElementTree.ParseError."""
    return [_result(case) for case in ElementTree.parse(path).getroot().iter("testcase")]


def _result(case: ElementTree.Element) -> Result:
    outcome, details = _outcome(case)
    return Result(_name(case), outcome, details, float(case.get("time") or 0))


def _name(case: ElementTree.Element) -> str:
    """Names a test as a person would: without folders, which pytest puts before its module."""
    name, place = case.get("name") or "", case.get("classname") or ""
    if place == name:  # ctest
        return name
    parts = place.split(".")
    for index, part in enumerate(parts):
        if re.fullmatch(r"test_\w+|\w+_test", part):
            return "::".join([part + ".py", *parts[index + 1 :], name])
    return f"{place}::{name}" if place else name


def _outcome(case: ElementTree.Element) -> tuple[Outcome, str]:
    output = case.findtext("system-out") or ""
    for kind in ("failure", "error"):
        found = case.find(kind)
        if found is not None:
            return Outcome.FAILED, "\n".join(filter(None, [found.text, output]))
    if case.get("status") == "disabled":
        return Outcome.FAILED, "disabled: mend it or remove it"
    skipped = case.find("skipped")
    if skipped is None:
        return Outcome.PASSED, ""
    message = skipped.get("message") or ""
    if case.get("status") == "notrun" and not message.startswith("SKIP_"):  # not built, no fixture
        return Outcome.FAILED, message or output
    return Outcome.SKIPPED, _skip_reason(output) or message


def _skip_reason(output: str) -> str:
    """What GTEST_SKIP was given: the lines after `file:line: Skipped`."""
    found = re.search(r"^\S+:\d+: Skipped\n(.*?)\n(?:\n|\[)", output, re.MULTILINE | re.DOTALL)
    return found.group(1).strip() if found else ""
