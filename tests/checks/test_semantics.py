"""docs/semantics.md: every behaviour names its proof, and every proof ran and passed.

A row is `| behaviour | tests |`; a test is named in backticks as its runner names it:
Suite.Name of GoogleTest, or file.py::test of pytest, parameters left away. `*` stands for any text.
"""

import fnmatch
import pathlib
import re
import xml.etree.ElementTree as ElementTree

import junit
import pytest

ROW = re.compile(r"^\|(.+)\|(.*)\|\s*$", re.MULTILINE)
RUNNERS = ("ctest", "pytest")


def rows(text):
    """Behaviour -> names of its tests, without the tables' head lines."""
    found = {}
    for behaviour, tests in ROW.findall(text):
        if behaviour.strip() == "behaviour" or not behaviour.strip(" -:"):
            continue
        assert behaviour.strip() not in found, f"listed twice: {behaviour.strip()}"
        found[behaviour.strip()] = re.findall(r"`([^`]+)`", tests)
    return found


@pytest.fixture(scope="module")
def behaviours(root):
    return rows((root / "docs/semantics.md").read_text())


@pytest.fixture(scope="module")
def outcomes(request):
    """Name -> outcomes of a whole run; parameters are left away from the name."""
    folder = request.config.getoption("--results")
    if folder is None:
        pytest.skip("needs the results of a whole run; `make test` has them")
    found = {}
    for runner in RUNNERS:
        path = pathlib.Path(folder) / f"{runner}.xml"
        try:
            results = junit.read(path)
        except (OSError, ElementTree.ParseError) as error:
            pytest.fail(f"{path}: {error}")
        for result in results:
            name = re.sub(r"\[.*\]$", "", result.name)
            found.setdefault(name, set()).add(result.outcome)
    return found


def unproven(names, outcomes):
    """Which of these names is no test, or has one that didn't pass."""
    bad = []
    for name in names:
        matching = [outcomes[known] for known in outcomes if fnmatch.fnmatchcase(known, name)]
        if not matching:
            bad.append(f"{name} (no such test)")
        elif set.union(*matching) != {junit.Outcome.PASSED}:
            bad.append(f"{name} (did not pass, or was skipped)")
    return bad


def test_every_behaviour_names_a_test(behaviours):
    assert behaviours
    bare = [behaviour for behaviour, names in behaviours.items() if not names]
    assert not bare, "\n".join(bare)


def test_every_proof_ran_and_passed(behaviours, outcomes):
    bad = [f"{behaviour}: {name}" for behaviour, names in behaviours.items()
           for name in unproven(names, outcomes)]
    assert not bad, "\n".join(bad)


def test_a_proof_must_exist_and_pass():
    outcomes = {"Queue.A": {junit.Outcome.PASSED}, "Queue.B": {junit.Outcome.SKIPPED},
                "Queue.C": {junit.Outcome.PASSED, junit.Outcome.FAILED}}
    assert unproven(["Queue.A"], outcomes) == []
    assert unproven(["Queue.B", "Queue.C", "Queue.D"], outcomes) == [
        "Queue.B (did not pass, or was skipped)", "Queue.C (did not pass, or was skipped)",
        "Queue.D (no such test)"]
    assert unproven(["Queue.*"], outcomes) == ["Queue.* (did not pass, or was skipped)"]
