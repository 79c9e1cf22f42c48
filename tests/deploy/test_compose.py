"""The compose file: right by the specification, all that it mounts is there, and its broker serves.

No container engine here, so the broker's service is started by hand: its variables, its secrets,
its health check, on a real PostgreSQL that asks for the password.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest
import warren
import yaml
from compose_spec import PyCompose
from postgres_server import PostgresServer
from storages import why_not as why_no_store
from warren_process import ROOT, WarrenProcess, binary

COMPOSE = ROOT / "deploy" / "compose"
TEXT = (COMPOSE / "docker-compose.yml").read_text()
SPEC: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = SPEC["services"]
IN_CONTAINER = "/run/secrets/"


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made by the script, as operators make them."""
    if not binary().exists():
        pytest.skip(f"{binary()} isn't built")
    folder = tmp_path_factory.mktemp("compose") / "secrets"
    make_secrets(folder)
    return folder


def make_secrets(folder: Path) -> None:
    done = subprocess.run(
        [COMPOSE / "make-secrets.sh", folder], capture_output=True, text=True, check=False,
        env={**os.environ, "WARREN": f"{binary()}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_file_is_right_by_the_specification() -> None:
    PyCompose.from_yaml(TEXT).validate()


def test_the_specification_would_refuse_mistakes() -> None:
    for wrong, right in (("stop_grace_period", "stop_grace_time"), ("condition:", "state:")):
        with pytest.raises(ValueError):
            PyCompose.from_yaml(TEXT.replace(wrong, right))


def test_images_are_pinned_and_the_brokers_is_of_this_version() -> None:
    images = {name: service["image"] for name, service in SERVICES.items()}
    for image in images.values():
        assert re.fullmatch(r"[a-z/]+:v?\d[\w.-]*", image), image
    version = re.search(r"project\(warren VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())
    assert version and images["broker"] == f"warren:{version[1]}"
    build = SERVICES["broker"]["build"]
    assert ((COMPOSE / build["context"]) / build["dockerfile"]).resolve() == (
        ROOT / "deploy" / "Dockerfile"
    )


def test_ports_are_this_machines_alone() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_no_secret_is_a_value_or_in_the_repository() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEY|TOKEN", name):
                assert value.startswith(IN_CONTAINER), name
                assert value.removeprefix(IN_CONTAINER) in service["secrets"]
    listed = subprocess.run(["git", "ls-files", "deploy/compose"], cwd=ROOT, capture_output=True,
                            text=True, check=True).stdout  # fmt: skip
    assert "secrets/" not in listed
    assert "deploy/compose/secrets" in (ROOT / ".gitignore").read_text()


def mounts(service: str) -> Iterator[tuple[Path, str]]:
    """Folders and files of this repository, and where the service sees them."""
    for volume in SERVICES[service].get("volumes", ()):
        source, place, *_ = volume.split(":")
        if source.startswith("."):
            yield (COMPOSE / source).resolve(), place
        else:
            assert source in SPEC["volumes"], source


def test_all_that_is_mounted_is_there() -> None:
    found = [source for service in SERVICES for source, _ in mounts(service)]
    assert len(found) == 5
    assert [source for source in found if not source.exists()] == []


def test_script_makes_each_secret_once(secrets: Path) -> None:
    wanted = {Path(secret["file"]).name for secret in SPEC["secrets"].values()}
    for service in SERVICES.values():
        assert set(service.get("secrets", ())) <= set(SPEC["secrets"])
    assert wanted <= {path.name for path in secrets.iterdir()}
    assert secrets.stat().st_mode & 0o777 == 0o700, "others of this machine stay out"
    for name in wanted:
        assert (secrets / name).stat().st_mode & 0o777 == 0o444, "containers' users read them"
    passwords = {(secrets / f"{name}-password").read_text() for name in ("app", "grafana",
                                                                         "postgres")}  # fmt: skip
    assert len(passwords) == 3 and min(map(len, passwords)) >= 32
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}
    make_secrets(secrets)
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == before


def test_prometheus_takes_its_configuration_and_rules(tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("no promtool; deploy/install-dependencies.sh test installs it")
    for source, place in mounts("prometheus"):
        target = tmp_path / place.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    done = subprocess.run(
        ["promtool", "check", "config", tmp_path / "etc/prometheus/prometheus.yml"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"SUCCESS: \d\d rules found", done.stdout), done.stdout


def test_prometheus_scrapes_as_the_example_does() -> None:
    ours = yaml.safe_load((COMPOSE / "prometheus.yml").read_text())
    example = (ROOT / "deploy/prometheus/prometheus.yml").read_text()
    assert ours == yaml.safe_load(example.replace("127.0.0.1:7172", "broker:7172"))
    assert "broker" in SERVICES


def test_grafana_finds_its_data_and_dashboards() -> None:
    seen = dict((place, source) for source, place in mounts("grafana"))
    provisioning = "/etc/grafana/provisioning"
    [source_file] = seen[f"{provisioning}/datasources"].iterdir()
    [source] = yaml.safe_load(source_file.read_text())["datasources"]
    assert source["type"] == "prometheus" and source["isDefault"]
    host, port = re.fullmatch(r"http://(\w+):(\d+)", source["url"]).groups()  # type: ignore[union-attr]
    assert SERVICES[host]["ports"] == [f"127.0.0.1:{port}:{port}"]
    [provider_file] = seen[f"{provisioning}/dashboards"].iterdir()
    [provider] = yaml.safe_load(provider_file.read_text())["providers"]
    assert provider["type"] == "file"
    dashboards = [json.loads(path.read_text())
                  for path in seen[provider["options"]["path"]].glob("*.json")]  # fmt: skip
    assert len({dashboard["uid"] for dashboard in dashboards}) == len(dashboards) >= 3
    for dashboard in dashboards:
        kinds = {variable["query"] for variable in dashboard["templating"]["list"]
                 if variable["type"] == "datasource"}  # fmt: skip
        assert kinds == {source["type"]}, "its variable finds the source by its kind"


@pytest.fixture
def database(secrets: Path) -> Iterator[str]:
    """What the service postgres would be: a server that lets nobody in without the password."""
    reason = why_no_store("postgres")
    if reason:
        pytest.skip(reason)
    user = SERVICES["postgres"]["environment"]["POSTGRES_USER"]
    name = SERVICES["postgres"]["environment"]["POSTGRES_DB"]
    with tempfile.TemporaryDirectory(prefix="warren-compose-") as folder:
        os.chmod(folder, 0o755)  # PostgreSQL runs as another user
        rules = Path(folder, "pg_hba.conf")
        rules.write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        with PostgresServer(tcp=True, settings=[f"hba_file = '{rules}'"]) as server:
            password = (secrets / "postgres-password").read_text()
            server.query("postgres", f"ALTER ROLE {user} PASSWORD '{password}'")
            server.query("postgres", f"CREATE DATABASE {name}")
            yield f"127.0.0.1:{server.port}"


def service_environment(secrets: Path) -> dict[str, str]:
    """The broker's variables, with its secrets where they are on this machine."""
    return {name: value.replace(IN_CONTAINER, f"{secrets}/")
            for name, value in SERVICES["broker"]["environment"].items()}  # fmt: skip


def test_broker_serves_with_what_its_service_says(
    new_broker: Callable[..., WarrenProcess], database: str, secrets: Path
) -> None:
    environment = service_environment(secrets)
    url = environment.pop("WARREN_STORAGE_URL").replace("@postgres/", f"@{database}/")
    assert database in url
    prefix = ["env", *(f"{name}={value}" for name, value in environment.items())]
    broker = new_broker(url, prefix=prefix).start()
    password = (secrets / "app-password").read_text()
    tls = warren.Tls(secrets / "ca.crt")
    with warren.connect(broker.grpc, tls=tls, user="app", password=password) as connection:
        connection.declare_queue("orders")
        connection.publish("", "orders", "one book")
    with pytest.raises(warren.Unauthenticated):
        with warren.connect(broker.grpc, tls=tls, user="app", password="wrong") as connection:
            connection.declare_queue("others")
    kind, *check = SERVICES["broker"]["healthcheck"]["test"]
    assert kind == "CMD" and check[0] == "warren"
    healthy = subprocess.run(
        [*prefix, binary(), *check[1:], f"--http={broker.http}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (healthy.returncode, healthy.stdout) == (0, "ready\n"), healthy.stderr
    broker.restart()
    with warren.connect(broker.grpc, tls=tls, user="app", password=password) as connection:
        with connection.consume("orders") as consumer:
            delivery = next(iter(consumer))
            assert delivery.body == b"one book"
            delivery.ack()
    assert broker.stop() == 0
