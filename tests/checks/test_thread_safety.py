"""clang's thread-safety analysis: what a mutex guards is touched with it held alone.

The preset thread-safety says how to compile; here it is done for every source file that sees
sync/mutex.h, and nothing is linked. What has been compiled before and hasn't changed isn't again.
"""

import json
import os
import re
import shutil
import subprocess

import pytest

PRESET = "thread-safety"
HEADER = "sync/mutex.h"
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
# Where a header's name is looked for.
FOLDERS = ("", "clients/cpp/src/", "clients/cpp/include/")


@pytest.fixture(scope="module")
def preset(root):
    presets = json.loads((root / "CMakePresets.json").read_text())["configurePresets"]
    [found] = [preset for preset in presets if preset["name"] == PRESET]
    compiler = found["cacheVariables"]["CMAKE_CXX_COMPILER"]
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}; deploy/install-dependencies.sh test installs it")
    return found["cacheVariables"]


def users(texts, header):
    """Those of the files (name -> text) that include it, if only through others."""
    included = {name: {folder + what for what in INCLUDE.findall(text) for folder in FOLDERS}
                for name, text in texts.items()}
    found, grown = set(), {header}
    while grown - found:
        found |= grown
        grown = {name for name, what in included.items() if what & found}
    return found - {header}


def run(command, root, timeout):
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False,
                          timeout=timeout)


@pytest.mark.timeout(600)
def test_what_is_guarded_is_touched_with_the_lock_held(root, files, preset):
    texts = {name: (root / name).read_text() for name in files
             if name.endswith((".cc", ".h")) and not name.startswith("tests/")}
    sources = sorted(name for name in users(texts, HEADER) if name.endswith(".cc"))
    assert "server/runtime/journal_writer.cc" in sources
    configured = run(["cmake", "--preset", PRESET], root, timeout=120)
    assert configured.returncode == 0, configured.stdout + configured.stderr
    # FILE^ is what is compiled from it.
    done = run(["ninja", "-C", f"build-{PRESET}", f"-j{os.cpu_count()}", "-k0",
                *(f"{root}/{name}^" for name in sources)], root, timeout=540)
    assert done.returncode == 0, done.stdout + done.stderr


COUNTER = """
#include "sync/mutex.h"

class Counter {
 public:
  void Add() {
    %s
  }

 private:
  void AddLocked() WARREN_REQUIRES(mutex_) { ++count_; }

  warren::Mutex mutex_;
  warren::CondVar changed_;
  int count_ WARREN_GUARDED_BY(mutex_) = 0;
};
"""


@pytest.mark.parametrize("body, complaint", [
    ("++count_;", "requires holding mutex 'mutex_'"),
    ("AddLocked();", "requires holding mutex 'mutex_'"),
    ("warren::MutexLock lock(mutex_); lock.Unlock(); ++count_;", "requires holding mutex 'mutex_'"),
    ("warren::MutexLock lock(mutex_); changed_.Wait(mutex_, [this] { return count_ > 0; });",
     "requires holding mutex 'mutex_'"),
    ("changed_.Wait(mutex_, [this]() WARREN_REQUIRES(mutex_) { return count_ > 0; });",
     "requires holding mutex 'mutex_'"),
    ("const warren::MutexLock lock(mutex_); const warren::MutexLock again(mutex_);",
     "acquiring mutex 'mutex_' that is already held"),
    ("mutex_.Lock();", "still held at the end of function"),
    ("warren::MutexLock lock(mutex_); ++count_; lock.Unlock(); lock.Lock(); AddLocked();", None),
    ("const warren::MutexLock lock(mutex_);"
     "changed_.Wait(mutex_, [this]() WARREN_REQUIRES(mutex_) { return count_ > 0; });", None),
])
def test_the_analysis_finds_what_it_is_for(root, preset, tmp_path, body, complaint):
    source = tmp_path / "counter.cc"
    source.write_text(COUNTER % body)
    done = run([preset["CMAKE_CXX_COMPILER"], "-std=c++20", "-fsyntax-only", f"-I{root}",
                *preset["CMAKE_CXX_FLAGS"].split(), source], root, timeout=60)
    if complaint is None:
        assert done.returncode == 0, done.stderr
    else:
        assert done.returncode != 0 and complaint in done.stderr, done.stderr


def test_a_user_through_a_header_is_found():
    texts = {"a.h": '#include "sync/mutex.h"\n', "b.cc": '#include "a.h"\n',
             "c.cc": '#include "d.h"\n'}
    assert users(texts, "sync/mutex.h") == {"a.h", "b.cc"}
