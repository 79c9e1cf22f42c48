"""The synchronous connection: topology, unary calls, and the way to publishers and consumers."""

from __future__ import annotations

import time
import weakref
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

import grpc

from warren import _requests, _rpc, _topology
from warren._commit import Lanes, publish_request
from warren._consume_state import QueueEndCallback, SettleErrorCallback
from warren._consumer import Consumer
from warren._delivery import Delivery
from warren._login import Login, LoginOptions
from warren._proto import broker_pb2
from warren._publication import (
    Body,
    Outcome,
    Publication,
    PublishOptions,
    PublishResult,
    decode_results,
    encode_publication,
)
from warren._publisher import Blocked, Publisher
from warren._settle import Settle
from warren._target import Addresses, resolve
from warren._topology import Binding, ExchangeOptions, ExchangeType, QueueInfo, QueueOptions
from warren._transaction import Transaction
from warren._values import Duration, Headers, to_milliseconds
from warren.errors import Closed, OutcomeUnknown, WarrenError, from_rpc_error

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Connection:
    """A connection to a broker, for one virtual host. Thread-safe. Made by `warren.connect`.

    Nothing is sent until the first call; from then on the connection mends itself. Calls that
    can be repeated safely wait for the broker up to their timeout and are repeated; the others
    (`get`, `ack` and the like) raise `Unavailable`.

    Every method raises a `WarrenError`, of the class that belongs to its status code.
    """

    def __init__(
        self,
        target: Addresses,
        *,
        virtual_host: str = "/",
        credentials: Optional[grpc.ChannelCredentials] = None,
        metadata: _rpc.Metadata = (),
        timeout: float = _rpc.DEFAULT_TIMEOUT_S,
        keepalive: Optional[float] = None,
        channel_options: Sequence[tuple[str, Any]] = (),
        **login: Unpack[LoginOptions],
    ) -> None:
        """See `warren.connect`."""
        self.target, of_target = resolve(target)
        self.virtual_host = virtual_host
        self.timeout = timeout
        self._login = Login(login, credentials, metadata)
        options = _rpc.channel_options(keepalive, [*of_target, *channel_options])
        self._channel = (
            grpc.insecure_channel(self.target, options)
            if self._login.credentials is None
            else grpc.secure_channel(self.target, self._login.credentials, options)
        )
        self._methods = _rpc.Methods(self._channel)
        self._lanes = Lanes()
        self._children: weakref.WeakSet[Any] = weakref.WeakSet()
        self._closed = False

    @property
    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return self._login.metadata

    # --- topology -------------------------------------------------------------------------------

    def declare_exchange(
        self,
        name: str,
        type: ExchangeType = "direct",
        *,
        passive: bool = False,
        **options: Unpack[ExchangeOptions],
    ) -> None:
        """Creates an exchange, or checks that it is there with the same options.

        With `passive`, only checks that it exists. Raises PreconditionFailed if it exists with
        other options, NotFound if passive and absent.
        """
        request = _requests.declare_exchange(self.virtual_host, name, type, passive, options)
        self._call("DeclareExchange", request)

    def delete_exchange(self, name: str, *, if_unused: bool = False) -> None:
        """Deletes an exchange and its bindings; succeeds if it isn't there."""
        request = broker_pb2.DeleteExchangeRequest(
            virtual_host=self.virtual_host, name=name, if_unused=if_unused
        )
        self._call("DeleteExchange", request)

    def declare_queue(
        self, name: str = "", *, passive: bool = False, **options: Unpack[QueueOptions]
    ) -> QueueInfo:
        """Creates a queue, or checks that it is there with the same options.

        An empty name asks for one made by the server, which the answer tells. Raises as
        `declare_exchange`, and InvalidArgument for an option out of range.
        """
        request = _requests.declare_queue(self.virtual_host, name, passive, options)
        # Repeated, a declaration without a name would leave a second queue behind.
        answer = self._call("DeclareQueue", request, repeat=bool(name))
        return _topology.queue_info(answer)

    def delete_queue(self, name: str, *, if_unused: bool = False, if_empty: bool = False) -> int:
        """Deletes a queue with its messages; returns how many were ready."""
        request = broker_pb2.DeleteQueueRequest(
            virtual_host=self.virtual_host, name=name, if_unused=if_unused, if_empty=if_empty
        )
        count: int = self._call("DeleteQueue", request).message_count
        return count

    def purge_queue(self, name: str) -> int:
        """Removes the ready messages of a queue; returns how many there were."""
        request = broker_pb2.PurgeQueueRequest(virtual_host=self.virtual_host, name=name)
        count: int = self._call("PurgeQueue", request).message_count
        return count

    def bind(
        self,
        source: str,
        routing_key: str = "",
        *,
        queue: Optional[str] = None,
        exchange: Optional[str] = None,
        arguments: Optional[Headers] = None,
    ) -> None:
        """Binds `queue` or `exchange` to the exchange `source`; binding again is a no-op."""
        binding = _topology.binding(
            source, routing_key, queue=queue, exchange=exchange, arguments=arguments
        )
        request = broker_pb2.BindRequest(virtual_host=self.virtual_host, binding=binding)
        self._call("Bind", request)

    def unbind(
        self,
        source: str,
        routing_key: str = "",
        *,
        queue: Optional[str] = None,
        exchange: Optional[str] = None,
        arguments: Optional[Headers] = None,
    ) -> None:
        """Removes one binding; succeeds if it isn't there."""
        binding = _topology.binding(
            source, routing_key, queue=queue, exchange=exchange, arguments=arguments
        )
        request = broker_pb2.UnbindRequest(virtual_host=self.virtual_host, binding=binding)
        self._call("Unbind", request)

    # --- publishing -----------------------------------------------------------------------------

    def publish(
        self, exchange: str, routing_key: str, body: Body, **options: Unpack[PublishOptions]
    ) -> Outcome:
        """Publishes one message and waits for its confirm; raises if it was rejected.

        For more than a few messages a second, use `publisher`.
        """
        publication = encode_publication(exchange, routing_key, body, options)
        return _requests.single_outcome(self._publish([publication])[0])

    def publish_batch(self, publications: Sequence[Publication]) -> list[PublishResult]:
        """Publishes up to 10,000 messages and waits for all confirms; one result each, in order.

        Repeated until the broker answers, under the same sequences, so nothing is doubled. If it
        can't be reached in time, OutcomeUnknown is raised.
        """
        return self._publish([publication._pb for publication in publications])

    def publisher(
        self,
        *,
        producer_id: Optional[str] = None,
        max_unconfirmed: int = 10_000,
        max_unconfirmed_bytes: int = 64 << 20,
        raise_unroutable: bool = False,
        on_blocked: Optional[Callable[[Optional[Blocked]], None]] = None,
        give_up_after: Optional[float] = None,
    ) -> Publisher:
        """Opens a pipelined publisher; see `Publisher`."""
        self._check()
        publisher = Publisher(
            self,
            producer_id=producer_id,
            max_unconfirmed=max_unconfirmed,
            max_unconfirmed_bytes=max_unconfirmed_bytes,
            raise_unroutable=raise_unroutable,
            on_blocked=on_blocked,
            give_up_after=give_up_after,
        )
        self._children.add(publisher)
        return publisher

    def transaction(self, *, timeout: Optional[float] = None) -> Transaction:
        """Begins a transaction; see `Transaction`."""
        self._check()
        return Transaction(self, self.timeout if timeout is None else timeout)

    # --- consuming ------------------------------------------------------------------------------

    def consume(
        self,
        queue: Union[str, Sequence[str]] = "",
        *,
        name: str = "",
        prefetch: int = 0,
        prefetch_bytes: int = 0,
        auto_ack: bool = False,
        exclusive: bool = False,
        declare: Optional[QueueOptions] = None,
        bindings: Sequence[Binding] = (),
        on_settle_error: Optional[SettleErrorCallback] = None,
        on_queue_end: Optional[QueueEndCallback] = None,
        give_up_after: Optional[float] = None,
    ) -> Consumer:
        """Subscribes to a queue, or to several over one stream; see `Consumer`.

        Args:
            queue: the queue; with `declare`, "" asks for a name made by the server. Or a list of
                queues, to each of which the other arguments apply.
            name: the consumer's name, unique within the virtual host. Default: a made-up one.
            prefetch: most unsettled deliveries; 0 is the broker's default of 1,000.
            prefetch_bytes: most bytes of unsettled bodies; 0 is the broker's default of 64 MiB.
            auto_ack: deliveries are settled as they are sent. What this process has received and
                not finished when it dies is lost.
            exclusive: refuse to share the queue with another consumer.
            declare: declare the queue first; the only way to an exclusive queue.
            bindings: then bind it.
            on_settle_error: called with the delivery tag and the error of each settlement that
                failed at the broker. Default: logged.
            on_queue_end: of several queues, called with the name of one that the broker ended, and
                why. Default: logged. When the last one ends, the consumer does.
            give_up_after: seconds without a broker after which the consumer fails. Default never.

        """
        self._check()
        consumer = Consumer(
            self,
            queue,
            name=name,
            prefetch=prefetch,
            prefetch_bytes=prefetch_bytes,
            auto_ack=auto_ack,
            exclusive=exclusive,
            declare=declare,
            bindings=bindings,
            on_settle_error=on_settle_error,
            on_queue_end=on_queue_end,
            give_up_after=give_up_after,
        )
        self._children.add(consumer)
        return consumer

    def get(
        self,
        queue: str,
        max_messages: int = 1,
        *,
        auto_ack: bool = False,
        lease: Optional[Duration] = None,
    ) -> list[Delivery]:
        """Takes up to `max_messages` without a stream; [] if the queue is empty, never waits.

        Without `auto_ack` they are leased for `lease` (default 30 s), within which they are to be
        settled, by `ack` or by methods of each delivery; then the broker requeues them.
        """
        request = _requests.get(self.virtual_host, queue, max_messages, auto_ack, lease)
        answer = self._call("Get", request, repeat=False)
        return [Delivery(pb, self, None, auto_ack) for pb in answer.deliveries]

    def ack(self, *deliveries: Delivery) -> None:
        """Settles deliveries of `get` as done; raises the first failure after trying all."""
        self._settle_leases(deliveries, Settle.ACK, None)

    def requeue(self, *deliveries: Delivery) -> None:
        """Gives deliveries of `get` back to their queue; raises as `ack`."""
        self._settle_leases(deliveries, Settle.REQUEUE, None)

    def reject(self, *deliveries: Delivery) -> None:
        """Dead-letters or drops deliveries of `get`; raises as `ack`."""
        self._settle_leases(deliveries, Settle.REJECT, None)

    def retry(self, *deliveries: Delivery, delay: Optional[Duration] = None) -> None:
        """Has deliveries of `get` delivered again after `delay`; raises as `ack`."""
        delay_ms = None if delay is None else to_milliseconds(delay)
        self._settle_leases(deliveries, Settle.RETRY, delay_ms)

    def settle(self, delivery: Delivery, outcome: Settle, delay_ms: Optional[int]) -> bool:
        """For deliveries of `get`, whose own `ack`, `requeue`, ... end here."""
        if delivery.settled:
            return False
        self._settle_leases([delivery], outcome, delay_ms)
        return True

    # --- life -----------------------------------------------------------------------------------

    def close(self) -> None:
        """Closes what is open on this connection, then the connection."""
        if self._closed:
            return
        self._closed = True
        for child in list(self._children):
            child.close()
        self._channel.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self,
        exc_type: Optional[type[BaseException]],
        exc: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    # --- inside ---------------------------------------------------------------------------------

    def _check(self) -> None:
        if self._closed:
            raise Closed("the connection is closed")

    def _call(
        self, method: str, request: Any, *, repeat: bool = True, timeout: Optional[float] = None
    ) -> Any:
        """Calls until it is answered or the time is over; only once unless `repeat`."""
        self._check()
        seconds = self.timeout if timeout is None else timeout
        deadline = time.monotonic() + seconds
        last: Optional[WarrenError] = None
        while True:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise _rpc.unreachable(self.target, seconds, last) from last
            try:
                return self._methods[method](
                    request,
                    timeout=min(remaining, _rpc.ATTEMPT_TIMEOUT_S) if repeat else remaining,
                    metadata=self._metadata,
                    wait_for_ready=True,
                )
            except grpc.RpcError as error:
                last = _rpc.as_lost(from_rpc_error(error))
            except ValueError as error:  # grpc's way to say that the channel was closed meanwhile
                raise Closed("the connection is closed") from error
            if not repeat or not _rpc.once_more(last):
                raise last
            _requests.say_resent(request)
            time.sleep(min(_rpc.REPEAT_PAUSE_S, max(0.0, deadline - time.monotonic())))

    def _call_once(self, method: str, make_request: Callable[[Any], Any], timeout: float) -> Any:
        """Calls under a lane's sequence, so that it takes effect once however often it is sent."""
        lane = self._lanes.take()
        try:
            return self._call(method, make_request(lane), timeout=timeout)
        except WarrenError as error:
            if error.reason != "BROKER_UNREACHABLE":
                raise
            raise OutcomeUnknown(error.message, reason="OUTCOME_UNKNOWN") from error
        finally:
            self._lanes.give_back(lane)

    def _publish(self, publications: Sequence[Any]) -> list[PublishResult]:
        if not publications:
            return []
        answer = self._call_once(
            "Publish",
            lambda lane: publish_request(self.virtual_host, lane, publications),
            self.timeout,
        )
        return decode_results(answer.results)

    def _settle_leases(
        self, deliveries: Sequence[Delivery], outcome: Settle, delay_ms: Optional[int]
    ) -> None:
        if deliveries:
            request = _requests.ack(self.virtual_host, deliveries, outcome, delay_ms)
            answer = self._call("Ack", request, repeat=False)
            _requests.check_ack(answer, deliveries)


