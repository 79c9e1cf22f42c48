"""Publishes log lines by service and level, and has all of them indexed. See README.md."""

from __future__ import annotations

import argparse
import json
import sys
import time
import uuid
from collections import Counter
from itertools import chain, islice, repeat
from pathlib import Path

import warren

from examples import common
from examples.logs import lines

EXCHANGE = "logs"
ALL = "all_logs"
BINDINGS = {
    "error_logs": "*.error.*",
    "warn_logs": "*.warn.*",
    "info_logs": "*.info.*",
    ALL: "#.*",
}


def declare(connection: warren.Connection) -> None:
    """The topic exchange and its four queues."""
    connection.declare_exchange(EXCHANGE, "topic")
    for queue, pattern in BINDINGS.items():
        options: warren.QueueOptions = {}
        if queue == ALL:  # what Elasticsearch refuses is tried again, for as long as it takes
            options["retry"] = warren.RetryPolicy(
                max_attempts=65535, initial_backoff=0.5, max_backoff=30
            )
        else:  # for whoever looks at one level: the newest ones
            options["max_length"] = 100_000
        connection.declare_queue(queue, **options)
        connection.bind(EXCHANGE, pattern, queue=queue)


def delete(connection: warren.Connection) -> None:
    """Removes everything that `declare` makes, with all messages."""
    for queue in BINDINGS:
        connection.delete_queue(queue)
    connection.delete_exchange(EXCHANGE)


def produce(connection: warren.Connection, args: argparse.Namespace) -> Counter[str]:
    """Publishes the lines, over and over with --limit; returns how many of each level."""
    paths = [Path(file) for file in args.files or lines.DEFAULT_FILES]
    paths = [path for path in paths if args.files or path.exists()]
    if not paths:
        sys.exit(f"none of {', '.join(lines.DEFAULT_FILES)} is here; name log files to read")
    entries = (
        islice(chain.from_iterable(lines.read(paths) for _ in repeat(None)), args.limit)
        if args.limit
        else lines.read(paths)
    )
    run = uuid.uuid4().hex[:8]
    sent: Counter[str] = Counter()
    start = time.monotonic()
    with connection.publisher() as publisher:
        for number, entry in enumerate(entries):
            if args.rate > 0:
                pause = start + number / args.rate - time.monotonic()
                if pause > 0:
                    time.sleep(pause)
            body = json.dumps({**vars(entry), "published": time.time()})
            publisher.publish(
                EXCHANGE,
                entry.routing_key,
                body,
                content_type="application/json",
                message_id=f"{run}-{number}",
            )
            sent[entry.level] += 1
        publisher.flush()
    return sent


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = common.parser("logs", "Log lines through queues by level, in bulk to Elasticsearch.")
    parser.add_argument(
        "files", nargs="*", help=f"log files; else {', '.join(lines.DEFAULT_FILES)}"
    )
    parser.add_argument(
        "--elasticsearch", default="http://127.0.0.1:9200", metavar="URL", help="where to index"
    )
    parser.add_argument("--index", default="logs", help="the index")
    parser.add_argument("--batch", type=int, default=500, metavar="N", help="documents a request")
    parser.add_argument(
        "--limit", type=int, default=0, metavar="N", help="publish so many, reading over and over"
    )
    parser.add_argument(
        "--rate", type=float, default=0, metavar="R", help="lines a second; 0: as fast as it goes"
    )
    parser.add_argument(
        "--reset", action="store_true", help="delete exchange and queues of earlier runs first"
    )
    return parser.parse_args()


def main() -> int:
    """Runs the application; 0 if every line was indexed."""
    args = arguments()
    common.set_up_logging(args.verbose)
    try:
        from examples.logs.indexer import Indexer
    except ImportError as error:
        sys.exit(f"{error}; pip install -r examples/logs/requirements.txt")
    with warren.connect(args.broker, timeout=args.timeout) as connection:
        if args.reset:
            delete(connection)
        declare(connection)
        left = connection.declare_queue(ALL, passive=True).message_count
        indexer = Indexer(connection, ALL, args.elasticsearch, args.index, args.batch)
        indexer.start()
        start = time.monotonic()
        sent = produce(connection, args)
        total = sum(sent.values()) + left
        try:
            common.wait_until(
                lambda: indexer.indexed >= total, args.timeout, f"the indexing of {total} lines"
            )
        except TimeoutError as error:
            print(error, file=sys.stderr)
        seconds = time.monotonic() - start
        indexer.stop()
        waiting = {
            queue: connection.declare_queue(queue, passive=True).message_count for queue in BINDINGS
        }
    common.print_summary(
        "logs",
        {
            "sent": ", ".join(f"{level} {count}" for level, count in sorted(sent.items())),
            "found waiting": left,
            "done": f"{indexer.indexed} indexed in {seconds:.1f} s",
            "retried": indexer.requeued,
            "dead-lettered": 0,
            "published to indexed": common.latency(indexer.latencies),
            "in the queues": ", ".join(f"{queue} {count}" for queue, count in waiting.items()),
        },
    )
    return 0 if indexer.indexed >= total else 1


if __name__ == "__main__":
    sys.exit(main())
