"""The dashboards' panels as a test or a script evaluates them: their expressions, filled in."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "grafana"


@dataclass(frozen=True)
class Target:
    """One expression of a panel."""

    expression: str  # without variables
    legend: str


@dataclass(frozen=True)
class Panel:
    """One panel of a dashboard."""

    dashboard: str
    title: str
    raw: dict[str, Any]
    targets: list[Target]


def dashboards() -> dict[str, dict[str, Any]]:
    """All of them, by the names of their files."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def fill(expression: str, dashboard: dict[str, Any], interval_s: int) -> str:
    """An expression with the dashboard's variables as they are at first."""
    values = {"__rate_interval": f"{4 * interval_s}s"}
    for variable in dashboard["templating"]["list"]:
        current = variable.get("current", {}).get("value", "")
        values[variable["name"]] = ".*" if current == "$__all" else current
    return re.sub(r"\$(\w+)", lambda match: values[match[1]], expression)


def panels(interval_s: int) -> list[Panel]:
    """Those of all dashboards."""
    return [
        Panel(
            name,
            panel["title"],
            panel,
            [
                Target(fill(t["expr"], dashboard, interval_s), t["legendFormat"])
                for t in panel["targets"]
            ],
        )
        for name, dashboard in dashboards().items()
        for panel in dashboard["panels"]
    ]
