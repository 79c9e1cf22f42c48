"""The unit under a real systemd, what systemd thinks of it, and what the broker tells a manager."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest
from debian_root import Container, DebianRoot, control_groups
from warren_process import ROOT, WarrenProcess

pytest_plugins = ("image_fixtures",)
pytestmark = pytest.mark.timeout(300)

UNIT = ROOT / "deploy" / "systemd" / "warren.service"
# systemd counts from 0 (can do nothing) to 10; a unit that says nothing gets 9.6.
MOST_EXPOSURE = 1.3


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """What a service manager listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(30)
        yield listening


def hear_of(manager: socket.socket, what: str) -> dict[str, str]:
    """The next message with this in it, by name."""
    while True:
        said = manager.recv(65536).decode()
        if what in said:
            return dict(line.split("=", 1) for line in said.splitlines())


def under(manager: socket.socket) -> list[str]:
    return ["env", f"NOTIFY_SOCKET={manager.getsockname()}"]


def test_manager_hears_of_serving_reloading_and_stopping(
    new_broker: Callable[..., WarrenProcess], manager: socket.socket, tmp_path: Path
) -> None:
    config = tmp_path / "warren.yaml"
    config.write_text("log: {level: info}\n")
    broker = new_broker(
        "memory:", f"--config={config}", "--drain-timeout=3s", prefix=under(manager)
    ).start()
    assert hear_of(manager, "READY=1")["STATUS"] == (
        f"serving on grpc={broker.grpc} http={broker.http}"
    )
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    subprocess.run(["kill", "-HUP", f"{broker.pid}"], check=True)
    assert int(hear_of(manager, "RELOADING=1")["MONOTONIC_USEC"]) >= before
    assert hear_of(manager, "READY=1")
    broker.wait_output("log levels read anew")
    assert broker.stop() == 0
    # The drain that it was told to do, and what comes after.
    assert int(hear_of(manager, "STOPPING=1")["EXTEND_TIMEOUT_USEC"]) >= 3_000_000 + 10_000_000


def test_manager_hears_what_a_start_waits_for(
    new_broker: Callable[..., WarrenProcess], manager: socket.socket
) -> None:
    with socket.socket() as nobody:  # bound and not listening: connections are refused
        nobody.bind(("127.0.0.1", 0))
        url = f"postgres://warren@127.0.0.1:{nobody.getsockname()[1]}/none"
        broker = new_broker(url, prefix=under(manager))
        broker.launch()
        said = hear_of(manager, "can't be opened yet")
        assert "refused" in said["STATUS"]
        assert int(said["EXTEND_TIMEOUT_USEC"]) > 10_000_000
        assert broker.stop() == 0
        assert hear_of(manager, "STOPPING=1")


def test_watchdog_hears_of_a_loop_that_answers(
    new_broker: Callable[..., WarrenProcess], manager: socket.socket
) -> None:
    prefix = [*under(manager), "WATCHDOG_USEC=300000"]
    with new_broker("memory:", prefix=prefix):
        assert hear_of(manager, "READY=1")
        for _ in range(3):
            assert hear_of(manager, "WATCHDOG=1")


def test_manager_that_is_gone_costs_a_line_of_the_log(
    new_broker: Callable[..., WarrenProcess], tmp_path: Path
) -> None:
    with new_broker("memory:", prefix=["env", f"NOTIFY_SOCKET={tmp_path}/gone"]) as broker:
        assert broker.wait_output("can't tell the service manager")


def test_unit_is_exposed_to_little(debian_with_package: DebianRoot) -> None:
    """By the systemd of Debian 12 itself."""
    said = debian_with_package.run(
        "systemd-analyze", "security", "--offline=yes", "--no-pager", "warren.service"
    ).stdout
    found = re.search(r"Overall exposure level for warren.service: ([\d.]+)", said)
    assert found, said
    assert float(found[1]) <= MOST_EXPOSURE, said


@pytest.fixture(scope="module")
def machine(
    debian_with_package: DebianRoot, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Container]:
    """A Debian 12 with the package that has booted."""
    if control_groups() is None:
        pytest.skip("no control groups (version 2) to give systemd one of")
    folder = tmp_path_factory.mktemp("machine")
    root = debian_with_package.copy(folder / "root")
    (root.path / "etc/systemd/system/test.target").write_text(
        "[Unit]\nRequires=basic.target\nWants=warren.service\nAfter=basic.target warren.service\n"
    )
    # A watchdog that a test can wait for.
    drop_in = root.path / "etc/systemd/system/warren.service.d"
    drop_in.mkdir()
    (drop_in / "test.conf").write_text("[Service]\nWatchdogSec=2s\nRestartSec=100ms\n")
    with root.booted("test.target") as booted:
        wait_for(booted, "ActiveState", "active")
        yield booted
    shutil.rmtree(folder)


