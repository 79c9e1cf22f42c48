#!/usr/bin/env python3
"""Writes Grafana's dashboards beside this file: overview.json, queues.json, durability.json.

    python3 deploy/grafana/dashboards.py

The dashboards are told here, panel by panel, in the order in which an operator asks; Grafana's JSON
follows from it. A test sees that the files are what this writes, and evaluates each expression.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BROKER = 'job="$job", instance=~"$instance"'
FAILED = f'{BROKER}, grpc_code!="OK"'
QUEUE = f'{BROKER}, vhost=~"$vhost"'
READY = f'{QUEUE}, state="ready"'


@dataclass(frozen=True)
class Panel:
    """One panel: what it is called, what it means, its unit, and (expression, legend) pairs."""

    title: str
    description: str
    unit: str
    targets: list[tuple[str, str]]
    kind: str = "timeseries"  # or stat
    width: int = 12  # of 24
    stacked: bool = False


@dataclass(frozen=True)
class Dashboard:
    """A file of its own."""

    name: str
    title: str
    description: str
    job: str  # the job to begin with
    panels: list[Panel]
    variables: list[dict[str, Any]] = field(default_factory=list)


def total(metric: str, by: str = "", labels: str = BROKER) -> str:
    """The sum of a gauge over all that is picked."""
    return f"sum{f' by ({by})' if by else ''} ({metric}{{{labels}}})"


def rate(metric: str, by: str = "", labels: str = BROKER) -> str:
    """A counter's rate, summed."""
    return f"sum{f' by ({by})' if by else ''} (rate({metric}{{{labels}}}[$__rate_interval]))"


def quantile(q: float, histogram: str, labels: str = BROKER) -> str:
    """Of a histogram, over the last interval."""
    return f"histogram_quantile({q}, {rate(histogram + '_bucket', 'le', labels)})"


def quantiles(histogram: str, labels: str = BROKER) -> list[tuple[str, str]]:
    """The median and the 99th percentile."""
    return [(quantile(q, histogram, labels), f"p{q * 100:g}") for q in (0.5, 0.99)]


def top(expression: str) -> str:
    """The k largest."""
    return f"topk($topk, {expression})"


