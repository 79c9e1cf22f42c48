"""The life of the chart's pod, with a real broker: start, ready, SIGTERM under load, the successor.

What a kubelet would do with the rendered pod is done with a process (pod_process.py).
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import warren
from chart import CHART, LEAST, Release, need_tools, render
from pod_process import PodProcess
from postgres_server import PostgresServer
from secured import (
    PASSWORD,
    Authority,
    password_hash,
    presented,
    serial_of,
    user,
    write_users,
)
from warren_process import STANDS_BY, binary

PATIENCE_S = 30.0
QUEUE = "orders"


@pytest.fixture
def new_pod(tmp_path: Path) -> Iterator[Callable[..., PodProcess]]:
    """Makes pods of one release; those that run at the end are stopped."""
    need_tools()
    if not binary().exists():
        pytest.skip(f"{binary()} isn't built")
    made: list[PodProcess] = []

    def make(release: Release, **options: Any) -> PodProcess:
        made.append(PodProcess(release, tmp_path / f"pod-{len(made)}", ordinal=len(made),
                               **options))
        return made[-1]

    yield make
    for pod in made:
        pod.broker.kill()


class Load:
    """Publishes persistent messages, one by one, until the broker takes no more."""

    def __init__(self, address: str) -> None:
        self.confirmed: list[str] = []
        self._address = address
        self._thread = threading.Thread(target=self._publish, daemon=True)
        self._enough = threading.Event()

    def __enter__(self) -> Load:
        self._thread.start()
        assert self._enough.wait(PATIENCE_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def _publish(self) -> None:
        with warren.connect(self._address, timeout=2) as connection:
            number = 0
            while True:
                body = f"message {number}"
                try:
                    connection.publish("", QUEUE, body.encode(), persistent=True)
                except warren.WarrenError:
                    return
                self.confirmed.append(body)
                number += 1
                if number == 50:
                    self._enough.set()


def bodies(address: str, most: int) -> set[str]:
    """What is in the queue."""
    found: set[str] = set()
    with warren.connect(address, timeout=PATIENCE_S) as connection:
        with connection.consume(QUEUE) as consumer:
            while len(found) < most and (delivery := consumer.get(2)) is not None:
                found.add(delivery.body.decode())
                delivery.ack()
    return found


def drain_under_load(pod: PodProcess) -> list[str]:
    """SIGTERM while a producer publishes and a consumer holds a message; what was confirmed."""
    broker = pod.broker
    with warren.connect(broker.grpc) as connection:
        connection.declare_queue(QUEUE, durable=True)
        connection.declare_queue("held")
        connection.publish("", "held", b"held")
        with connection.consume("held") as consumer:
            held = consumer.get(PATIENCE_S)
            assert held is not None
            with Load(broker.grpc) as load:
                signalled = time.monotonic()
                pod.terminate()
                pod.wait_probe("readinessProbe", well=False)
                assert pod.probe("livenessProbe"), "a broker that drains would be killed"
            assert broker.running, "it didn't wait for its consumer"
            held.ack()
            status = broker.wait_ended(pod.grace_s)
    assert status == 0, broker.logs()
    assert time.monotonic() - signalled < pod.grace_s
    return load.confirmed


def helm_test(release: Release, pod: PodProcess) -> str:
    """Runs the command of `helm test`, with the warrenctl that was built; what it printed."""
    [container] = release.one("Job")["spec"]["template"]["spec"]["containers"]
    names = {variable["name"] for variable in container["env"]}
    assert names == {"WARRENCTL_ADDRESS"}
    done = subprocess.run(
        [*container["command"], *container["args"]], capture_output=True, text=True, check=False,
        timeout=PATIENCE_S, env={"PATH": f"{binary('warrenctl').parent}:{os.environ['PATH']}",
                                 "WARRENCTL_ADDRESS": pod.broker.grpc})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_pod_starts_serves_drains_within_its_grace_and_comes_back(
    new_pod: Callable[..., PodProcess],
) -> None:
    """On the embedded store: what was confirmed is there after the restart, on the same volume."""
    release = Release(render(settings=LEAST))
    pod = new_pod(release)
    pod.launch()
    pod.wait_probe("startupProbe")
    pod.wait_probe("readinessProbe")
    assert pod.probe("livenessProbe")
    assert pod.broker.wait_ready(PATIENCE_S)
    said = helm_test(release, pod)
    assert "helm-test-" in said
    confirmed = drain_under_load(pod)
    pod.launch()
    pod.wait_probe("readinessProbe")
    assert pod.broker.wait_ready(PATIENCE_S)
    assert set(confirmed) <= bodies(pod.broker.grpc, len(confirmed) + 1)
    pod.terminate()
    assert pod.broker.wait_ended(pod.grace_s) == 0


def test_on_postgresql_the_other_pod_takes_over(
    new_pod: Callable[..., PodProcess], postgres: PostgresServer
) -> None:
    """Users and TLS aside, as ci/postgresql-pair.yaml has it: the URL is in a Secret."""
    secrets = {"warren-database": {"url": postgres.create_database(), "password": "unused"}}
    release = Release(render(settings=[
        *LEAST, "replicas=2", "storage.kind=postgresql",
        "storage.postgresql.existingSecret=warren-database", "storage.postgresql.urlKey=url",
        "storage.lease=2s"]))
    first, second = (new_pod(release, secrets=secrets) for _ in range(2))
    first.launch()
    first.wait_probe("readinessProbe")
    assert first.broker.wait_ready(PATIENCE_S)
    second.launch()
    second.broker.wait_output(STANDS_BY)
    # Ready while it stands by, or rollouts and disruption budgets would wait for ever.
    second.wait_probe("startupProbe")
    second.wait_probe("readinessProbe")
    assert second.probe("livenessProbe")
    confirmed = drain_under_load(first)
    assert second.broker.wait_ready(PATIENCE_S), second.broker.logs()
    second.wait_probe("readinessProbe")
    assert set(confirmed) <= bodies(second.broker.grpc, len(confirmed) + 1)


def test_a_pod_with_tls_and_users_takes_its_secrets_and_new_ones(
    new_pod: Callable[..., PodProcess], tmp_path: Path
) -> None:
    """As ci/embedded-tls.yaml has it; a new users file counts without a restart."""
    authority = Authority(tmp_path / "ca", "chart-test")
    certificate, key = authority.issue("broker", "broker")
    users = write_users(tmp_path / "users.yaml", anna=user())
    secrets = {
        "warren-tls": {"tls.crt": certificate.read_text(), "tls.key": key.read_text()},
        "warren-users": {"users.yaml": users.read_text()},
    }
    pod = new_pod(Release(render(values=CHART / "ci" / "embedded-tls.yaml")), secrets=secrets)
    pod.launch()
    pod.wait_probe("readinessProbe")
    assert pod.broker.wait_ready(PATIENCE_S)
    tls = warren.Tls(ca=str(authority.path))
    login = {"tls": tls, "password": PASSWORD}
    with warren.connect(pod.broker.grpc, user="anna", **login) as connection:
        connection.declare_queue(QUEUE)
    assert password_hash() in users.read_text()
    mounted = next((tmp_path / "pod-0").rglob("users.yaml"))
    write_users(mounted, anna=user(), bert=user())
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with warren.connect(pod.broker.grpc, user="bert", timeout=1, **login) as connection:
                connection.declare_queue(QUEUE)
            return
        except warren.WarrenError:
            assert time.monotonic() < deadline, pod.broker.logs()


def test_a_pod_takes_a_renewed_certificate_while_its_connections_go_on(
    new_pod: Callable[..., PodProcess], tmp_path: Path
) -> None:
    """As cert-manager renews one: the Secret's files change below the pod."""
    authority = Authority(tmp_path / "ca", "chart-test")
    old = authority.issue("broker", "old")
    secrets = {
        "warren-tls": {"tls.crt": old[0].read_text(), "tls.key": old[1].read_text()},
        "warren-users": {
            "users.yaml": write_users(tmp_path / "users.yaml", anna=user()).read_text()
        },
    }
    pod = new_pod(Release(render(values=CHART / "ci" / "embedded-tls.yaml")), secrets=secrets)
    pod.launch()
    assert pod.broker.wait_ready(PATIENCE_S)
    address = pod.broker.grpc
    assert presented(address, authority) == serial_of(old[0])
    login = {"tls": warren.Tls(ca=str(authority.path)), "user": "anna", "password": PASSWORD}
    with warren.connect(address, **login) as connection:
        connection.declare_queue(QUEUE)
        connection.publish("", QUEUE, b"1")
        with connection.consume(QUEUE) as consumer:
            delivery = consumer.get(PATIENCE_S)
            assert delivery is not None
            renewed = authority.issue("broker", "renewed")
            mounted = next((tmp_path / "pod-0").rglob("tls.crt")).parent
            for source, name in zip(renewed, ("tls.crt", "tls.key")):
                (mounted / "new").write_bytes(source.read_bytes())
                os.replace(mounted / "new", mounted / name)
            deadline = time.monotonic() + PATIENCE_S
            while presented(address, authority) != serial_of(renewed[0]):
                assert time.monotonic() < deadline, pod.broker.logs()
            with warren.connect(address, **login) as another:
                another.publish("", QUEUE, b"2")
            # The stream that was there is the same one: what it delivered can be settled.
            assert delivery.ack()
            consumer.flush(PATIENCE_S)
            delivery = consumer.get(PATIENCE_S)
            assert delivery is not None and delivery.body == b"2" and not delivery.redelivered
