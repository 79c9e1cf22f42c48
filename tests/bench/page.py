"""The page of a comparison: tables for reading, and charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

Report = Mapping[str, Any]

INTRODUCTION = """\
# Benchmarks

Written by `make compare`, which anyone can run: the same load on Warren and on what one would take
instead, in turn on one machine, load generator included. Figures are medians of {repeats} runs;
machines differ, so what counts is one figure beside another of the same run. {size} bytes a
message, {window} unconfirmed at most, {prefetch} unsettled, {ack_batch} an acknowledgement,
{seconds:g} s a case.
"""
FAIRNESS = """\
## What is unfair

- To Warren: RabbitMQ's classic queues and NATS confirm what is in the page cache; Warren syncs
  first. PostgreSQL's own CPU time counts as Warren's.
- To RabbitMQ and NATS: their settings are those that they come with, and they replicate, which
  costs them something even alone. Their producer and consumer have a connection each, as their
  clients advise; Warren's are two streams of one connection, as gRPC's users have them.
- To all: two cores for everything. On more, each server has one that the load generator doesn't
  take.
- `keeping_up` favours whoever needn't write what is settled in time, as Warren and RabbitMQ do;
  `publish_only` favours nobody.
"""


def _number(value: Optional[float]) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _aims(report: Report) -> str:
    def verdict(aim: Mapping[str, Any]) -> str:
        if aim["value"] is None:
            return "not measured"
        return "goal" if aim["goal_reached"] else "yes" if aim["reached"] else "**no**"

    rows = [
        (aim["what"], _number(aim["value"]), _number(aim["least"]), _number(aim["goal"]),
         verdict(aim))
        for aim in report["aims"]
    ]  # fmt: skip
    return _table(("what", "measured", "at least", "goal", "reached"), rows)


def _runs(report: Report) -> str:
    rows = [
        (run["system"], run["case"].replace("_", " "), *(
            _number(run[name])
            for name in ("msgs_per_s", "p50_ms", "p99_ms", "cpu_s_per_million", "rss_mib")
        ))
        for run in report["runs"]
    ]  # fmt: skip
    head = ("system", "case", "messages/s", "p50 ms", "p99 ms", "CPU s a million", "MiB")
    return _table(head, rows)


def _machine(report: Report) -> str:
    machine = report["machine"]
    lines = [
        f"- {machine['cores']} cores, {machine['cpu']}, {machine['memory_gib']} GiB, "
        f"kernel {machine['kernel']}, stores on {machine['stores_on']}; {machine['date']}",
        *(f"- {name}: {version}" for name, version in report["versions"].items() if version),
        *(f"- left out: {name}, {why}" for name, why in report["left_out"].items()),
        *(f"- failed: {what}" for what in report["failed"]),
    ]
    return "\n".join(lines) + "\n"


def _bars(report: Report, path: Path) -> bool:
    """Throughput of one queue, by system and case."""
    from matplotlib.figure import Figure

    cases = ("keeping_up", "publish_only", "drain", "keeping_up_transient")
    rates = {(run["system"], run["case"]): run["msgs_per_s"] for run in report["runs"]}
    shown = [key for key in rates if key[1] in cases]
    if not shown:
        return False
    figure = Figure(figsize=(9, 6), layout="constrained")
    for axes, case in zip(figure.subplots(2, 2).flat, cases):
        systems = [system for system, other in shown if other == case][::-1]
        colours = ["#2b6cb0" if s.startswith("warren") else "#a0aec0" for s in systems]
        axes.barh(systems, [rates[system, case] / 1e3 for system in systems], color=colours)
        axes.set_title(case.replace("_", " "))
        axes.set_xlabel("thousand messages a second")
    figure.savefig(path, metadata={"Date": None})
    return True


def _latencies(report: Report, path: Path) -> bool:
    """p99 against the rate."""
    from matplotlib.figure import Figure

    points: dict[str, list[tuple[int, float]]] = {}
    for run in report["runs"]:
        rate = run["case"].removeprefix("rate_")
        if rate.isdigit() and run["p99_ms"] is not None:
            points.setdefault(run["system"], []).append((int(rate), run["p99_ms"]))
    if not points:
        return False
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    for system, line in points.items():
        axes.plot(*zip(*sorted(line)), marker="o", label=system)
    axes.set(xscale="log", yscale="log", xlabel="messages a second, persistent",
             ylabel="p99 end to end, ms")  # fmt: skip
    axes.grid(True, which="both", alpha=0.3)
    axes.legend()
    figure.savefig(path, metadata={"Date": None})
    return True


def write_page(report: Report, page: Path) -> None:
    """Charts lie in images/ beside the page."""
    import matplotlib

    matplotlib.rcParams["svg.hashsalt"] = "warren"  # the same figures give the same file
    images = page.parent / "images"
    images.mkdir(parents=True, exist_ok=True)
    charts = ""
    for name, what, draw in (("throughput", "Messages a second", _bars),
                             ("latency", "Latency against the rate", _latencies)):  # fmt: skip
        if draw(report, images / f"{name}.svg"):
            charts += f"![{what}](images/{name}.svg)\n\n"
    settings = {**report["settings"], "repeats": report["repeats"]}
    page.write_text("\n".join([
        INTRODUCTION.format(**settings), charts,
        "## What Warren is to reach\n", _aims(report),
        "Where the time goes in what isn't reached, and what would mend it, is in "
        "[performance](performance.md).\n",
        "## All runs\n", _runs(report),
        "What a case is says `tests/bench/cases`, and the head of `tests/bench/compare.py`.\n",
        FAIRNESS, "## Where this was measured\n", _machine(report),
    ]))  # fmt: skip
