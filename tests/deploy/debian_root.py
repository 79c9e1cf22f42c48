"""Debian 12 in a folder, and commands in it as a container would run them.

    root = DebianRoot.fresh(cache, directory)    # a copy of a tree that is made once
    root.run("apt-get", "update")                # on the machine's network, as an installation
    with root.container("warren", user=10001, read_only=True, volumes=[…]) as container:
        container.run("warrenctl", "queue", "ls")

    with root.booted() as machine:               # with systemd as process 1
        machine.run("systemctl", "status", "warren")

A container has processes, mounts and a network of its own (a loopback interface alone, so that no
port is anybody else's), and its command is process 1 in it. That is what container engines do, by
the same calls of the kernel; it takes root, and no engine.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Optional

from postgres_server import children

SUITE = "bookworm"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEVICES = ("null", "zero", "full", "random", "urandom")
STOP_TIMEOUT_S = 40.0
INSTALL_TIMEOUT_S = 300.0
BUILD_TIMEOUT_S = 3600.0  # of the broker, on two cores that do other things as well


def why_not() -> str:
    """Why there can be none here; "" if there can."""
    if os.geteuid() != 0:
        return "needs root: a folder becomes the root of a process"
    if platform.machine() != "x86_64":
        return "the package is built for amd64"
    missing = [name for name in ("debootstrap", "unshare", "nsenter", "setpriv", "ip", "dpkg-deb")
               if shutil.which(name) is None]  # fmt: skip
    if missing:
        return f"no {', '.join(missing)}; deploy/install-dependencies.sh test installs them"
    return "" if sources() else f"apt knows no source of Debian's {SUITE} here"


def sources() -> list[tuple[str, str]]:
    """Where the machine's apt gets Debian 12 from: addresses and suites, the distribution first."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
         "Created-By: Packages"],
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    wanted = (SUITE, f"{SUITE}-security", f"{SUITE}-updates")
    found = {(uri, suite) for uri, suite, component in map(str.split, listed.splitlines())
             if component == "main" and suite in wanted}  # fmt: skip
    in_order = sorted(found, key=lambda source: source[1])
    return in_order if in_order and in_order[0][1] == SUITE else []


def base(cache: Path) -> Path:
    """The tree that all copies are made of; makes it, in half a minute, if it isn't there."""
    tree, complete = cache / SUITE, cache / f"{SUITE}.complete"
    if complete.exists():
        return tree
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    [(mirror, _), *_] = known = sources()
    done = subprocess.run(
        ["debootstrap", "--variant=minbase", SUITE, tree, mirror],
        capture_output=True, text=True, check=False, timeout=INSTALL_TIMEOUT_S,
    )  # fmt: skip
    assert done.returncode == 0, f"debootstrap: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    (tree / "etc/apt/sources.list").write_text(
        "".join(f"deb {uri} {suite} main\n" for uri, suite in known)
    )
    # As in every image: nothing starts while packages are installed.
    policy = tree / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    shutil.rmtree(tree / "var/cache/apt")
    shutil.rmtree(tree / "var/lib/apt/lists")
    complete.touch()
    return tree


