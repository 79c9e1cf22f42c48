"""Who may include whom: dependencies point one way, and each big library has one home.

    tools, tests -> server, clients
    server -> storage -> sync
    clients -> sync
    base <- core <- runtime <- auth <- api, metrics <- main
                    runtime <- config, standby <- main

Read from the #include lines alone, so it holds for files that no target builds, too.
"""

import functools
import pathlib
import re

import pytest

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
OURS = ("sync/", "storage/", "server/", "clients/", "tools/", "tests/", "examples/")

STORAGE = ["sync/**", "storage/*.h", "storage/codec/**"]
CORE = [*STORAGE, "server/base/**", "server/core/**"]
RUNTIME = [*CORE, "storage/spill/**", "server/runtime/**"]

# Files -> what of ours they may include. The first pattern that fits a file counts.
MAY_INCLUDE = [
    ("sync/**", ["sync/**"]),
    ("storage/codec/**", STORAGE),
    ("storage/memory/**", [*STORAGE, "storage/memory/**"]),
    ("storage/rocksdb/**", [*STORAGE, "storage/rocksdb/**"]),
    ("storage/postgres/**", [*STORAGE, "storage/postgres/**"]),
    ("storage/spill/**", [*STORAGE, "storage/spill/**"]),
    ("storage/**", ["sync/**", "storage/**"]),
    ("server/base/**", ["server/base/**"]),
    ("server/core/**", CORE),
    ("server/runtime/**", RUNTIME),
    ("server/api/**", [*RUNTIME, "server/auth/**", "server/api/**"]),
    ("server/metrics/**", [*RUNTIME, "server/auth/stats.h", "server/metrics/**"]),
    ("server/auth/**", [*RUNTIME, "server/auth/**"]),
    ("server/config/**", [*RUNTIME, "server/config/**"]),
    ("server/standby/**", [*RUNTIME, "server/standby/**"]),
    ("server/main.cc", ["sync/**", "server/**", "storage/**"]),
    ("clients/cpp/**", ["sync/**", "clients/cpp/**"]),
    ("tools/**", ["sync/**", "tools/**", "clients/**", "server/**", "storage/**"]),
    ("examples/**", ["examples/**", "clients/**"]),
    ("tests/**", ["**"]),
]

GENERATED = ["**.pb.h"]
# Libraries and generated headers -> the only places they may be included in. Tests are free.
HOMES = [
    (GENERATED, ["server/api/**", "clients/**", "tools/**"]),
    (["google/protobuf/**"], ["server/api/**", "clients/**", "tools/**"]),
    (["grpc/**", "grpcpp/**"], ["server/runtime/**", "server/api/**", "server/auth/**",
                              "server/main.cc", "clients/**", "tools/**"]),
    (["rocksdb/**"], ["storage/rocksdb/**"]),
    (["pqxx/**", "libpq*", "postgres*"], ["storage/postgres/**"]),
    (["prometheus/**", "httplib.h"], ["server/metrics/**"]),
    (["asio.hpp", "asio/**"], ["server/standby/**"]),
    (["re2/**"], ["server/metrics/**", "server/base/**", "tools/warrenctl/**"]),
    (["yaml-cpp/**"], ["server/config/**", "server/auth/**", "tools/warrenctl/**"]),
    (["sodium.h", "cjose/**", "openssl/**"], ["server/auth/**"]),
    (["CLI/**"], ["server/config/**", "server/main.cc", "tools/**"]),
    (["spdlog/**"], ["server/runtime/**", "server/api/**", "server/auth/**", "server/metrics/**",
                    "server/config/**", "server/main.cc"]),
    # Elsewhere mutexes are those that clang's analysis knows.
    (["mutex", "shared_mutex", "condition_variable"], ["sync/**"]),
]

# The core decides and does nothing: no threads, locks, I/O, clocks, logging.
CORE_MAY_NOT_INCLUDE = [
    "sync/**",
    "thread", "mutex", "shared_mutex", "condition_variable", "atomic", "future", "semaphore",
    "latch", "barrier", "stop_token", "pthread.h", "iostream", "fstream", "cstdio", "stdio.h",
    "filesystem", "chrono", "ctime", "time.h", "unistd.h", "sys/**",
    "absl/synchronization/**", "absl/time/**", "absl/random/**",
]
CORE_MAY_NOT_SAY = re.compile(
    r"\b(system_clock|steady_clock|gettimeofday|clock_gettime|random_device|getenv|printf|fprintf"
    r"|thread_local|std::unordered_\w+)\b")


def sources(files):
    return [name for name in files if name.endswith((".h", ".cc"))]


