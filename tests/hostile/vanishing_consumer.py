"""A consumer that holds what it gets, for a test to kill.

Run as: vanishing_consumer.py TARGET QUEUE COUNT. Says "holding" once it has COUNT deliveries.
"""

import sys
import threading

import warren

target, queue, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
with warren.connect(target) as connection, connection.consume(queue, prefetch=count) as consumer:
    held = [consumer.get(60) for _ in range(count)]
    print("holding", flush=True)
    threading.Event().wait()
