"""Schedules tasks, works on them, and reports how late they were. See README.md."""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
import uuid
from collections import Counter
from typing import Any

import warren

from examples import common
from examples.tasks import topology

#: How a task gets to its queue. Its own share of the tasks each.
KINDS = ("high", "normal", "delay_tasks", "native delay")


def produce(connection: warren.Connection, run: str, args: argparse.Namespace) -> Counter[str]:
    """Publishes `args.tasks` tasks, a quarter of each kind; returns how many of which."""
    rng = random.Random(args.seed)
    sent: Counter[str] = Counter()
    start = time.monotonic()
    with connection.publisher() as publisher:
        for number in range(args.tasks):
            if args.rate > 0:
                pause = start + number / args.rate - time.monotonic()
                if pause > 0:
                    time.sleep(pause)
            kind = KINDS[number % len(KINDS)]
            delay = rng.uniform(args.min_delay, args.max_delay) if "delay" in kind else 0.0
            task = {"run": run, "number": number, "kind": kind, "due": time.time() + delay}
            body = json.dumps(task)
            identity = f"{run}/{number}"
            if kind == "high":
                priority = rng.randint(1, 10)
                publisher.publish(
                    topology.EXCHANGE, "high", body, priority=priority, message_id=identity
                )
            elif kind == "normal":
                priority = rng.randint(0, 5)
                publisher.publish(
                    topology.EXCHANGE, "normal", body, priority=priority, message_id=identity
                )
            elif kind == "delay_tasks":
                publisher.publish(
                    topology.DELAY_EXCHANGE, "delay", body, expiration=delay, message_id=identity
                )
            else:
                publisher.publish(
                    topology.EXCHANGE, "normal", body, delay=delay, message_id=identity
                )
            sent[kind] += 1
        publisher.flush()
    return sent


def worker(args: argparse.Namespace) -> common.Handler:
    """Executes a task and publishes its result, or fails and has it retried."""

    def handle(tx: warren.Transaction, delivery: warren.Delivery) -> str:
        started = time.time()
        task = json.loads(delivery.body)
        attempt = delivery.delivery_count
        drawn = random.Random(f"{args.seed}:{task['number']}").random()
        if drawn < args.fail_always or (attempt == 0 and drawn < args.fail_always + args.fail_once):
            tx.retry(delivery)
            return "retried" if attempt < args.retries else "dead-lettered"
        result = {**task, "late": started - task["due"], "attempt": attempt}
        tx.publish(
            topology.RESULT_EXCHANGE,
            topology.COMPLETED,
            json.dumps(result),
            correlation_id=delivery.message_id,
        )
        tx.ack(delivery)
        return "done"

    return handle


def finished(connection: warren.Connection) -> int:
    """How many tasks have come to an end."""
    return sum(
        connection.declare_queue(queue, passive=True).message_count
        for queue in (topology.RESULTS, topology.DLQ)
    )


def read_run(
    connection: warren.Connection, queue: str, keep: bool, run: str, timeout: float
) -> list[dict[str, Any]]:
    """The tasks of this run in `queue`."""
    count = connection.declare_queue(queue, passive=True).message_count
    bodies = [
        json.loads(delivery.body)
        for delivery in common.read_all(connection, queue, keep, count, timeout)
    ]
    return [body for body in bodies if body["run"] == run]


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = common.parser("tasks", "A task scheduler: priorities, delays, results, retries.")
    parser.add_argument("--tasks", type=int, default=1000, metavar="N", help="how many")
    parser.add_argument(
        "--rate", type=float, default=0, metavar="R", help="tasks a second; 0: as fast as it goes"
    )
    parser.add_argument("--min-delay", type=float, default=0.5, metavar="S", help="shortest delay")
    parser.add_argument("--max-delay", type=float, default=5, metavar="S", help="longest delay")
    parser.add_argument("--retries", type=int, default=3, metavar="N", help="before giving up")
    parser.add_argument(
        "--retry-delay", type=float, default=60, metavar="S", help="pause before each retry"
    )
    parser.add_argument("--fail-always", type=float, default=0.02, metavar="SHARE", help="of tasks")
    parser.add_argument(
        "--fail-once", type=float, default=0.05, metavar="SHARE", help="at the first attempt only"
    )
    parser.add_argument("--seed", type=int, default=1, help="delays, priorities, failures")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="threads a queue")
    parser.add_argument(
        "--reset", action="store_true", help="delete exchanges and queues of earlier runs first"
    )
    return parser.parse_args()


def main() -> int:
    """Runs the application; 0 if every task ended exactly once."""
    args = arguments()
    common.set_up_logging(args.verbose)
    run = uuid.uuid4().hex[:8]
    with warren.connect(args.broker, timeout=args.timeout) as connection:
        if args.reset:
            topology.delete(connection)
        topology.declare(connection, args.retries, args.retry_delay)
        before = finished(connection)
        workers = common.Workers(connection)
        for queue in (topology.HIGH, topology.NORMAL):
            workers.start(queue, worker(args), args.workers)
        start = time.monotonic()
        sent = produce(connection, run, args)
        common.wait_until(
            lambda: finished(connection) - before >= args.tasks,
            args.timeout,
            f"the end of all {args.tasks} tasks",
        )
        seconds = time.monotonic() - start
        workers.stop()
        results = read_run(connection, topology.RESULTS, False, run, args.timeout)
        failed = read_run(connection, topology.DLQ, True, run, args.timeout)

    ended = Counter(task["number"] for task in results + failed)
    ok = ended == Counter(range(args.tasks))
    first = [task for task in results if task["attempt"] == 0]
    rows: dict[str, Any] = {
        "sent": ", ".join(f"{kind} {sent[kind]}" for kind in KINDS),
        "done": f"{len(results)} in {seconds:.1f} s",
        "retried": workers.events["retried"],
        "dead-lettered": len(failed),
    }
    for kind in KINDS:
        what = "lateness" if "delay" in kind else "latency"
        rows[f"{what}, {kind}"] = common.latency(t["late"] for t in first if t["kind"] == kind)
    rows["exactly once"] = "yes" if ok else "NO"
    common.print_summary("tasks", rows)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