class DebianRoot:
    """One tree. Not thread-safe.

    Attributes:
        path: its folder on this machine.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def fresh(cls, cache: Path, path: Path) -> DebianRoot:
        """A new copy of the base, at `path`."""
        return cls(base(cache)).copy(path)

    def copy(self, path: Path) -> DebianRoot:
        """Another one that has all that this one has."""
        subprocess.run(["cp", "-a", self.path, path], check=True)
        return DebianRoot(path)

    def size_mib(self) -> float:
        """What is in it, as `du` counts."""
        counted = subprocess.run(
            ["du", "--summarize", "--block-size=1K", self.path],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return int(counted.stdout.split()[0]) / 1024

    def run(
        self, *command: str, environment: Optional[Mapping[str, str]] = None, check: bool = True,
        timeout: float = INSTALL_TIMEOUT_S, directory: str = "/",
        volumes: Optional[Mapping[str, Path]] = None,
    ) -> subprocess.CompletedProcess[str]:  # fmt: skip
        """Runs a command as root, on the machine's network, as an installation does."""
        done = subprocess.run(
            isolated(self.path, command, environment or {}, directory=directory, network=True,
                     volumes=volumes),
            capture_output=True, text=True, check=False, timeout=timeout,
        )  # fmt: skip
        if check:
            assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}{done.stderr}"
        return done

    @contextmanager
    def container(
        self, *command: str, user: str = "0:0", environment: Optional[Mapping[str, str]] = None,
        directory: str = "/", read_only: bool = False,
        volumes: Optional[Mapping[str, Path]] = None,
    ) -> Iterator[Container]:  # fmt: skip
        """Runs a command, without any capability, until the `with` block ends.

        Args:
            command: process 1.
            user: "UID:GID".
            environment: all of it.
            directory: where it runs.
            read_only: nothing but the volumes and /dev can be written to.
            volumes: folders of this machine by where they are seen.

        """
        started = Container(
            isolated(self.path, command, environment or {}, user=user, directory=directory,
                     read_only=read_only, volumes=volumes or {}),
            user, environment or {},
        )  # fmt: skip
        try:
            yield started
        finally:
            started.kill()

    @contextmanager
    def booted(self, unit: str) -> Iterator[Container]:
        """Has systemd as process 1 bring up `unit` and what that needs, until the block ends."""
        hierarchy = control_groups()
        assert hierarchy is not None
        group = Path(tempfile.mkdtemp(prefix="warren-", dir=hierarchy))
        environment = {"container": "other"}  # as systemd asks container engines to say
        started = Container(
            isolated(self.path, ("/lib/systemd/systemd", f"--unit={unit}", "--show-status=no"),
                     environment, group=group),
            "", environment,
        )  # fmt: skip
        try:
            yield started
        finally:
            started.kill()
            remove_group(group)


