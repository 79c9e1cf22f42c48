"""Each fuzzer runs for some seconds, from its kept corpus on; `make fuzz` runs them for longer.

A finding fails the fuzzer's test with what was said and the command that repeats it.
WARREN_FUZZ_SECONDS says how long each runs.
"""

from __future__ import annotations

import concurrent.futures
import os
import pathlib

import fuzzers
import pytest

HERE = pathlib.Path(__file__).resolve().parent
SECONDS = int(os.environ.get("WARREN_FUZZ_SECONDS", "3"))
MOST_INPUTS = 200
MOST_BYTES = 200 * 1024


@pytest.fixture(scope="module")
def running(request, tmp_path_factory):
    """Those that are tested, started all at once, as many at a time as there are processors."""
    chosen = [item.callspec.params["name"] for item in request.session.items
              if item.path == request.node.path and "running" in item.fixturenames]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {name: pool.submit(fuzzers.run, name, SECONDS, tmp_path_factory.mktemp(name))
               for name in chosen if name}


@pytest.mark.parametrize("name", fuzzers.names() or [None])
def test_fuzzer_finds_nothing(name, running):
    if name is None or not (fuzzers.BUILD / "fuzz" / name).exists():
        pytest.skip("the fuzzers aren't built; `make test` builds them")
    outcome = running[name].result()
    print(outcome.line())
    assert not outcome.finding, outcome.finding
    assert outcome.executions > 0


def test_kept_corpora_are_small_and_belong_to_fuzzers():
    known = fuzzers.names()
    for folder in (HERE / "corpus").iterdir():
        files = list(folder.iterdir())
        assert not known or folder.name in known, f"{folder}: no such fuzzer"
        assert len(files) <= MOST_INPUTS, folder
        assert sum(file.stat().st_size for file in files) <= MOST_BYTES, folder