def includes(path: pathlib.Path):
    return INCLUDE.findall(path.read_text())


@functools.cache
def compiled(pattern):
    """`*` is any text within one folder, `**` any text."""
    parts = re.split(r"(\*\*|\*)", pattern)
    return re.compile("".join({"*": "[^/]*", "**": ".*"}.get(part, re.escape(part))
                              for part in parts))


def fits(name, patterns):
    return any(compiled(pattern).fullmatch(name) for pattern in patterns)


def without_comments_and_strings(text):
    return re.sub(r'//[^\n]*|"(?:\\.|[^"\\\n])*"', "", text)


def allowed(name):
    return next((may for pattern, may in MAY_INCLUDE if fits(name, [pattern])), None)


def layering_errors(name, included):
    may = allowed(name)
    if may is None:
        return [f"{name}: in no layer; give its folder a line in MAY_INCLUDE"]
    return [f"{name} includes {header}: may include only {', '.join(may)}"
            for _, header in included
            if header.startswith(OURS) and not fits(header, [*may, *GENERATED])]


def home_errors(name, included):
    return [f"{name} includes {header}: belongs into {', '.join(homes)}"
            for _, header in included for headers, homes in HOMES
            if fits(header, headers) and not fits(name, [*homes, "tests/**"])]


def test_dependencies_point_one_way(root, files):
    errors = [error for name in sources(files)
              for error in layering_errors(name, includes(root / name))]
    assert not errors, "\n".join(errors)


def test_libraries_stay_in_their_homes(root, files):
    errors = [error for name in sources(files)
              for error in home_errors(name, includes(root / name))]
    assert not errors, "\n".join(errors)


def test_the_core_is_pure(root, files):
    errors = []
    for name in sources(files):
        if not name.startswith("server/core/"):
            continue
        errors += [f"{name} includes <{header}>" for _, header in includes(root / name)
                   if fits(header, CORE_MAY_NOT_INCLUDE)]
        code = without_comments_and_strings((root / name).read_text())
        errors += [f"{name} says {word}" for word in CORE_MAY_NOT_SAY.findall(code)]
    assert not errors, "\n".join(errors)


def test_headers_of_ours_are_named_from_the_root(root, files):
    """"storage/record.h", never "record.h" or "../record.h". The clients stand on their own."""
    errors = []
    for name in sources(files):
        if name.startswith("clients/"):
            continue
        for quote, header in includes(root / name):
            near = (root / name).parent / header
            if quote == '"' and near.is_file() and not (root / header).is_file():
                errors.append(f'{name} includes "{header}": name it from the root')
            if quote == "<" and header.startswith(OURS) and (root / header).is_file():
                errors.append(f'{name} includes <{header}>: ours go in quotes')
    assert not errors, "\n".join(errors)


@pytest.mark.parametrize("name, header, right", [
    ("server/core/queue.cc", "storage/record.h", True),
    ("server/core/queue.cc", "server/runtime/loop.h", False),
    ("server/core/queue.cc", "storage/rocksdb/journal.h", False),
    ("server/runtime/loop.cc", "server/core/broker.h", True),
    ("server/runtime/loop.cc", "server/api/server.h", False),
    ("server/api/server.cc", "server/metrics/registry.h", False),
    ("storage/record.h", "server/base/check.h", False),
    ("storage/wait.h", "sync/mutex.h", True),
    ("sync/mutex.h", "storage/wait.h", False),
    ("storage/rocksdb/journal.cc", "storage/memory/journal.h", False),
    ("clients/cpp/client.cc", "sync/mutex.h", True),
    ("clients/cpp/client.cc", "server/base/error.h", False),
    ("novel/thing.cc", "vector", False),
])
def test_the_layering_table_knows_right_from_wrong(name, header, right):
    assert (layering_errors(name, [('"', header)]) == []) == right


@pytest.mark.parametrize("name, header, right", [
    ("server/api/convert.cc", "warren/v1/broker.pb.h", True),
    ("server/core/broker.cc", "warren/v1/broker.pb.h", False),
    ("server/runtime/loop.cc", "warren/v1/broker.grpc.pb.h", False),
    ("storage/rocksdb/journal.cc", "rocksdb/db.h", True),
    ("storage/open.cc", "rocksdb/db.h", False),
    ("server/runtime/loop.cc", "prometheus/counter.h", False),
    ("server/runtime/loop.h", "mutex", False),
    ("sync/mutex.h", "mutex", True),
    ("tests/unit/storage/rocksdb_test.cc", "rocksdb/db.h", True),
])
def test_the_table_of_homes_knows_right_from_wrong(name, header, right):
    assert (home_errors(name, [("<", header)]) == []) == right
