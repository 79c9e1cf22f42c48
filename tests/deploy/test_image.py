"""The image: what its Dockerfile says, and what becomes of it when its steps are carried out.

There is no container engine here. So the steps of the final stage are carried out by hand, in a
Debian 12 made as slim as the image it starts from: the same packages, users, files, variables and
command, and the broker runs as an engine would run it. The builder stage's place is taken by the
build folder, installed by that stage's own commands; with --builder (`make prove-image`) that stage
is carried out as well, from a bare Debian 12 to what it hands over.
"""

from __future__ import annotations

import fnmatch
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

import pytest
from debian_root import BUILD_TIMEOUT_S, Container, DebianRoot, base
from dockerfile_parse import DockerfileParser
from secured import Authority, user, write_users
from warren_process import ROOT

pytest_plugins = ("image_fixtures",)
pytestmark = pytest.mark.timeout(600)

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
MOST_MIB = 140.0
MOST_START_S = 3.0
# What Debian leaves out of its slim images.
NOT_SLIM = ("doc", "groff", "info", "linda", "lintian", "locale", "man")


@dataclass
class Stage:
    """Of a Dockerfile: its instructions in order."""

    steps: list[tuple[str, str]] = field(default_factory=list)

    def values(self, instruction: str) -> list[str]:
        return [value for name, value in self.steps if name == instruction]

    def value(self, instruction: str) -> str:
        [value] = self.values(instruction)
        return value

    def form(self, instruction: str) -> list[str]:
        """Of one that is in exec form, which is JSON."""
        return json.loads(self.value(instruction))

    def pairs(self, instruction: str) -> dict[str, str]:
        """Of ENV, LABEL or ARG: names and values."""
        words = [word for value in self.values(instruction) for word in shlex.split(value)]
        return dict(word.partition("=")[::2] for word in words)


def stages() -> list[Stage]:
    parser = DockerfileParser(fileobj=io.BytesIO(DOCKERFILE.read_bytes()))
    found: list[Stage] = []
    for step in parser.structure:
        if step["instruction"] == "FROM":
            found.append(Stage())
        if found and step["instruction"] != "COMMENT":
            found[-1].steps.append((step["instruction"], step["value"]))
    return found


@pytest.fixture(scope="module")
def stage() -> Stage:
    return stages()[-1]


# --- what it says -----------------------------------------------------------------------------


def test_linter_finds_nothing() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, DOCKERFILE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_is_latest_added_or_root() -> None:
    text = DOCKERFILE.read_text()
    built, final = stages()
    assert re.search(r"^ARG BASE=debian:bookworm-slim$", text, re.MULTILINE)
    assert [stage.value("FROM").split()[0] for stage in (built, final)] == ["${BASE}"] * 2
    assert ":latest" not in text
    assert not [name for stage in (built, final) for name, _ in stage.steps if name == "ADD"]
    uid, gid = final.value("USER").split(":")
    assert int(uid) > 0 and int(gid) > 0, "by number, for those who check before they start it"
    names = [name for name, _ in final.steps]
    assert "RUN" not in names[names.index("USER") :], "nothing is changed once it is that user's"


def test_container_is_told_how_to_run_and_to_stop(stage: Stage) -> None:
    assert stage.form("ENTRYPOINT") == ["warren"], "no shell in between: it gets the signals"
    assert stage.value("STOPSIGNAL") == "SIGTERM"
    assert stage.form("VOLUME") == ["/var/lib/warren", "/tmp"]
    assert stage.value("EXPOSE").split() == ["7171", "7172"]
    assert "HEALTHCHECK" in dict(stage.steps)