def query_variable(name: str, label: str, query: str) -> dict[str, Any]:
    """One whose values are a label's, all of them to begin with."""
    return {
        "name": name, "label": label, "type": "query",
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "query": {"query": query, "refId": name}, "refresh": 2, "sort": 1,
        "includeAll": True, "multi": True, "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }  # fmt: skip


OVERVIEW = Dashboard(
    "overview", "Warren / Overview", "Is it healthy, what is queued, what comes in and goes out, "
    "and how much room is left before publishers are held.", "warren",
    [
        Panel("Brokers up", "Brokers that answer Prometheus.", "none",
              [('sum(up{job="$job"})', "up")], "stat", 4),
        Panel("Store connected", "Brokers whose store takes what it is given. A broker that stands "
              "by for another is not counted.", "none",
              [(total("warren_storage_connected"), "connected")], "stat", 4),
        Panel("Alarms", "Reasons for which publishers are held now: memory, disk, storage.", "none",
              [(total("warren_alarm_active"), "active")], "stat", 4),
        Panel("Queues without a consumer", "Queues that have ready messages and nobody who "
              "consumes them.", "none",
              [(total("warren_queues_nonempty_without_consumers"), "queues")], "stat", 4),
        Panel("Oldest message", "For how long the message has been ready that is next in its "
              "queue, in the queue where that is longest.", "s",
              [(f"max(warren_queue_oldest_message_age_seconds{{{BROKER}}})", "age")], "stat", 4),
        Panel("Calls that fail", "The share of calls that ended with an error of any code.",
              "percentunit",
              [(f"{rate('grpc_server_handled_total', labels=FAILED)} / "
                f"{rate('grpc_server_handled_total')}", "failing")], "stat", 4),
        Panel("Queued messages", "Copies in all queues: ready ones wait for a consumer, unsettled "
              "ones are with one, delayed ones aren't due yet.", "short",
              [(total("warren_queue_messages", "state"), "{{state}}")], stacked=True),
        Panel("Queued bytes", "The bodies of these messages.", "bytes",
              [(total("warren_queue_messages_bytes", "state"), "{{state}}")], stacked=True),
        Panel("In", "Messages that publishers sent, and what they were answered.", "cps",
              [(rate("warren_messages_received_total"), "received"),
               (rate("warren_messages_confirmed_total", "result"), "{{result}}")]),
        Panel("Out", "Messages handed to consumers, and how deliveries ended.", "cps",
              [(rate("warren_messages_delivered_total", "method"), "delivered, {{method}}"),
               (rate("warren_messages_settled_total", "outcome"), "{{outcome}}")]),
        Panel("Time to confirm", "From a durable message's arrival to its confirm.", "s",
              quantiles("warren_publish_confirm_seconds", BROKER + ', durability="durable"')),
        Panel("Time in the queue", "From being ready to delivery.", "s",
              quantiles("warren_message_wait_seconds")),
        Panel("Redelivered", "Deliveries that are repeats, of all deliveries.", "percentunit",
              [(f"{rate('warren_messages_redelivered_total')} / "
                f"{rate('warren_messages_delivered_total')}", "redelivered")], width=8),
        Panel("Dead-lettered and dropped", "Messages that left their queue otherwise than settled, "
              "by reason.", "cps",
              [(rate("warren_messages_dead_lettered_total", "reason"), "dead-lettered, {{reason}}"),
               (rate("warren_messages_dropped_total", "reason"), "dropped, {{reason}}")], width=8),
        Panel("Unroutable", "Published messages that no queue would get: dropped ones are gone, "
              "returned ones were mandatory.", "cps",
              [(rate("warren_messages_unroutable_total", "outcome"), "{{outcome}}")], width=8),
        Panel("Memory before publishers are held", "What queued messages take of --memory-limit; "
              "at all of it publishers are held.", "percentunit",
              [(f"max(warren_memory_used_bytes{{{BROKER}}} / "
                f"warren_memory_limit_bytes{{{BROKER}}})", "used")], width=8),
        Panel("Disk before publishers are held", "Room on the disks of the store and of paged "
              "messages, less the limit below which publishers are held.", "bytes",
              [(f"min by (use) (warren_disk_free_bytes{{{BROKER}}}) - on () group_left () "
                f"max(warren_disk_free_limit_bytes{{{BROKER}}})", "{{use}}")], width=8),
        Panel("Publishers held", "The share of time for which publishers have been held.",
              "percentunit",
              [(f"max(rate(warren_flow_blocked_seconds_total{{{BROKER}}}[$__rate_interval]))",
                "held")], width=8),
        Panel("Clients", "Connections, publishers and consumers.", "short",
              [(total(f"warren_{what}"), what)
               for what in ("connections", "publishers", "consumers")]),
        Panel("The process", "CPU time a second; one busy loop takes 1.", "short",
              [(rate("process_cpu_seconds_total"), "CPU")]),
    ],
)  # fmt: skip

QUEUES = Dashboard(
    "queues", "Warren / Queues", "Queue by queue: which are long, late, busy or in trouble. Needs "
    "the job that scrapes /metrics/detailed.", "warren-detailed",
    [
        Panel("Queues shown", "Queues that the scrape asked for.", "none",
              [(total("warren_detailed_queues"), "queues")], "stat", 6),
        Panel("Queues left out", "Queues that a scrape had no room for, a second. Ask for fewer: "
              "queue=REGEX.", "cps", [(rate("warren_detailed_dropped_total"), "left out")],
              "stat", 6),
        Panel("Queues with messages and no consumer", "Their messages wait for ever.", "none",
              [(f"count(({total('warren_detailed_messages', 'vhost, queue', READY)} > 0) and "
                f"({total('warren_detailed_consumers', 'vhost, queue', QUEUE)} == 0)) "
                "or vector(0)", "queues")], "stat", 6),
        Panel("Oldest head", "The longest that a message has been ready that is next.", "s",
              [(f"max(warren_detailed_head_age_seconds{{{QUEUE}}})", "age")], "stat", 6),
        Panel("Longest queues", "Ready messages.", "short",
              [(top(total("warren_detailed_messages", "vhost, queue", READY)),
                "{{vhost}} {{queue}}")]),
        Panel("Largest queues", "Bodies of all their messages.", "bytes",
              [(top(total("warren_detailed_messages_bytes", "vhost, queue", QUEUE)),
                "{{vhost}} {{queue}}")]),
        Panel("Latest queues", "For how long the message that is next has been ready.", "s",
              [(top(f"max by (vhost, queue) (warren_detailed_head_age_seconds{{{QUEUE}}})"),
                "{{vhost}} {{queue}}")]),
        Panel("Unsettled", "Messages that consumers hold.", "short",
              [(top(total("warren_detailed_messages", "vhost, queue",
                          QUEUE + ', state="unsettled"')), "{{vhost}} {{queue}}")]),
        Panel("Published", "Messages that joined the queue.", "cps",
              [(top(rate("warren_detailed_published_total", "vhost, queue", QUEUE)),
                "{{vhost}} {{queue}}")]),
        Panel("Delivered", "Messages handed to its consumers.", "cps",
              [(top(rate("warren_detailed_delivered_total", "vhost, queue", QUEUE)),
                "{{vhost}} {{queue}}")]),
        Panel("Redelivered", "Deliveries that are repeats.", "cps",
              [(top(rate("warren_detailed_redelivered_total", "vhost, queue", QUEUE)),
                "{{vhost}} {{queue}}")], width=8),
        Panel("Given back", "Deliveries that ended in requeue, retry or reject.", "cps",
              [(top(rate("warren_detailed_settled_total", "vhost, queue, outcome",
                         QUEUE + ', outcome!="ack"')), "{{vhost}} {{queue}}: {{outcome}}")],
              width=8),
        Panel("Dead-lettered", "By reason.", "cps",
              [(top(rate("warren_detailed_dead_lettered_total", "vhost, queue, reason", QUEUE)),
                "{{vhost}} {{queue}}: {{reason}}")], width=8),
        Panel("Consumers", "Of the queues with the most.", "short",
              [(top(total("warren_detailed_consumers", "vhost, queue", QUEUE)),
                "{{vhost}} {{queue}}")], width=24),
    ],
    [
        query_variable("vhost", "Virtual host",
                       'label_values(warren_detailed_consumers{job="$job"}, vhost)'),
        {"name": "topk", "label": "Show", "type": "custom", "query": "5,10,20,50",
         "current": {"text": "10", "value": "10"},
         "options": [{"text": n, "value": n, "selected": n == "10"}
                     for n in ("5", "10", "20", "50")]},
    ],
)  # fmt: skip

DURABILITY = Dashboard(
    "durability", "Warren / Durability", "How the store keeps up: commits, batches, what waits, "
    "who owns it, what recovery took.", "warren",
    [
        Panel("Store connected", "1 while the store takes what it is given.", "none",
              [(total("warren_storage_connected", "backend"), "{{backend}}")], "stat", 6),
        Panel("Recovered at start", "Messages found in the store.", "short",
              [(total("warren_recovered_messages"), "messages")], "stat", 6),
        Panel("Recovery took", "From opening the store to serving.", "s",
              [(f"max(warren_recovery_seconds{{{BROKER}}})", "seconds")], "stat", 6),
        Panel("Store's trouble", "How often the store couldn't go on, since the broker started.",
              "none", [(total("warren_storage_errors_total"), "times")], "stat", 6),
        Panel("Time to commit", "How long a batch took to become durable.", "s",
              quantiles("warren_storage_commit_seconds")),
        Panel("Time to confirm", "From a durable message's arrival to its confirm.", "s",
              quantiles("warren_publish_confirm_seconds", BROKER + ', durability="durable"')),
        Panel("Batches", "Commits a second.", "cps",
              [(rate("warren_storage_commit_seconds_count"), "batches")], width=8),
        Panel("Messages in a batch", "Published ones. What was settled before its batch left isn't "
              "written at all.", "short", quantiles("warren_storage_batch_messages"), width=8),
        Panel("Bytes in a batch", "Of bodies.", "bytes", quantiles("warren_storage_batch_bytes"),
              width=8),
        Panel("Written", "Bytes of bodies a second.", "Bps",
              [(rate("warren_storage_written_bytes_total"), "written")], width=8),
        Panel("Waiting for the store", "Messages, and all records, settlements included. At "
              "200,000 records publishers are held.", "short",
              [(total("warren_storage_pending_messages"), "messages"),
               (total("warren_storage_pending_records"), "records")], width=8),
        Panel("Bytes that wait", "Bodies; at 64 MiB publishers are held.", "bytes",
              [(total("warren_storage_pending_bytes"), "bytes")], width=8),
        Panel("Unconfirmed", "Messages that publishers wait to be answered for.", "short",
              [(total("warren_messages_unconfirmed"), "messages")], width=8),
        Panel("Segments", "Parts that messages lie in: PostgreSQL's segments, RocksDB's tables. "
              "One that grows for ever holds old messages.", "short",
              [(total("warren_storage_segments"), "segments")], width=8),
        Panel("Room on disk", "On the disks of the store and of paged messages.", "bytes",
              [(f"min by (use) (warren_disk_free_bytes{{{BROKER}}})", "{{use}}")], width=8),
        Panel("Owner of the store", "PostgreSQL: 1 for the broker that surely owns it.", "none",
              [(f"warren_shard_leader{{{BROKER}}}", "{{instance}}")], width=8),
        Panel("Lease", "PostgreSQL: for how long the store is surely this broker's. A third of "
              "--lease below its height is normal.", "s",
              [(f"warren_lease_remaining_seconds{{{BROKER}}}", "{{instance}}")], width=8),
        Panel("Epoch", "PostgreSQL: rises with each change of owner.", "none",
              [(f"warren_shard_epoch{{{BROKER}}}", "{{instance}}")], width=8),
    ],
)  # fmt: skip

DASHBOARDS = [OVERVIEW, QUEUES, DURABILITY]


def panel_json(number: int, panel: Panel, x: int, y: int) -> dict[str, Any]:
    """A panel as Grafana has it."""
    source = {"type": "prometheus", "uid": "${datasource}"}
    custom = {"fillOpacity": 20, "stacking": {"mode": "normal"}} if panel.stacked else {}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": source,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": 4 if panel.kind == "stat" else 8},
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "custom": custom},
            "overrides": [],
        },
        "options": {},
        "targets": [
            {"refId": chr(ord("A") + i), "datasource": source, "expr": expr, "legendFormat": legend}
            for i, (expr, legend) in enumerate(panel.targets)
        ],
    }


