"""Checks manifests against Kubernetes' types, as TypeScript has them: `tsc --strict`.

A literal with a field that its type doesn't have is an error there, at any depth, which is what a
validator by JSON schemas lets pass where a schema doesn't forbid it.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chart import TOOLS

# Of each group its npm package, and below it the folder of versions.
PACKAGES = {
    "cert-manager.io": "@kubernetes-models/cert-manager/cert-manager.io",
    "monitoring.coreos.com": "@kubernetes-models/prometheus-operator/monitoring.coreos.com",
}
# npm has no types of CloudNativePG: this is the part of its Cluster that the chart uses.
CLOUDNATIVE_PG = """
interface Cluster {
  apiVersion: "postgresql.cnpg.io/v1"; kind: "Cluster";
  metadata: {name: string; namespace?: string; labels?: {[key: string]: string};
             annotations?: {[key: string]: string}};
  spec: {
    instances: number;
    bootstrap?: {initdb?: {database?: string; owner?: string; encoding?: string}};
    storage: {size?: string; storageClass?: string};
    postgresql?: {parameters?: {[key: string]: string};
                  synchronous?: {method: "any" | "first"; number: number}};
  };
}
"""


def module_of(manifest: Mapping[str, Any]) -> str:
    """Where the type of a manifest is from."""
    group, _, version = manifest["apiVersion"].rpartition("/")
    package = PACKAGES.get(group) or "/".join(filter(None, ["kubernetes-models", group]))
    return f"{package}/{version}/{manifest['kind']}"


def source(manifests: list[Mapping[str, Any]]) -> str:
    """A module that gives each manifest its type."""
    lines = [CLOUDNATIVE_PG]
    for number, manifest in enumerate(manifests):
        kind = "Cluster"
        if manifest["apiVersion"] != "postgresql.cnpg.io/v1":
            kind = f"Kind{number}"
            lines.append(f"import {{ I{manifest['kind']} as {kind} }} "
                         f"from {json.dumps(module_of(manifest))};")
        lines.append(f"export const manifest{number}: {kind} = {json.dumps(manifest, indent=1)};")
    return "\n".join(lines)


def complaints(folder: Path, *groups: list[Mapping[str, Any]]) -> str:
    """What the compiler says about groups of manifests, one file each; nothing if all is well."""
    (folder / "node_modules").symlink_to(TOOLS / "node_modules")
    files = []
    for number, manifests in enumerate(groups):
        path = folder / f"manifests{number}.ts"
        path.write_text(source(manifests))
        files.append(path)
    compiler = TOOLS / "node_modules" / ".bin" / "tsc"
    done = subprocess.run(
        [compiler, "--strict", "--noEmit", "--skipLibCheck", "--module", "esnext",
         "--moduleResolution", "bundler", "--target", "es2022", *files],
        capture_output=True, text=True, check=False, cwd=folder, timeout=110)
    assert done.returncode in (0, 1, 2), done.stderr
    return done.stdout