def test_labels_say_what_it_is(stage: Stage) -> None:
    labels = stage.pairs("LABEL")
    prefix = "org.opencontainers.image."
    assert {name.removeprefix(prefix) for name in labels} == {
        "title", "description", "version", "revision", "base.name"}  # fmt: skip
    assert labels[f"{prefix}version"] == "${VERSION}"
    project = re.search(r"project\(warren VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())
    assert project and stage.pairs("ARG")["VERSION"] == project[1]
    base_name = re.search(r"^ARG BASE=(\S+)$", DOCKERFILE.read_text(), re.MULTILINE)
    assert base_name and labels[f"{prefix}base.name"] == base_name[1]


def ignored_patterns() -> list[str]:
    """What is no part of the build's context, as .dockerignore says."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_all_that_is_copied_is_there_and_in_the_context() -> None:
    ignored = ignored_patterns()
    assert {".git", "build*", "data", "deploy/compose/secrets"} <= set(ignored)
    for value in stages()[0].values("COPY"):
        for source in value.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert source not in ignored


def packages(stage: Stage) -> set[str]:
    """What the final stage installs."""
    [installs] = [value for value in stage.values("RUN") if "apt-get install" in value]
    [step] = [part for part in installs.split("&&") if "apt-get install" in part]
    return {word for word in shlex.split(step)[2:] if not word.startswith("-")}


def test_packages_are_those_the_programs_need(
    stage: Stage, package: Path, debian_cache: Path
) -> None:
    """As dpkg-shlibdeps finds them, less what every Debian has."""
    depends = subprocess.run(
        ["dpkg-deb", "--field", package, "Depends"], capture_output=True, text=True, check=True
    ).stdout
    needed = {word.split()[0] for word in depends.split(", ") if "|" not in word}
    listed = packages(stage)
    assert listed <= needed, "more than is needed"
    status = (base(debian_cache) / "var/lib/dpkg/status").read_text()
    there = set(re.findall(r"^Package: (\S+)$", status, re.MULTILINE))
    assert needed - listed <= there, "less than is needed"


# --- what becomes of it -----------------------------------------------------------------------


@dataclass
class Image:
    root: DebianRoot
    stage: Stage
    environment: dict[str, str]


def make_slim(root: DebianRoot) -> None:
    """As Debian's slim images are: without documents, and without any that come later."""
    for name in NOT_SLIM:
        shutil.rmtree(root.path / "usr/share" / name, ignore_errors=True)
    (root.path / "etc/dpkg/dpkg.cfg.d/slim").write_text(
        "".join(f"path-exclude /usr/share/{name}/*\n" for name in NOT_SLIM)
    )


def copy_context(sources: list[str], place: Path) -> None:
    """COPY: files and folders of the context, the content of the latter."""
    patterns = ignored_patterns()

    def leave_out(folder: str, names: list[str]) -> list[str]:
        return [
            name for name in names
            if any(fnmatch.fnmatch(str((Path(folder) / name).relative_to(ROOT)), pattern)
                   or fnmatch.fnmatch(name, pattern.removeprefix("**/"))
                   and pattern.startswith("**/") for pattern in patterns)
        ]  # fmt: skip

    place.mkdir(parents=True, exist_ok=True)
    for source in sources:
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place, ignore=leave_out, symlinks=True,
                            dirs_exist_ok=True)  # fmt: skip
        else:
            shutil.copy(ROOT / source, place)


@pytest.fixture(scope="module")
def handed_over(
    request: pytest.FixtureRequest, built: Path, debian_cache: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Optional[Path]]:  # fmt: skip
    """The builder stage's /out, if that stage is to be carried out.

    Nothing is there that the Dockerfile doesn't bring, but for a folder in which ccache keeps what
    it compiled, so that a second time doesn't take as long.
    """
    if not request.config.getoption("--builder"):
        yield None
        return
    folder = tmp_path_factory.mktemp("builder")
    root = DebianRoot.fresh(debian_cache, folder / "root")
    make_slim(root)
    (root.path / "ccache").mkdir()
    kept = debian_cache / "ccache"
    kept.mkdir(exist_ok=True)
    environment = {"DEBIAN_FRONTEND": "noninteractive", "CCACHE_DIR": "/ccache",
                   "CMAKE_CXX_COMPILER_LAUNCHER": "ccache"}  # fmt: skip
    directory = "/"
    for name, value in stages()[0].steps:
        if name == "RUN":
            root.run("sh", "-c", value, environment=environment, directory=directory,
                     timeout=BUILD_TIMEOUT_S, volumes={"/ccache": kept})  # fmt: skip
        elif name == "COPY":
            *sources, to = value.split()
            copy_context(sources, root.path / directory.lstrip("/") / to)
        elif name == "WORKDIR":
            directory = value
            (root.path / value.lstrip("/")).mkdir()
        elif name == "ARG":
            environment |= dict([value.partition("=")[::2]])
        else:
            assert name == "FROM"
    yield root.path / "out"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def image(
    built: Path, handed_over: Optional[Path], stage: Stage, debian_cache: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Image]:  # fmt: skip
    folder = tmp_path_factory.mktemp("image")
    root = DebianRoot.fresh(debian_cache, folder / "root")
    make_slim(root)
    environment: dict[str, str] = {}
    for name, value in stage.steps:
        if name == "RUN":
            root.run("sh", "-c", value, environment={"DEBIAN_FRONTEND": "noninteractive"})
        elif name == "COPY":
            source, place = re.fullmatch(r"--from=build (\S+) (\S+)", value).groups()  # type: ignore[union-attr]
            assert (source, place) == ("/out/", "/")
            if handed_over is None:
                install(built, root.path)
            else:
                shutil.copytree(handed_over, root.path, symlinks=True, dirs_exist_ok=True)
        elif name == "ENV":
            environment |= dict(pair.partition("=")[::2] for pair in shlex.split(value))
        else:  # what only says how containers are started, and what is known to change nothing
            assert name in ("FROM", "ARG", "LABEL", "EXPOSE", "VOLUME", "WORKDIR", "USER",
                            "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT")  # fmt: skip
    yield Image(root, stage, environment)
    shutil.rmtree(folder)


