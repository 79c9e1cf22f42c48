"""The Debian package: made, looked at, installed into a Debian 12, used, removed, purged."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from debian_root import DebianRoot
from warren_process import ROOT

pytest_plugins = ("image_fixtures",)
pytestmark = pytest.mark.timeout(600)

USER = "warren"
FILES = {
    "/etc/warren/warren.yaml": "-rw-r--r--",
    "/usr/bin/warren": "-rwxr-xr-x",
    "/usr/bin/warrenctl": "-rwxr-xr-x",
    "/usr/lib/systemd/system/warren.service": "-rw-r--r--",
    "/usr/lib/sysusers.d/warren.conf": "-rw-r--r--",
    "/usr/lib/tmpfiles.d/warren.conf": "-rw-r--r--",
    "/usr/share/doc/warren/README.md": "-rw-r--r--",
    "/usr/share/doc/warren/changelog.gz": "-rw-r--r--",
    "/usr/share/doc/warren/docs/configuration.md": "-rw-r--r--",
    "/usr/share/warren/grafana/overview.json": "-rw-r--r--",
    "/usr/share/warren/prometheus/warren-alerts.yml": "-rw-r--r--",
}


def version() -> str:
    found = re.search(r"project\(warren VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())
    assert found
    return found[1]


def output(*command: object) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(
    debian_with_package: DebianRoot, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DebianRoot]:
    """A copy, since the package is taken out of it in the end."""
    folder = tmp_path_factory.mktemp("debian")
    yield debian_with_package.copy(folder / "root")
    shutil.rmtree(folder)


def test_package_has_its_name_and_says_what_it_needs(package: Path) -> None:
    assert package.name == f"warren_{version()}_amd64.deb"
    fields = dict(
        line.split(": ", 1)
        for line in output("dpkg-deb", "--field", package).splitlines()
        if ": " in line and not line.startswith(" ")
    )
    assert fields["Package"] == "warren"
    assert fields["Version"] == version()
    assert fields["Architecture"] == "amd64"
    # Found by dpkg-shlibdeps, each with the least version that will do.
    for library in ("libc6", "libgrpc++1.51", "librocksdb7.8", "libpq5", "libssl3",
                    "libtcmalloc-minimal4"):  # fmt: skip
        assert re.search(rf"(^|, ){re.escape(library)} \(>= [^)]+\)", fields["Depends"]), library
    assert "-dev" not in fields["Depends"]


def test_package_holds_what_it_should_and_nothing_else_that_runs(package: Path) -> None:
    listed = [line.split() for line in output("dpkg-deb", "--contents", package).splitlines()]
    modes = {fields[5].removeprefix("."): fields[0] for fields in listed}
    assert {name: modes.get(name) for name in FILES} == FILES
    assert {fields[1] for fields in listed} == {"root/root"}
    runs = {name for name, mode in modes.items() if mode.startswith("-") and "x" in mode}
    assert runs == {"/usr/bin/warren", "/usr/bin/warrenctl"}
    writable = {name for name, mode in modes.items() if mode[5] == "w" or mode[8] == "w"}
    assert not writable


def test_package_keeps_what_operators_change(package: Path, tmp_path: Path) -> None:
    output("dpkg-deb", "--control", package, tmp_path)
    assert (tmp_path / "conffiles").read_text().split() == ["/etc/warren/warren.yaml"]
    for script in ("postinst", "prerm", "postrm"):
        assert (tmp_path / script).stat().st_mode & 0o777 == 0o755
        output("sh", "-n", tmp_path / script)


def test_programs_are_stripped_and_find_their_libraries(
    package: Path, installed: DebianRoot
) -> None:
    for program in ("warren", "warrenctl"):
        said = output("file", "--brief", installed.path / "usr/bin" / program)
        assert ", stripped" in said, said
        assert "not found" not in installed.run("ldd", f"/usr/bin/{program}").stdout
    assert version() in installed.run("warren", "--version").stdout
    assert not list(installed.path.glob("usr/include/*/*.h")), "something with -dev was pulled in"


def test_user_and_folder_are_there_and_the_unit_starts_at_boot(installed: DebianRoot) -> None:
    passwd = installed.run("getent", "passwd", USER).stdout.strip().split(":")
    assert 0 < int(passwd[2]) < 1000, "a system user"
    assert passwd[5:] == ["/var/lib/warren", "/usr/sbin/nologin"]
    stat = installed.run("stat", "--format=%U:%G %a", "/var/lib/warren").stdout.split()
    assert stat == [f"{USER}:{USER}", "750"]
    assert installed.run("systemctl", "is-enabled", "warren.service").stdout.strip() == "enabled"


def test_example_configuration_is_valid_and_the_unit_sound(installed: DebianRoot) -> None:
    valid = installed.run("warren", "--validate", "--config=/etc/warren/warren.yaml")
    assert "valid" in valid.stdout
    # systemd's own word, with the program that the unit names in its place.
    verified = installed.run("systemd-analyze", "verify", "--man=no", "warren.service")
    assert verified.stderr == ""


def test_broker_serves_from_it_and_keeps_messages(installed: DebianRoot) -> None:
    """As the unit starts it: that user, that configuration, without any capability."""
    uid, gid = installed.run("sh", "-c", f"id -u {USER}; id -g {USER}").stdout.split()
    command = ("warren", "--config=/etc/warren/warren.yaml")
    who = {"user": f"{uid}:{gid}", "directory": "/var/lib/warren"}
    with installed.container(*command, **who) as broker:
        broker.wait_output("listening on grpc=127.0.0.1:7171 http=127.0.0.1:7172")
        broker.run("warrenctl", "queue", "declare", "--durable", "orders")
        broker.run("warrenctl", "publish", "--key=orders", "--persistent", "one book")
        assert broker.stop() == 0
    with installed.container(*command, **who) as broker:
        broker.wait_output("listening on")
        assert broker.run("warren", "probe", "readyz", *command[1:]).stdout == "ready\n"
        assert "one book" in broker.run("warrenctl", "get", "orders", "--ack").stdout
        assert broker.stop() == 0


def test_removal_keeps_messages_and_purge_leaves_nothing(installed: DebianRoot) -> None:
    """Runs last: it is the end of the installation."""
    (installed.path / "etc/warren/warren.yaml").write_text("log: {level: debug}\n")
    installed.run("dpkg", "--remove", "warren")
    assert not (installed.path / "usr/bin/warren").exists()
    assert (installed.path / "var/lib/warren/store").is_dir()
    assert "debug" in (installed.path / "etc/warren/warren.yaml").read_text()
    installed.run("dpkg", "--purge", "warren")
    left = [
        str(path)
        for place in ("etc", "usr", "var")
        for path in (installed.path / place).rglob("*warren*")
    ]
    assert left == []
    assert installed.run("getent", "passwd", USER, check=False).returncode == 2
    assert "warren" not in installed.run("dpkg-query", "--list").stdout
