"""The chart as a whole: lint, types, both Helms, upgrades, one source of what it carries."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart import CHART, LEAST, NAMESPACE, ROOT, VALUES, Release, need_tools, render, run_helm
from chart import release_of as release_from
from kubernetes_types import complaints

POSTGRESQL = ("storage.kind=postgresql", "storage.postgresql.url=postgres://warren@db/warren")


def test_there_are_ten_examples_that_say_what_they_are_for() -> None:
    assert len(VALUES) == 10
    assert all(path.read_text().startswith("# ") for path in VALUES)


def test_lint_finds_nothing(helm: str, values: Path) -> None:
    done = run_helm(helm, "lint", "--strict", CHART, "--values", values)
    assert done.returncode == 0, done.stdout + done.stderr


def test_both_helms_render_the_same(values: Path) -> None:
    assert render("helm3", values) == render("helm4", values)


def test_rendering_twice_gives_the_same(helm: str, values: Path) -> None:
    """So nothing is made up, and an upgrade rolls nothing anew."""
    assert render(helm, values) == render(helm, values)


def test_nothing_is_read_from_the_cluster_and_nothing_is_random() -> None:
    for path in (CHART / "templates").rglob("*"):
        if path.is_file():
            for word in ("lookup", "randAlpha", "genCA", "genSelfSigned", "genPrivateKey", "uuidv4",
                         "{{ now", "(now"):
                assert word not in path.read_text(), f"{path.name}: {word}"


# --- types ---------------------------------------------------------------------------------------


@pytest.mark.timeout(180)
def test_manifests_are_of_their_types(tmp_path: Path) -> None:
    need_tools()
    said = complaints(tmp_path, *(release_from(path).manifests for path in VALUES))
    assert not said, said


def manifests() -> list[dict[str, Any]]:
    """Of every kind that the chart can make."""
    found = {}
    for path in VALUES:
        for manifest in release_from(path).manifests:
            found[manifest["kind"]] = manifest
    return [copy.deepcopy(manifest) for manifest in found.values()]


@pytest.mark.timeout(180)
def test_an_unknown_field_of_any_kind_is_found(tmp_path: Path) -> None:
    """The check above has teeth: a field more is an error for each kind, and a wrong type."""
    need_tools()
    wrong = manifests()
    for manifest in wrong:
        manifest.get("spec", manifest)["surprise"] = 1
    deep = [manifest for manifest in manifests() if manifest["kind"] == "StatefulSet"]
    deep[0]["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]["httpGet"]["pat"] = "/"
    mistyped = [manifest for manifest in manifests() if manifest["kind"] == "StatefulSet"]
    mistyped[0]["spec"]["replicas"] = "two"
    said = complaints(tmp_path, *([manifest] for manifest in wrong), deep, mistyped)
    assert len(wrong) >= 11
    for number, manifest in enumerate(wrong):
        assert f"manifests{number}.ts" in said, manifest["kind"]
    assert len(re.findall("""'"?surprise"?' does not exist""", said)) == len(wrong), said
    assert re.search("""'"?pat"?' does not exist""", said), said
    assert "Type 'string' is not assignable to type 'number'" in said


# --- upgrades ------------------------------------------------------------------------------------


def differences(old: Any, new: Any, path: str = "") -> set[str]:
    """Paths of what differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {found for key in old.keys() | new.keys()
                for found in differences(old.get(key), new.get(key), f"{path}/{key}")}
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return {found for number, pair in enumerate(zip(old, new))
                for found in differences(*pair, f"{path}/{number}")}
    return set() if old == new else {path}