def install(built: Path, place: Path) -> None:
    """By the builder stage's own commands, from a build that is there."""
    [steps] = [value for value in stages()[0].values("RUN") if "--install" in value]
    commands = [part.strip() for part in steps.split("&&") if "cmake --install build" in part]
    assert len(commands) == 2
    for command in commands:
        command = command.replace("DESTDIR=/out", f"DESTDIR={shlex.quote(str(place))}")
        command = command.replace("--install build", f"--install {shlex.quote(str(built))}")
        subprocess.run(["sh", "-c", command], check=True, capture_output=True)


@pytest.fixture
def volumes(image: Image, tmp_path: Path) -> dict[str, Path]:
    """As an engine makes them: empty, with owner and mode of the folder in whose place they are."""
    made = {}
    for number, place in enumerate(image.stage.form("VOLUME")):
        folder = tmp_path / f"volume-{number}"
        folder.mkdir()
        was = (image.root.path / place.lstrip("/")).stat()
        folder.chmod(was.st_mode & 0o7777)
        subprocess.run(["chown", f"{was.st_uid}:{was.st_gid}", folder], check=True)
        made[place] = folder
    return made


def start(image: Image, volumes: dict[str, Path], *arguments: str, **more: str):  # type: ignore[no-untyped-def]
    """A container of it, whose root can't be written to."""
    return image.root.container(
        *image.stage.form("ENTRYPOINT"), *arguments, user=image.stage.value("USER"),
        environment={**image.environment, **more}, directory=image.stage.value("WORKDIR"),
        read_only=True, volumes=volumes,
    )  # fmt: skip


INSECURE = {"WARREN_AUTH_INSECURE": "true"}
SECRETS = "/mnt"  # where a test mounts them
TLS = {"WARREN_TLS_CERTIFICATE": f"{SECRETS}/tls.crt", "WARREN_TLS_KEY": f"{SECRETS}/tls.key"}


@pytest.fixture
def certified(tmp_path: Path) -> Path:
    """A folder with the broker's certificate and key, and authority.pem that issued it."""
    folder = tmp_path / "secrets"
    for path in Authority(folder, "authority").issue("broker", "tls"):
        path.chmod(0o444)
    return folder


def healthy(image: Image, container: Container) -> subprocess.CompletedProcess[str]:
    """Runs the health check, as an engine does."""
    command = image.stage.value("HEALTHCHECK").partition("CMD ")[2]
    return container.run(*json.loads(command), check=False)


def test_image_is_small_and_has_nothing_to_build_by(image: Image) -> None:
    size = image.root.size_mib()
    print(f"the image's root folder has {size:.0f} MiB")
    assert size < MOST_MIB
    status = (image.root.path / "var/lib/dpkg/status").read_text()
    installed = set(re.findall(r"^Package: (\S+)$", status, re.MULTILINE))
    tools = re.compile(r"-dev$|^(g\+\+|gcc|cpp|make|cmake|binutils)(-\d+)?$")
    assert [name for name in installed if tools.search(name)] == []
    assert not list((image.root.path / "var/lib/apt/lists").glob("*"))
    for name in ("cc", "c++", "ld", "make", "cmake", "curl", "wget"):
        assert not (image.root.path / "usr/bin" / name).exists()


