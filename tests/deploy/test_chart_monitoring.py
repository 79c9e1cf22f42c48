"""What the chart gives Prometheus and Grafana: the rules hold as rendered, and fit the scrape."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml
from chart import CHART, LEAST, ROOT, Release, need_tools, release_of, render

ALERTS = ROOT / "deploy" / "prometheus" / "warren-alerts.yml"
TESTS = ALERTS.with_name("warren-alerts-tests.yml")


@pytest.fixture
def monitoring() -> Release:
    need_tools()
    return release_of(CHART / "ci" / "monitoring.yaml")


def write_rules(release: Release, folder: Path) -> Path:
    """As the operator gives them to Prometheus."""
    groups = [group for rule in release.of_kind("PrometheusRule")
              for group in rule["spec"]["groups"]]
    path = folder / ALERTS.name
    path.write_text(yaml.safe_dump({"groups": groups}))
    return path


def promtool(*arguments: str | Path, folder: Path) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True,
                          check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_one_resource_a_rule_group(monitoring: Release) -> None:
    groups = [group["name"] for group in yaml.safe_load(ALERTS.read_text())["groups"]]
    rules = monitoring.of_kind("PrometheusRule")
    assert [rule["spec"]["groups"][0]["name"] for rule in rules] == groups
    assert all(len(rule["spec"]["groups"]) == 1 for rule in rules)


def test_promtool_finds_nothing_in_the_rules(monitoring: Release, tmp_path: Path) -> None:
    promtool("check", "rules", write_rules(monitoring, tmp_path), folder=tmp_path)


def test_rules_fire_and_stay_silent_as_rendered(tmp_path: Path) -> None:
    """By the cases of deploy/prometheus, which know the pages by their paths."""
    need_tools()
    release = Release(render(settings=[*LEAST, "prometheusRule.enabled=true"]))
    write_rules(release, tmp_path)
    (tmp_path / TESTS.name).write_text(TESTS.read_text())
    promtool("test", "rules", TESTS.name, folder=tmp_path)


def test_each_alert_links_to_a_page_that_exists(monitoring: Release) -> None:
    links = [rule["annotations"]["runbook_url"] for group in monitoring.of_kind("PrometheusRule")
             for rule in group["spec"]["groups"][0]["rules"]]
    assert len(links) >= 19
    for link in links:
        folder, _, page = link.rpartition("/")
        assert folder == "https://runbooks.example/warren"
        assert (ROOT / "docs" / "runbooks" / page).exists()


def test_alerts_know_the_job_that_the_monitor_gives() -> None:
    need_tools()
    release = Release(render(release="blue", settings=[
        *LEAST, "prometheusRule.enabled=true", "serviceMonitor.enabled=true"]))
    jobs = [endpoint["relabelings"][0]["replacement"]
            for endpoint in release.one("ServiceMonitor")["spec"]["endpoints"]]
    assert jobs == ["blue-warren", "blue-warren-detailed"]
    text = yaml.safe_dump(release.of_kind("PrometheusRule"))
    assert 'up{job="blue-warren"}' in text and 'job="warren"' not in text


def test_the_monitor_selects_one_service_with_its_port(monitoring: Release) -> None:
    spec = monitoring.one("ServiceMonitor")["spec"]
    wanted = spec["selector"]["matchLabels"].items()
    [service] = [service for service in monitoring.of_kind("Service")
                 if wanted <= service["metadata"]["labels"].items()]
    ports = {port["name"] for port in service["spec"]["ports"]}
    assert {endpoint["port"] for endpoint in spec["endpoints"]} <= ports
    assert service["spec"]["publishNotReadyAddresses"] is True


def test_labels_are_added(monitoring: Release) -> None:
    for kind in ("ServiceMonitor", "PrometheusRule"):
        for manifest in monitoring.of_kind(kind):
            assert manifest["metadata"]["labels"]["release"] == "prometheus"


def test_dashboards_are_those_of_grafana(monitoring: Release) -> None:
    maps = [manifest for manifest in monitoring.of_kind("ConfigMap")
            if manifest["metadata"]["labels"].get("grafana_dashboard")]
    carried = {name: text for manifest in maps for name, text in manifest["data"].items()}
    paths = list((ROOT / "deploy" / "grafana").glob("*.json"))
    assert {f"warren-{path.name}" for path in paths} == carried.keys()
    for path in paths:
        assert json.loads(carried[f"warren-{path.name}"]) == json.loads(path.read_text())
