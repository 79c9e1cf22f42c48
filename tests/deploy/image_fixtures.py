"""What the tests of packages share; a module asks for it by `pytest_plugins`."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import debian_root
import pytest
from debian_root import DebianRoot
from warren_process import binary


@pytest.fixture(scope="session")
def built() -> Path:
    """The build folder, with the programs in it."""
    for program in ("warren", "warrenctl"):
        if not binary(program).exists():
            pytest.skip(f"{binary(program)} isn't built")
    return binary().resolve().parents[1]


@pytest.fixture(scope="session")
def debian_cache(built: Path) -> Path:
    """Where Debian 12 is kept from one test run to the next."""
    reason = debian_root.why_not()
    if reason:
        pytest.skip(reason)
    return built / "debian12"


@pytest.fixture(scope="session")
def package(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `make package` makes it, in a folder of its own."""
    missing = [name for name in ("cpack", "dpkg-shlibdeps", "file") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no {', '.join(missing)}; deploy/install-dependencies.sh test installs them")
    folder = tmp_path_factory.mktemp("package")
    done = subprocess.run(
        ["cpack", "--config", built / "CPackConfig.cmake", "-B", folder],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    [made] = folder.glob("*.deb")
    return made


@pytest.fixture(scope="session")
def debian_with_package(
    debian_cache: Path, package: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DebianRoot]:
    """Debian 12 with the package in it, and what that depends on; to be left as it is."""
    folder = tmp_path_factory.mktemp("installed")
    root = DebianRoot.fresh(debian_cache, folder / "root")
    shutil.copy(package, root.path / "tmp")
    apt = {"DEBIAN_FRONTEND": "noninteractive"}
    root.run("apt-get", "update", "-q", environment=apt)
    root.run("apt-get", "install", "-qy", "--no-install-recommends", f"/tmp/{package.name}",
             environment=apt)  # fmt: skip
    yield root
    shutil.rmtree(folder)
