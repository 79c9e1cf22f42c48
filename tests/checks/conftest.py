"""The repository's checks of itself. They read files and results; they start no broker."""

import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def pytest_addoption(parser):
    parser.addoption("--build", default=str(ROOT / "build"), help="the build folder")
    parser.addoption("--results", default=None,
                     help="folder with the JUnit files of a whole test run")


@pytest.fixture(scope="session")
def root() -> pathlib.Path:
    return ROOT


@pytest.fixture(scope="session")
def build(request) -> pathlib.Path:
    return pathlib.Path(request.config.getoption("--build"))


@pytest.fixture(scope="session")
def files() -> list[str]:
    """Every file of the project, from its root, whether committed yet or not."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return sorted(name for name in set(listed.split("\0")) if name and (ROOT / name).is_file())
