"""The summing-up: what each habit of ctest and pytest counts as."""

import pathlib

import junit
import pytest
import run

CTEST = """<testsuite>
  <testcase name="Queue.KeepsOrder" classname="Queue.KeepsOrder" time="0.1" status="run">
    <system-out>[       OK ]</system-out></testcase>
  <testcase name="Queue.Fails" classname="Queue.Fails" time="0.1" status="fail">
    <failure message=""/><system-out>expected 1</system-out></testcase>
  <testcase name="Store.Skips" classname="Store.Skips" time="0" status="notrun">
    <skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>
    <system-out>[ RUN      ] Store.Skips
store_test.cc:7: Skipped
no server here
[  SKIPPED ] Store.Skips (0 ms)
</system-out></testcase>
  <testcase name="Old.Sleeps" classname="Old.Sleeps" time="0" status="disabled"/>
  <testcase name="x_NOT_BUILT" classname="x_NOT_BUILT" time="0" status="notrun">
    <skipped message="Unable to find executable"/></testcase>
</testsuite>"""

PYTEST = """<testsuites><testsuite name="pytest">
  <testcase classname="tests.python.test_publish" name="test_confirms[1]" time="0.1"/>
  <testcase classname="tests.python.test_publish.TestBatch" name="test_order" time="0.1"/>
  <testcase classname="tests.python.test_publish" name="test_bad" time="0.1">
    <error message="setup">no broker</error></testcase>
  <testcase classname="" name="tests.python.test_broken" time="0">
    <error message="collection failure">ImportError</error></testcase>
  <testcase classname="tests.python.test_publish" name="test_skip" time="0">
    <skipped message="not here">x.py:3: not here</skipped></testcase>
</testsuite></testsuites>"""


def outcomes(folder: pathlib.Path, text: str) -> dict[str, tuple[junit.Outcome, str]]:
    path = folder / "results.xml"
    path.write_text(text)
    return {result.name: (result.outcome, result.details) for result in junit.read(path)}


def test_ctest_results_are_read(tmp_path):
    assert outcomes(tmp_path, CTEST) == {
        "Queue.KeepsOrder": (junit.Outcome.PASSED, ""),
        "Queue.Fails": (junit.Outcome.FAILED, "expected 1"),
        "Store.Skips": (junit.Outcome.SKIPPED, "no server here"),
        "Old.Sleeps": (junit.Outcome.FAILED, "disabled: mend it or remove it"),
        "x_NOT_BUILT": (junit.Outcome.FAILED, "Unable to find executable"),
    }


def test_pytest_results_are_read(tmp_path):
    assert outcomes(tmp_path, PYTEST) == {
        "test_publish.py::test_confirms[1]": (junit.Outcome.PASSED, ""),
        "test_publish.py::TestBatch::test_order": (junit.Outcome.PASSED, ""),
        "test_publish.py::test_bad": (junit.Outcome.FAILED, "no broker"),
        "tests.python.test_broken": (junit.Outcome.FAILED, "ImportError"),
        "test_publish.py::test_skip": (junit.Outcome.SKIPPED, "not here"),
    }


@pytest.mark.parametrize("script", ["exit 3", "echo '<testsuite' > {xml}; exit 0",
                                    "echo '<testsuite/>' > {xml}; exit 3"])
def test_a_runner_that_breaks_is_a_failure(tmp_path, script):
    command = script.format(xml=tmp_path / "r.xml")
    found = run.run(run.Runner("r", ["bash", "-c", command]), tmp_path)
    assert run.summary(found) == "0 passed, 1 failed"
    assert found[0].name == "r itself"


def test_what_a_sanitizer_watched_bears_its_name(tmp_path):
    runner = run.Runner("asan", ["bash", "-c", "exit 8"], "[asan]")
    (tmp_path / "asan.xml").write_text(CTEST)
    found = run.run(runner, tmp_path)
    assert [result.name for result in found][:2] == ["Queue.KeepsOrder[asan]", "Queue.Fails[asan]"]
    assert run.summary(found) == "1 passed, 3 failed"


def test_the_summary_counts_what_ran(tmp_path):
    (tmp_path / "a.xml").write_text(CTEST)
    (tmp_path / "b.xml").write_text(PYTEST)
    found = junit.read(tmp_path / "a.xml") + junit.read(tmp_path / "b.xml")
    assert run.summary(found) == "3 passed, 5 failed"
