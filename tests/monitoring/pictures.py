"""Draws the dashboards, for the documents, from what a real broker told a real Prometheus.

    make pictures

Grafana isn't in Debian, so this draws the panels itself, from the dashboards' JSON and Prometheus'
answers: titles, units, legends and values are those that Grafana shows, the looks are not.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import panels
import warren
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter
from panels import Panel
from postgres_server import PostgresServer
from prometheus_server import PrometheusServer
from warren_process import WarrenProcess
from workload import Workload

WARM_UP_S = 15  # until rates have something to stand on
GRID_WIDTH = 24
ROW_INCHES = 0.34  # a row of Grafana's grid
BACKGROUND, CARD, TEXT, FAINT = "#111217", "#181b1f", "#ccccdc", "#2c3036"


def human(value: float, unit: str) -> str:
    """A value as its unit is shown."""
    if math.isnan(value):
        return "–"
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "s":
        for limit, factor, name in ((1e-3, 1e6, "µs"), (1, 1e3, "ms"), (120, 1, "s")):
            if value < limit:
                return f"{value * factor:.3g} {name}"
        return f"{value / 60:.3g} min"
    if unit in ("bytes", "Bps"):
        names = ["B", "KiB", "MiB", "GiB", "TiB"]
        power = min(int(math.log(max(value, 1), 1024)), len(names) - 1)
        return f"{value / 1024**power:.3g} {names[power]}" + ("/s" if unit == "Bps" else "")
    for limit, factor, name in ((1e3, 1, ""), (1e6, 1e3, " K"), (math.inf, 1e6, " M")):
        if abs(value) < limit:
            return f"{value / factor:.3g}{name}" + ("/s" if unit == "cps" else "")
    raise AssertionError(value)


def legend_of(pattern: str, labels: dict[str, str]) -> str:
    """Grafana's {{label}}, filled in."""
    for name, value in labels.items():
        pattern = pattern.replace("{{" + name + "}}", value)
    return pattern


def draw_stat(axes: Axes, panel: Panel, prometheus: PrometheusServer) -> None:
    """One number, large."""
    values = [v for target in panel.targets for _, v in prometheus.query(target.expression)]
    unit = panel.raw["fieldConfig"]["defaults"]["unit"]
    shown = human(values[0], unit) if values else "–"
    axes.text(0.5, 0.45, shown, ha="center", va="center", size=22, color="#73bf69")
    axes.set_xticks([])
    axes.set_yticks([])


def draw_series(
    axes: Axes, panel: Panel, prometheus: PrometheusServer, start: float, end: float
) -> None:
    """Values over time."""
    found = [
        (legend_of(target.legend, labels), points)
        for target in panel.targets
        for labels, points in prometheus.query_range(target.expression, start, end)
    ]
    unit = panel.raw["fieldConfig"]["defaults"]["unit"]
    if panel.raw["fieldConfig"]["defaults"]["custom"] and found:
        # Stacked: each moment is in all of them, since they come from the same scrapes.
        ats = sorted({at for _, points in found for at, _ in points})
        series = [[dict(points).get(at, 0) for at in ats] for _, points in found]
        axes.stackplot([at - start for at in ats], series, labels=[n for n, _ in found], alpha=0.6)
    else:
        for name, points in found:
            axes.plot([at - start for at, _ in points], [v for _, v in points], label=name, lw=1.2)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.25)  # with room for the legend
    axes.set_xlim(0, end - start)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: human(value, unit)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f} s"))
    axes.grid(color=FAINT, lw=0.5)
    if len(found) <= 12:
        axes.legend(fontsize=5.5, ncols=2, loc="upper left", framealpha=0.4, labelcolor=TEXT,
                    facecolor=CARD, edgecolor=FAINT)  # fmt: skip


def draw(
    name: str, dashboard: dict[str, Any], prometheus: PrometheusServer, start: float, end: float
) -> plt.Figure:
    """A dashboard, its panels placed as Grafana places them."""
    of_this = [p for p in panels.panels(prometheus.INTERVAL_S) if p.dashboard == name]
    height = max(p.raw["gridPos"]["y"] + p.raw["gridPos"]["h"] for p in of_this)
    figure = plt.figure(figsize=(14, height * ROW_INCHES + 0.5), facecolor=BACKGROUND, dpi=90)
    figure.text(0.01, 1 - 0.3 / (height * ROW_INCHES + 0.5), dashboard["title"], color=TEXT,
                size=13, weight="bold")  # fmt: skip
    top = 1 - 0.5 / (height * ROW_INCHES + 0.5)
    for panel in of_this:
        at = panel.raw["gridPos"]
        left, width = at["x"] / GRID_WIDTH, at["w"] / GRID_WIDTH
        below, tall = top * (1 - (at["y"] + at["h"]) / height), top * at["h"] / height
        is_stat = panel.raw["type"] == "stat"
        margin = (0.004, 0.008) if is_stat else (0.042, 0.028)
        axes = figure.add_axes(
            (left + margin[0], below + margin[1] * 0.7,
             width - margin[0] - 0.008, tall - margin[1] * 0.7 - 0.022),
            facecolor=CARD,
        )  # fmt: skip
        axes.set_title(panel.title, color=TEXT, size=8, loc="left", pad=4)
        axes.tick_params(colors=TEXT, labelsize=6, length=0)
        for spine in axes.spines.values():
            spine.set_color(FAINT)
        if is_stat:
            draw_stat(axes, panel, prometheus)
        else:
            draw_series(axes, panel, prometheus, start, end)
    return figure


def main() -> None:
    """Runs everything, and writes one picture a dashboard."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=120, help="of load to show")
    parser.add_argument("--to", type=Path, default=Path("docs/pictures"))
    arguments = parser.parse_args()
    arguments.to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, PostgresServer() as database:
        directory = Path(folder)
        storage = database.create_database()
        with WarrenProcess(directory / "broker", storage=storage) as broker:
            with warren.connect(broker.grpc) as connection:
                Workload.declare(connection)
                for _ in range(100):
                    connection.publish("", "nobody", b"to be recovered")
            broker.restart()
            with PrometheusServer(directory, broker.http) as prometheus:
                with Workload(broker.grpc):
                    time.sleep(WARM_UP_S + arguments.seconds)
                    end = time.time()
                    for name, dashboard in panels.dashboards().items():
                        start = end - arguments.seconds
                        figure = draw(name, dashboard, prometheus, start, end)
                        path = arguments.to / f"{name}.png"
                        figure.savefig(path, facecolor=BACKGROUND)
                        print(path)


if __name__ == "__main__":
    main()