def connect(
    target: Addresses,
    *,
    virtual_host: str = "/",
    credentials: Optional[grpc.ChannelCredentials] = None,
    metadata: _rpc.Metadata = (),
    timeout: float = _rpc.DEFAULT_TIMEOUT_S,
    keepalive: Optional[float] = None,
    channel_options: Sequence[tuple[str, Any]] = (),
    **login: Unpack[LoginOptions],
) -> Connection:
    """Opens a connection to the broker at `target`, such as "127.0.0.1:7171".

    Args:
        target: address and port, or any name that gRPC resolves; several addresses as a list, or
            parted by commas, are tried in their order, again whenever the connection is lost.
            Names in a list are looked up once, here.
        virtual_host: everything on the connection happens in this one.
        credentials: TLS, made by `grpc.ssl_channel_credentials`, for what `tls` can't say.
        metadata: sent with every call, such as an authorization header.
        timeout: seconds that a call waits for the broker before it raises.
        keepalive: seconds of silence after which the transport asks whether the peer is alive.
            Default: never; the broker must allow pings as frequent as that.
        channel_options: more gRPC channel arguments.
        **login: who connects, and how: `user` and `password`, or `token` (a text, or a function
            that gives the current one); `tls`: True, or a `warren.Tls` with files. Default: no
            login, in plain text.

    """
    return Connection(
        target,
        virtual_host=virtual_host,
        credentials=credentials,
        metadata=metadata,
        timeout=timeout,
        keepalive=keepalive,
        channel_options=channel_options,
        **login,
    )
