"""The commands of docs/kubernetes.md: each that Helm can judge without a cluster is rendered."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml
from chart import CHART, ROOT, Release, need_tools, run_helm

PAGE = (ROOT / "docs" / "kubernetes.md").read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
            for line in block.splitlines()]
RENDERED = [line for line in COMMANDS if re.match("helm (install|upgrade) ", line)]
CLUSTERS_ALONE = ("--install", "--create-namespace")


@pytest.fixture
def written_values(tmp_path: Path) -> Path:
    """The values.yaml that the page shows."""
    [block] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "values.yaml"
    path.write_text(block)
    return path


@pytest.mark.parametrize("command", RENDERED)
def test_it_renders(helm: str, command: str, written_values: Path) -> None:
    words = [word for word in shlex.split(command)[2:] if word not in CLUSTERS_ALONE]
    known = {"helm/warren": str(CHART), "values.yaml": str(written_values)}
    done = run_helm(helm, "template", *(known.get(word, word) for word in words))
    assert done.returncode == 0, done.stderr
    release = Release([manifest for manifest in yaml.safe_load_all(done.stdout) if manifest])
    assert release.workload["metadata"]["name"] == "warren"


def test_the_page_has_commands_to_check() -> None:
    assert len(RENDERED) >= 5


def test_the_claim_and_the_database_have_the_names_that_it_says() -> None:
    need_tools()
    assert "persistentvolumeclaim data-warren-0" in PAGE
    assert "cluster.postgresql.cnpg.io warren-db" in PAGE
    done = run_helm("helm4", "template", "warren", CHART, "--set", "auth.insecure=true",
                    "--set", "tls.enabled=false")
    release = Release([manifest for manifest in yaml.safe_load_all(done.stdout) if manifest])
    [claim] = release.workload["spec"]["volumeClaimTemplates"]
    assert f"{claim['metadata']['name']}-{release.workload['metadata']['name']}-0" in PAGE


def test_secrets_that_it_names_are_values_of_the_chart() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    for path in re.findall(r"`([\w.]+\.existingSecret)`", PAGE):
        inner = values
        for key in path.split("."):
            inner = inner[key]
        assert inner == ""