def changes(*settings: str, before: tuple[str, ...] = LEAST) -> set[str]:
    """What an upgrade to `settings` changes."""
    def named(manifests: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        return {f"{manifest['kind']}:{manifest['metadata']['name']}": manifest
                for manifest in manifests}

    need_tools()
    return differences(named(render(settings=before)),
                       named(render(settings=[*before, *settings])))


POD = "/StatefulSet:warren/spec/template"
CHECKSUM = f"{POD}/metadata/annotations/checksum/config"


def test_a_new_image_changes_the_image_alone() -> None:
    assert changes("image.tag=0.2.0") == {
        f"{POD}/spec/containers/0/image",
        "/Job:warren-test/spec/template/spec/containers/0/image",
    }


def test_more_brokers_change_their_number_alone() -> None:
    assert changes("replicas=3", before=(*LEAST, *POSTGRESQL)) == {
        "/StatefulSet:warren/spec/replicas"
    }


def test_a_longer_drain_changes_the_configuration_and_so_the_pod() -> None:
    assert changes("drainTimeoutSeconds=50") == {"/ConfigMap:warren/data/warren.yaml", CHECKSUM}


def test_more_memory_raises_the_brokers_limit() -> None:
    assert changes("resources.limits.memory=2Gi") == {
        "/ConfigMap:warren/data/warren.yaml", CHECKSUM,
        f"{POD}/spec/containers/0/resources/limits/memory",
    }


@pytest.mark.parametrize(("memory", "limit"), [("1Gi", "614MiB"), ("4096Mi", "2457MiB"),
                                               ("1.5Gi", "921MiB"), ("2G", "1144MiB")])
def test_the_memory_limit_is_derived(memory: str, limit: str) -> None:
    need_tools()
    release = Release(render(settings=[*LEAST, f"resources.limits.memory={memory}"]))
    assert release.configuration["memory"]["limit"] == limit


def test_a_new_version_of_the_chart_starts_no_pod_anew(tmp_path: Path) -> None:
    need_tools()
    newer = tmp_path / "warren"
    subprocess.run(["cp", "-rL", CHART, newer], check=True)
    about = yaml.safe_load((newer / "Chart.yaml").read_text())
    (newer / "Chart.yaml").write_text(json.dumps(about | {"version": "9.9.9"}))
    settings = [part for setting in LEAST for part in ("--set", setting)]
    old, new = (
        Release([m for m in yaml.safe_load_all(run_helm(
            "helm4", "template", "warren", path, "-n", NAMESPACE, *settings).stdout) if m])
        for path in (CHART, newer))
    assert old.workload["spec"] == new.workload["spec"]
    assert old.workload["metadata"]["labels"] != new.workload["metadata"]["labels"]


# --- one source ----------------------------------------------------------------------------------


def test_the_readme_is_what_the_values_say() -> None:
    done = subprocess.run([sys.executable, ROOT / "helm" / "readme.py", "--check"], check=False)
    assert done.returncode == 0, "run helm/readme.py"


def test_every_value_is_in_the_schema_and_the_readme() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    readme = (CHART / "README.md").read_text()

    def walk(values: dict[str, Any], known: dict[str, Any], path: str) -> None:
        for key, value in values.items():
            assert key in known["properties"], f"{path}{key} isn't in the schema"
            if f"| `{path}{key}` |" not in readme:
                assert isinstance(value, dict) and value, f"{path}{key} has no comment"
                walk(value, known["properties"][key], f"{path}{key}.")

    walk(yaml.safe_load((CHART / "values.yaml").read_text()), schema, "")


def test_alerts_and_dashboards_are_links() -> None:
    assert (CHART / "files/alerts.yml").resolve() == ROOT / "deploy/prometheus/warren-alerts.yml"
    ours = {path.resolve() for path in (CHART / "files/dashboards").iterdir()}
    assert ours == set((ROOT / "deploy/grafana").glob("*.json"))


def test_a_package_carries_all_of_it(helm: str, tmp_path: Path) -> None:
    done = run_helm(helm, "package", CHART, "--destination", tmp_path)
    assert done.returncode == 0, done.stderr
    [archive] = tmp_path.glob("warren-*.tgz")
    done = run_helm(helm, "template", "warren", archive, "--namespace", NAMESPACE,
                    "--values", CHART / "ci" / "monitoring.yaml")
    rendered = [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]
    assert rendered == render(helm, CHART / "ci" / "monitoring.yaml")


def test_notes_tell_the_address_and_warn() -> None:
    """By Helm 4: Helm 3's dry run asks a cluster for its version."""
    need_tools()
    settings = [part for setting in LEAST for part in ("--set", setting)]
    done = run_helm("helm4", "install", "warren", CHART, "--dry-run=client", "-n", NAMESPACE,
                    *settings)
    assert "warren.messaging.svc:7171" in done.stdout, done.stderr
    assert "WARNING: auth.insecure is set. Whoever reaches" in done.stdout