def control_groups() -> Optional[Path]:
    """Where version 2 of control groups is mounted, and groups can be made; None without it."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, options, *_ = line.split()
        if kind == "cgroup2" and "rw" in options.split(","):
            return Path(place)
    return None


def remove_group(group: Path) -> None:
    """Once all that was in it has ended."""
    deadline = time.monotonic() + 10
    while group.exists():
        for folder in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
            with suppress(OSError):
                folder.rmdir()
        with suppress(OSError):
            group.rmdir()
        assert time.monotonic() < deadline, f"something is left in {group}"


def isolated(
    root: Path, command: Sequence[str], environment: Mapping[str, str], *, user: str = "",
    directory: str = "/", network: bool = False, read_only: bool = False,
    volumes: Optional[Mapping[str, Path]] = None, group: Optional[Path] = None,
) -> list[str]:  # fmt: skip
    """The command that runs `command` in `root`, in a control group if there is one for it."""
    inside = shlex.quote(str(root))
    lines = ["set -eu", "mount --make-rprivate /", f"mount --bind {inside} {inside}"]
    for place, folder in (volumes or {}).items():
        lines.append(f"mount --bind {shlex.quote(str(folder))} {inside}{place}")
    lines += [f"mount -t proc proc {inside}/proc", f"mount -t tmpfs -o mode=755 dev {inside}/dev"]
    for device in DEVICES:
        node = f"/dev/{device}"
        lines += [f"touch {inside}{node}", f"mount --bind {node} {inside}{node}"]
    lines += [f"ln -s /proc/self/fd {inside}/dev/fd", f"mkdir -m 1777 {inside}/dev/shm"]
    if group is not None:  # what an init system needs on top
        lines += [
            f"mount -t sysfs -o ro sysfs {inside}/sys",
            f"mount -t cgroup2 cgroup2 {inside}/sys/fs/cgroup",
            f"mkdir {inside}/dev/pts",
            f"mount -t devpts -o newinstance,ptmxmode=0666 devpts {inside}/dev/pts",
            f"ln -s pts/ptmx {inside}/dev/ptmx",
            f"mount -t tmpfs -o mode=755 run {inside}/run",
        ]
    if read_only:
        lines.append(f"mount -o remount,bind,ro {inside}")
    if not network:
        lines.append("ip link set lo up")
    # As chroot would, but such that namespaces can be made in it again, as systemd does.
    lines += [f"cd {inside}", "pivot_root . .", "umount -l ."]
    entered = ["env", "-i", f"--chdir={directory}", f"PATH={PATH}",
               *(f"{name}={value}" for name, value in environment.items()),
               *privileges(user), *command]  # fmt: skip
    lines.append(f"exec {shlex.join(entered)}")
    spaces = ["--mount", "--pid", "--fork", "--kill-child", "--ipc", "--uts"]
    if not network:
        spaces.append("--net")
    if group is None:
        return ["unshare", *spaces, "bash", "-c", "\n".join(lines)]
    enter = f"echo $$ >{shlex.quote(str(group))}/cgroup.procs; exec \"$@\""
    return ["bash", "-c", enter, "bash", "unshare", *spaces, "--cgroup", "bash", "-c",
            "\n".join(lines)]  # fmt: skip


def privileges(user: str) -> list[str]:
    """As a container engine starts whom it is told to trust with nothing; "" keeps everything."""
    if not user:
        return []
    uid, _, gid = user.partition(":")
    return ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--no-new-privs",
            "--bounding-set=-all", "--inh-caps=-all"]  # fmt: skip


class Container:
    """A command that runs, and others beside it. Made by DebianRoot.container.

    Attributes:
        output: what it has written, line by line.
    """

    def __init__(self, command: list[str], user: str, environment: Mapping[str, str]) -> None:
        self._user = user
        self._environment = dict(environment)
        self.output: list[str] = []
        self._said = threading.Event()
        self.started_at = time.monotonic()
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace",
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Of its process 1, outside; once that is in its own root."""
        deadline = time.monotonic() + 10
        while True:
            for pid in children(self._process.pid):
                with suppress(OSError):
                    if not os.path.samefile(f"/proc/{pid}/root", "/"):
                        return pid
            assert self._process.poll() is None and time.monotonic() < deadline, (
                "it has ended, or never began:\n" + "\n".join(self.output)
            )
            time.sleep(0.01)

    def wait_output(self, text: str, timeout: float = 30.0) -> str:
        """Waits for a line with this text."""
        deadline = time.monotonic() + timeout
        while True:
            for line in list(self.output):
                if text in line:
                    return line
            ended = self._process.poll() is not None and not self._reader.is_alive()
            assert not ended and time.monotonic() < deadline, (
                f"never said {text!r}:\n" + "\n".join(self.output)
            )
            self._said.wait(0.05)
            self._said.clear()

    def run(
        self, *command: str, check: bool = True, user: Optional[str] = None, given: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command beside it, as the same user if not said otherwise."""
        pid = self.pid
        done = subprocess.run(
            ["nsenter", f"--target={pid}", "--mount", "--pid", "--net", "--ipc", "--uts",
             f"--root=/proc/{pid}/root", f"--wd=/proc/{pid}/cwd", "env", "-i", f"PATH={PATH}",
             *(f"{name}={value}" for name, value in self._environment.items()),
             *privileges(user or self._user), *command],
            input=given, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        if check:
            said = "\n".join(self.output)
            assert done.returncode == 0, (
                f"{shlex.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}\n{said}"
            )
        return done

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Sends process 1 the signal; the status that it ends with."""
        os.kill(self.pid, how)
        return self.wait_ended()

    def wait_ended(self) -> int:
        """Its status, once it has ended by itself."""
        status = self._process.wait(STOP_TIMEOUT_S)
        self._reader.join()
        return status

    def kill(self) -> None:
        """Ends it and all that runs beside it, if it hasn't ended."""
        if self._process.poll() is None:
            # Process 1 takes along all that runs beside it, and then there is nothing to wait for.
            for pid in children(self._process.pid) or [self._process.pid]:
                os.kill(pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.output.append(line.rstrip("\n"))
            self._said.set()
        self._process.stdout.close()