def test_broker_runs_in_its_working_directory(image: Image, volumes: dict[str, Path]) -> None:
    with start(image, volumes, **INSECURE) as container:
        container.wait_output("serving metrics and health")
        assert container.run("pwd").stdout.strip() == image.stage.value("WORKDIR")


def test_broker_does_not_open_itself_to_all_by_default(
    image: Image, volumes: dict[str, Path], certified: Path
) -> None:
    with start(image, volumes) as container:
        container.wait_output("without TLS: set tls.certificate")
        assert container.wait_ended() == 2
    with start(image, {**volumes, SECRETS: certified}, **TLS) as container:
        container.wait_output("there are no users: set auth.users")
        assert container.wait_ended() == 2


def test_broker_starts_as_nobody_and_writes_to_its_volumes_alone(
    image: Image, volumes: dict[str, Path]
) -> None:
    with start(image, volumes, **INSECURE) as container:
        container.wait_output("listening on grpc=0.0.0.0:7171 http=0.0.0.0:7172")
        took = time.monotonic() - container.started_at
        print(f"it listened after {took:.2f} s")
        assert took < MOST_START_S
        status = dict(
            line.split(":\t", 1)
            for line in Path(f"/proc/{container.pid}/status").read_text().splitlines()
        )
        assert status["Uid"].split() == status["Gid"].split() == ["10001"] * 4
        assert status["NSpid"].split()[-1] == "1", "process 1 is the broker"
        assert int(status["CapEff"], 16) == 0
        for place in ("/", "/etc", "/usr/bin", "/var", "/home"):
            refused = container.run("touch", f"{place}/x", check=False, user="0:0")
            assert "Read-only file system" in refused.stderr, place
        container.run("warrenctl", "queue", "declare", "--durable", "orders")
        container.run("warrenctl", "publish", "--key=orders", "--persistent", "one book")
        assert any(volumes["/var/lib/warren"].rglob("CURRENT")), "the store is in the volume"
        assert container.stop() == 0


def test_health_check_says_how_it_is_until_it_ends(
    image: Image, volumes: dict[str, Path]
) -> None:
    with start(image, volumes, **INSECURE) as container:
        container.wait_output("listening on")
        said = healthy(image, container)
        assert (said.returncode, said.stdout) == (0, "alive\n")
        # One that nobody answers to is not well.
        other = container.run("warren", "probe", "livez", "--http=127.0.0.1:1", check=False)
        assert other.returncode == 1
        assert "no answer" in other.stderr
    assert container.wait_ended() != 0


def test_stop_drains_and_the_next_container_has_what_was_confirmed(
    image: Image, volumes: dict[str, Path]
) -> None:
    with start(image, volumes, **INSECURE) as container:
        container.wait_output("listening on")
        container.run("warrenctl", "queue", "declare", "--durable", "orders")
        container.run("warrenctl", "publish", "--key=orders", "--persistent", "one book")
        assert container.stop() == 0
        assert any('"stop requested"' in line for line in container.output)
        assert any('"draining"' in line for line in container.output)
    with start(image, volumes, **INSECURE) as container:
        container.wait_output("listening on")
        assert "one book" in container.run("warrenctl", "get", "orders", "--ack").stdout


def test_broker_with_users_and_certificates_takes_them_from_mounted_files(
    image: Image, volumes: dict[str, Path], certified: Path
) -> None:
    """As it is meant to be run: nothing insecure about it."""
    write_users(certified / "users.yaml", anna=user())
    (certified / "password").write_text("correct horse")
    settings = {**TLS, "WARREN_AUTH_USERS": f"{SECRETS}/users.yaml"}
    with start(image, {**volumes, SECRETS: certified}, **settings) as container:
        container.wait_output("listening on")
        assert healthy(image, container).returncode == 0, "the health port needs neither"
        refused = container.run("warrenctl", "queue", "ls", check=False)
        assert refused.returncode != 0
        login = ("--address=127.0.0.1:7171", "--tls", f"--tls-ca={SECRETS}/authority.pem",
                 "--user=anna", f"--password-file={SECRETS}/password")  # fmt: skip
        container.run("warrenctl", *login, "queue", "declare", "orders")
        assert container.stop() == 0