def dashboard_json(dashboard: Dashboard) -> dict[str, Any]:
    """A dashboard as Grafana imports it."""
    panels = []
    x = y = height = 0
    for number, panel in enumerate(dashboard.panels, 1):
        if x + panel.width > 24:
            x, y = 0, y + height
        panels.append(panel_json(number, panel, x, y))
        height = panels[-1]["gridPos"]["h"]
        x += panel.width
    return {
        "uid": f"warren-{dashboard.name}",
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": ["warren"],
        "schemaVersion": 38,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "label": "Data source", "type": "datasource",
                 "query": "prometheus"},
                {"name": "job", "label": "Job", "type": "query", "refresh": 2,
                 "datasource": {"type": "prometheus", "uid": "${datasource}"},
                 "query": {"query": "label_values(up, job)", "refId": "job"},
                 "current": {"text": dashboard.job, "value": dashboard.job}},
                query_variable("instance", "Broker", 'label_values(up{job="$job"}, instance)'),
                *dashboard.variables,
            ]
        },
        "panels": panels,
    }  # fmt: skip


def text(dashboard: Dashboard) -> str:
    """What its file holds."""
    return json.dumps(dashboard_json(dashboard), indent=2) + "\n"


if __name__ == "__main__":
    for each in DASHBOARDS:
        (HERE / f"{each.name}.json").write_text(text(each))
