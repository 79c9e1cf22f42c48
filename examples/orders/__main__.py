"""Sends orders, works on them, and checks that each ended exactly once. See README.md."""

from __future__ import annotations

import argparse
import json
import sys
import time
import uuid
from collections import Counter

import warren

from examples import common
from examples.orders import stages, topology


def produce(connection: warren.Connection, run: str, count: int, rate: float) -> None:
    """Publishes persistent orders, `rate` a second (0: as fast as it goes), all confirmed."""
    start = time.monotonic()
    with connection.publisher() as publisher:
        for number in range(count):
            if rate > 0:
                pause = start + number / rate - time.monotonic()
                if pause > 0:
                    time.sleep(pause)
            order = {"run": run, "number": number, "created": time.time(), "item": "a book"}
            publisher.publish(
                topology.EXCHANGE,
                "order.created",
                json.dumps(order),
                mandatory=True,
                content_type="application/json",
                message_id=f"{run}/{number}",
            )
        publisher.flush()


def finished(connection: warren.Connection) -> int:
    """How many messages have come to an end."""
    return sum(
        connection.declare_queue(queue, passive=True).message_count
        for queue in (topology.DONE, topology.DLQ)
    )


def ledger(
    connection: warren.Connection, run: str, timeout: float
) -> tuple[list[dict[str, float]], Counter[tuple[int, str]], Counter[tuple[int, str]]]:
    """The entries of orders_done, and how often each order and leg is in it and in dlq.

    The ledger is consumed; what lies in dlq stays there, for a person.
    """
    count = {
        queue: connection.declare_queue(queue, passive=True).message_count
        for queue in (topology.DONE, topology.DLQ)
    }
    entries = [
        entry
        for delivery in common.read_all(
            connection, topology.DONE, False, count[topology.DONE], timeout
        )
        if (entry := json.loads(delivery.body))["run"] == run
    ]
    done = Counter((entry["number"], entry["leg"]) for entry in entries)
    failed = Counter[tuple[int, str]]()
    legs = {"inventory_failed": "inventory", "payment_failed": "shipping"}
    for delivery in common.read_all(connection, topology.DLQ, True, count[topology.DLQ], timeout):
        order = json.loads(delivery.body)
        if order["run"] == run:
            failed[order["number"], legs[delivery.routing_key]] += 1
    return entries, done, failed


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = common.parser("orders", "Orders through inventory, payment and shipping.")
    parser.add_argument("--orders", type=int, default=1000, metavar="N", help="how many")
    parser.add_argument(
        "--rate", type=float, default=0, metavar="R", help="orders a second; 0: as fast as it goes"
    )
    parser.add_argument(
        "--retry",
        choices=("header", "policy"),
        default="policy",
        help="the hand-made loop over retry_queue with x-retry-count, or the queue's retry policy",
    )
    parser.add_argument("--retries", type=int, default=3, metavar="N", help="before giving up")
    parser.add_argument(
        "--retry-delay", type=float, default=60, metavar="S", help="pause before each retry"
    )
    parser.add_argument(
        "--fail-always", type=float, default=0.02, metavar="SHARE", help="of orders, in each stage"
    )
    parser.add_argument(
        "--fail-once", type=float, default=0.05, metavar="SHARE", help="at the first attempt only"
    )
    parser.add_argument("--seed", type=int, default=1, help="which orders fail")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="threads a queue")
    parser.add_argument(
        "--reset", action="store_true", help="delete exchanges and queues of earlier runs first"
    )
    return parser.parse_args()


def main() -> int:
    """Runs the application; 0 if every order ended exactly once."""
    args = arguments()
    common.set_up_logging(args.verbose)
    failures = stages.Failures(args.fail_always, args.fail_once, args.seed)
    run = uuid.uuid4().hex[:8]
    with warren.connect(args.broker, timeout=args.timeout) as connection:
        if args.reset:
            topology.delete(connection)
        topology.declare(connection, args.retry, args.retries, args.retry_delay)
        before = finished(connection)
        workers = common.Workers(connection)
        for queue in topology.STAGES:
            handler = stages.stage(queue, args.retry, args.retries, args.retry_delay, failures)
            workers.start(queue, handler, args.workers)
        workers.start(topology.SHIPPING, stages.ship, args.workers)

        start = time.monotonic()
        produce(connection, run, args.orders, args.rate)
        sent_seconds = time.monotonic() - start
        common.wait_until(
            lambda: finished(connection) - before >= 2 * args.orders,
            args.timeout,
            f"the end of all {args.orders} orders",
        )
        seconds = time.monotonic() - start
        workers.stop()
        entries, done, failed = ledger(connection, run, args.timeout)

    expected = {(n, leg) for n in range(args.orders) for leg in ("inventory", "shipping")}
    total = done + failed
    missing = sorted(expected - total.keys())
    doubled = sorted(key for key, count in total.items() if count != 1)
    strange = sorted(total.keys() - expected)
    ok = not (missing or doubled or strange)
    common.print_summary(
        f"orders, retried by {args.retry}",
        {
            "sent": f"{args.orders} orders in {sent_seconds:.1f} s",
            "done": f"{sum(done.values())} of {2 * args.orders} legs in {seconds:.1f} s",
            "retried": workers.events["retried"],
            "dead-lettered": sum(failed.values()),
            "end to end, first attempt": common.latency(
                e["seconds"] for e in entries if not e["retries"]
            ),
            "end to end, retried": common.latency(e["seconds"] for e in entries if e["retries"]),
            "exactly once": "yes"
            if ok
            else f"NO: missing {missing[:5]}, doubled {doubled[:5]}, strange {strange[:5]}",
        },
    )
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
