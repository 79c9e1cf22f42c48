"""Publishes persistent messages to RabbitMQ by pika.

    publish_by_pika.py PORT WINDOW SECONDS BYTES      prints JSON

WINDOW 1 is its blocking connection, whose publish waits for each confirm. Above, it is its
asynchronous one, the only one that can have more in flight.
"""

from __future__ import annotations

import json
import sys
import time

import pika
import pika.channel
import pika.spec

QUEUE = "python"
PERSISTENT = pika.BasicProperties(delivery_mode=2)
# Published at once, before the connection looks at what came.
TURN = 100


def blocking(parameters: pika.ConnectionParameters, seconds: float, body: bytes) -> dict:
    """One at a time."""
    messages = 0
    connection = pika.BlockingConnection(parameters)
    channel = connection.channel()
    channel.queue_declare(QUEUE, durable=True)
    channel.confirm_delivery()
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        channel.basic_publish("", QUEUE, body, PERSISTENT)
        messages += 1
    took = time.perf_counter() - began
    channel.queue_delete(QUEUE)
    connection.close()
    return {"messages": messages, "seconds": took}


class Pipelined:
    """Many at a time."""

    def __init__(
        self, parameters: pika.ConnectionParameters, window: int, seconds: float, body: bytes
    ) -> None:
        """Connects when `run` is called."""
        self._window = window
        self._seconds = seconds
        self._body = body
        self._published = 0
        self._up_to = 0  # all confirmed
        self._early: set[int] = set()  # and these beyond
        self._began = 0.0
        self._took = 0.0
        self._connection = pika.SelectConnection(parameters, on_open_callback=self._on_open)

    def run(self) -> dict:
        """Until the time is over and all is confirmed."""
        self._connection.ioloop.start()
        return {"messages": self._published, "seconds": self._took}

    def _on_open(self, connection: pika.SelectConnection) -> None:
        connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: pika.channel.Channel) -> None:
        self._channel = channel
        channel.confirm_delivery(self._on_confirm)
        channel.queue_declare(QUEUE, durable=True, callback=lambda _: self._begin())

    def _begin(self) -> None:
        self._began = time.perf_counter()
        self._go_on()

    def _go_on(self) -> None:
        """Publishes what there is room for; once the time is over, waits for the last confirm."""
        confirmed = self._up_to + len(self._early)
        if time.perf_counter() - self._began >= self._seconds:
            if confirmed == self._published and not self._took:
                self._took = time.perf_counter() - self._began
                self._channel.queue_delete(QUEUE, callback=lambda _: self._connection.ioloop.stop())
            return
        room = self._window - (self._published - confirmed)
        for _ in range(min(room, TURN)):
            self._channel.basic_publish("", QUEUE, self._body, PERSISTENT)
            self._published += 1
        if room > TURN:
            self._connection.ioloop.add_callback_threadsafe(self._go_on)

    def _on_confirm(self, frame: pika.frame.Method) -> None:
        if not isinstance(frame.method, pika.spec.Basic.Ack):
            raise RuntimeError("the server refused a message")
        if frame.method.multiple:
            self._up_to = max(self._up_to, frame.method.delivery_tag)
            self._early = {tag for tag in self._early if tag > self._up_to}
        else:
            self._early.add(frame.method.delivery_tag)
        while self._up_to + 1 in self._early:
            self._up_to += 1
            self._early.remove(self._up_to)
        self._go_on()


def main(port: int, window: int, seconds: float, size: int) -> None:
    """See above."""
    parameters = pika.ConnectionParameters("127.0.0.1", port)
    body = bytes(size)
    if window == 1:
        print(json.dumps(blocking(parameters, seconds, body)))
    else:
        print(json.dumps(Pipelined(parameters, window, seconds, body).run()))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