def show(machine: Container, name: str) -> str:
    """A property of the unit, as systemd tells it; "" while systemd doesn't answer yet."""
    return machine.run(
        "systemctl", "show", "--value", f"--property={name}", "warren.service", check=False
    ).stdout.strip()


def wait_for(machine: Container, name: str, value: str, timeout: float = 60.0) -> None:
    deadline = time.monotonic() + timeout
    while (now := show(machine, name)) != value:
        if time.monotonic() > deadline:
            raise AssertionError(f"{name} is {now!r}, not {value!r}\n{journal(machine)}")
        time.sleep(0.05)


def journal(machine: Container) -> str:
    return machine.run(
        "journalctl", "--no-pager", "--output=cat", "--unit=warren.service", check=False
    ).stdout


def test_systemd_runs_it_as_its_user_with_nothing_it_needs_not(machine: Container) -> None:
    assert show(machine, "StatusText").startswith("serving on grpc=127.0.0.1:7171")
    assert show(machine, "NRestarts") == "0", journal(machine)
    status = machine.run("cat", f"/proc/{show(machine, 'MainPID')}/status").stdout
    values = dict(line.split(":\t", 1) for line in status.splitlines())
    assert "0" not in values["Uid"].split()
    assert int(values["CapBnd"], 16) == int(values["CapEff"], 16) == 0
    assert values["NoNewPrivs"] == "1"
    assert values["Seccomp"] == "2", "system calls are filtered"


def test_hardened_broker_does_its_work(machine: Container) -> None:
    """The store, the metrics, the tools: nothing of it is forbidden by the unit."""
    machine.run("warrenctl", "queue", "declare", "--durable", "orders")
    machine.run("warrenctl", "publish", "--key=orders", "--persistent", "one book")
    machine.run("systemctl", "restart", "warren.service")
    assert "one book" in machine.run("warrenctl", "get", "orders", "--ack").stdout
    config = "--config=/etc/warren/warren.yaml"
    assert machine.run("warren", "probe", "readyz", config).stdout == "ready\n"
    for line in journal(machine).splitlines():
        if line.startswith("{"):
            entry = json.loads(line)
            assert entry["level"] == "info" or "no users" in entry["message"], line


def test_systemd_waits_for_a_reload(machine: Container) -> None:
    pid = show(machine, "MainPID")
    machine.run("sh", "-c", "sed -i 's/level: info/level: debug/' /etc/warren/warren.yaml")
    machine.run("systemctl", "reload", "warren.service")
    wait_for(machine, "ActiveState", "active")
    assert "log levels read anew" in journal(machine)
    assert show(machine, "MainPID") == pid


def test_watchdog_starts_anew_what_is_stuck(machine: Container) -> None:
    restarts = int(show(machine, "NRestarts"))
    # Stopped, it answers nobody; SIGABRT, which the watchdog sends, stays pending, then SIGKILL.
    drop_in = "/etc/systemd/system/warren.service.d/test.conf"
    machine.run("sh", "-c", f"echo TimeoutAbortSec=1s >>{drop_in}; systemctl daemon-reload")
    machine.run("systemctl", "kill", "--kill-whom=main", "--signal=STOP", "warren.service")
    wait_for(machine, "NRestarts", f"{restarts + 1}")
    wait_for(machine, "ActiveState", "active")
    assert "atchdog" in journal(machine)


def test_wrong_configuration_is_told_and_not_tried_again(machine: Container) -> None:
    machine.run("sh", "-c", "echo 'nonsense: {a: 1}' >>/etc/warren/warren.yaml")
    assert machine.run("systemctl", "restart", "warren.service", check=False).returncode != 0
    assert show(machine, "ActiveState") == "failed"
    assert "nonsense" in journal(machine)
    machine.run("sh", "-c", "sed -i /nonsense/d /etc/warren/warren.yaml")
    machine.run("systemctl", "start", "warren.service")
    assert show(machine, "ActiveState") == "active"


def test_systemd_stops_it_in_order(machine: Container) -> None:
    machine.run("systemctl", "stop", "warren.service")
    assert show(machine, "Result") == "success"
    assert show(machine, "ExecMainStatus") == "0"
    assert "stopped" in journal(machine)
