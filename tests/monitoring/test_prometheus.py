"""Dashboards and alerts against a real Prometheus that scrapes a real broker under load."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import panels
import pytest
import warren
from panels import Panel
from postgres_server import PostgresServer
from prometheus_server import DEPLOY, PrometheusServer, why_not
from secured import Authority
from storages import why_not as why_no_store
from warren_process import WarrenProcess
from workload import Workload

PATIENCE_S = 60.0
RUNBOOKS = DEPLOY.parent / "docs" / "runbooks"
RULES = DEPLOY / "prometheus" / "warren-alerts.yml"
RULES_TESTS = DEPLOY / "prometheus" / "warren-alerts-tests.yml"
METRIC = re.compile(r"\b(?:(?:warren|grpc|process)_\w+|up)(?=[{\[)\s]|$)")
COMPARISON = re.compile(r"\s(?:==|!=|>=|<=|>|<)\s")
# What is 0, or may be, as long as all is well.
CALM = {"Alarms", "Publishers held", "Queues left out", "Store's trouble"}

ALL_PANELS = panels.panels(PrometheusServer.INTERVAL_S)


@pytest.fixture(scope="module")
def prometheus(
    tmp_path_factory: pytest.TempPathFactory, postgres_servers: Callable[[], PostgresServer]
) -> Iterator[PrometheusServer]:
    """One that scrapes a broker on PostgreSQL and with TLS, which has every metric, at work."""
    for reason in (why_not(), why_no_store("postgres")):
        if reason:
            pytest.skip(reason)
    directory = tmp_path_factory.mktemp("prometheus")
    storage = postgres_servers().create_database()
    authority = Authority(directory / "certificates", "warren")
    certificate, key = authority.issue("broker", "broker")
    flags = [f"--tls-certificate={certificate}", f"--tls-key={key}"]
    tls = warren.Tls(authority.path)
    with WarrenProcess(directory / "broker", storage=storage, arguments=flags) as broker:
        with warren.connect(broker.grpc, tls=tls) as connection:
            Workload.declare(connection)
            connection.publish("", "nobody", b"to be recovered")
        broker.restart()
        with PrometheusServer(directory, broker.http) as server, Workload(broker.grpc, tls=tls):
            yield server


def eventually(
    ask: Callable[[], list[tuple[dict[str, str], float]]],
    good: Callable[[list[float]], bool],
    what: str,
) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = ask()
        if good([value for _, value in found]):
            return
        assert time.monotonic() < deadline, f"{what}: {found}"
        time.sleep(0.1)  # a scrape comes once a second


@pytest.mark.parametrize("panel", ALL_PANELS, ids=lambda p: f"{p.dashboard}: {p.title}")
def test_a_panel_shows_something(prometheus: PrometheusServer, panel: Panel) -> None:
    for target in panel.targets:
        eventually(
            lambda target=target: prometheus.query(target.expression),  # type: ignore[misc]
            lambda values: any(not math.isnan(value) for value in values),
            target.expression,
        )
    if panel.title not in CALM:
        eventually(
            lambda: [s for t in panel.targets for s in prometheus.query(t.expression)],
            lambda values: any(value > 0 for value in values),
            f"{panel.title} does not move",
        )


def test_no_expression_names_a_metric_that_is_not_there(prometheus: PrometheusServer) -> None:
    expressions = [t.expression for panel in ALL_PANELS for t in panel.targets]
    expressions += [rule["query"] for rule in prometheus.alerts()]
    named = {name for expression in expressions for name in METRIC.findall(expression)}
    assert len(named) > 40
    assert sorted(named - prometheus.names()) == []


def test_what_an_alert_looks_at_is_there(prometheus: PrometheusServer) -> None:
    rules = prometheus.alerts()
    assert len(rules) == RULES.read_text().count("- alert:")
    for rule in rules:
        left = COMPARISON.split(rule["query"], maxsplit=1)[0]
        assert left != rule["query"], f"{rule['name']} compares with nothing"
        eventually(lambda left=left: prometheus.query(left), bool, f"{rule['name']}: {left}")  # type: ignore[misc]
        assert not rule.get("lastError"), rule


def names_of_alerts() -> list[str]:
    return re.findall(r"- alert: (\w+)", RULES.read_text())


@pytest.mark.parametrize("alert", names_of_alerts())
def test_an_alert_has_its_page_and_its_two_cases(alert: str) -> None:
    assert (RUNBOOKS / f"{alert}.md").read_text().startswith(f"# {alert}\n")
    assert f"({alert}.md)" in (RUNBOOKS / "README.md").read_text()
    assert f'runbook_url: "docs/runbooks/{alert}.md"' in RULES.read_text()
    cases = RULES_TESTS.read_text()
    assert f'- name: "{alert} fires: ' in cases
    assert f'- name: "{alert} is quiet: ' in cases


@pytest.mark.parametrize(
    "command",
    [["check", "rules", RULES], ["check", "config", RULES.with_name("prometheus.yml")],
     ["test", "rules", RULES_TESTS]],
    ids=["rules", "config", "tests"],
)  # fmt: skip
def test_promtool_is_content(command: list[str]) -> None:
    if why_not():
        pytest.skip(why_not())
    done = subprocess.run(
        ["promtool", *map(str, command)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_dashboards_are_what_their_script_writes() -> None:
    sys.path.insert(0, str(DEPLOY / "grafana"))
    try:
        import dashboards
    finally:
        sys.path.pop(0)
    for dashboard in dashboards.DASHBOARDS:
        path = Path(dashboards.HERE / f"{dashboard.name}.json")
        assert path.read_text() == dashboards.text(dashboard), "run deploy/grafana/dashboards.py"


@pytest.mark.parametrize("name", panels.dashboards())
def test_a_dashboard_is_complete(name: str) -> None:
    dashboard = panels.dashboards()[name]
    assert dashboard["templating"]["list"][0]["type"] == "datasource"
    titles = [panel["title"] for panel in dashboard["panels"]]
    assert len(set(titles)) == len(titles)
    for panel in dashboard["panels"]:
        assert panel["title"] and panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            for window in re.findall(r"rate\([^\[]*\[([^\]]*)\]", target["expr"]):
                assert window == "$__rate_interval", target["expr"]
