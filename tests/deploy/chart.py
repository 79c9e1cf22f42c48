"""Renders Warren's chart by real Helms, for the tests beside this file.

`make test-tools` puts the Helms into build/helm. WARREN_HELM names another folder.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Optional

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "warren"
TOOLS = Path(os.environ.get("WARREN_HELM", ROOT / "build" / "helm"))
HELMS = ("helm3", "helm4")
VALUES = sorted((CHART / "ci").glob("*.yaml"))
NAMESPACE = "messaging"
LEAST = ("auth.insecure=true", "tls.enabled=false")  # the fewest values that render


def run_helm(helm: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Without the user's own settings, and without a cluster."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(TOOLS), "KUBECONFIG": os.devnull}
    return subprocess.run([TOOLS / helm, *arguments], capture_output=True, text=True, check=False,
                          timeout=60, env=environment)


def template(
    helm: str = "helm4",
    values: Optional[Path] = None,
    settings: Iterable[str] = (),
    *,
    release: str = "warren",
    more: Iterable[str] = (),
) -> subprocess.CompletedProcess[str]:
    files = ["--values", values] if values else []
    sets = [part for setting in settings for part in ("--set", setting)]
    return run_helm(helm, "template", release, CHART, "--namespace", NAMESPACE, *files, *sets,
                    *more)


def render(
    helm: str = "helm4", values: Optional[Path] = None, settings: Iterable[str] = (),
    *, release: str = "warren",
) -> list[dict[str, Any]]:
    """The manifests; fails if there are none."""
    done = template(helm, values, settings, release=release)
    assert done.returncode == 0, done.stderr
    return [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]


class Release:
    """The manifests of one set of values."""

    def __init__(self, manifests: list[dict[str, Any]]) -> None:
        self.manifests = manifests

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [manifest for manifest in self.manifests if manifest["kind"] == kind]

    def one(self, kind: str) -> dict[str, Any]:
        [manifest] = self.of_kind(kind)
        return manifest

    @property
    def workload(self) -> dict[str, Any]:
        return self.one("StatefulSet")

    @property
    def pod(self) -> dict[str, Any]:
        """The brokers' pod."""
        return self.workload["spec"]["template"]["spec"]

    @property
    def pods(self) -> list[dict[str, Any]]:
        """The brokers' and the test's."""
        return [manifest["spec"]["template"]["spec"]
                for manifest in self.manifests if manifest["kind"] in ("StatefulSet", "Job")]

    @property
    def container(self) -> dict[str, Any]:
        """The broker's."""
        [container] = self.pod["containers"]
        return container

    @property
    def containers(self) -> list[dict[str, Any]]:
        return [container for pod in self.pods for container in pod["containers"]]

    @property
    def configuration(self) -> dict[str, Any]:
        """What the broker reads."""
        name = self.workload["metadata"]["name"]
        [found] = [manifest for manifest in self.of_kind("ConfigMap")
                   if manifest["metadata"]["name"] == name]
        return yaml.safe_load(found["data"]["warren.yaml"])


@cache
def release_of(values: Path) -> Release:
    return Release(render(values=values))


def strings(value: Any) -> Iterable[str]:
    """All that are in a manifest."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def seconds(text: str) -> float:
    """Of a time as the broker takes it."""
    match = re.fullmatch(r"(\d+)(ms|s|m)", text)
    assert match, text
    return int(match[1]) * {"ms": 0.001, "s": 1, "m": 60}[match[2]]


def mebibytes(text: str) -> float:
    """Of a quantity as Kubernetes takes it."""
    match = re.fullmatch(r"([\d.]+)([kKMGT]i?)", str(text))
    assert match, text
    factors = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "k": 1e3, "M": 1e6, "G": 1e9,
               "T": 1e12}
    return float(match[1]) * factors[match[2]] / 2**20


def need_tools() -> None:
    if not (TOOLS / "helm4").exists():
        pytest.skip(f"no Helm in {TOOLS}; `make test-tools` installs it")
