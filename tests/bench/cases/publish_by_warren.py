"""Publishes persistent messages by Warren's Python client.

    publish_by_warren.py HOST:PORT WINDOW SECONDS BYTES      prints JSON

WINDOW 1 is the call that waits for each confirm.
"""

from __future__ import annotations

import json
import sys
import time

import warren

QUEUE = "python"


def main(address: str, window: int, seconds: float, size: int) -> None:
    """Until the time is over and all is confirmed."""
    body = bytes(size)
    messages = 0
    with warren.connect(address) as connection:
        connection.declare_queue(QUEUE, durable=True)
        began = time.perf_counter()
        if window == 1:
            while time.perf_counter() - began < seconds:
                connection.publish("", QUEUE, body)
                messages += 1
        else:
            with connection.publisher(max_unconfirmed=window) as publisher:
                while time.perf_counter() - began < seconds:
                    publisher.publish("", QUEUE, body)
                    messages += 1
                publisher.flush()
        took = time.perf_counter() - began
        connection.delete_queue(QUEUE)
    print(json.dumps({"messages": messages, "seconds": took}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
