"""Several addresses of one broker as one target that grpc understands."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence
from typing import Any, Union

from warren.errors import InvalidArgument, Unavailable

#: One address or target of grpc, several parted by commas, or a list of them.
Addresses = Union[str, Sequence[str]]

#: What grpc takes as it is; `ipv4:` and `ipv6:` may list addresses themselves.
SCHEME = re.compile(r"(dns|ipv4|ipv6|unix|unix-abstract|vsock|xds):")
PORT = 7171


def resolve(addresses: Addresses) -> tuple[str, list[tuple[str, Any]]]:
    """The target, and the channel options that it takes.

    grpc connects to the first address that answers, and looks for another when that one is gone.
    It knows lists of numbers only, so names in a list are looked up here, once; where addresses
    change behind their names, take one name with all of them (`dns:///brokers.example:7171`).
    """
    listed = addresses.split(",") if isinstance(addresses, str) else list(addresses)
    if isinstance(addresses, str) and SCHEME.match(addresses):
        return addresses, []
    listed = [address.strip() for address in listed]
    if not listed or not all(listed):
        raise InvalidArgument(f"{addresses!r} has an empty address in it")
    if len(listed) == 1:
        return listed[0], []
    if schemes := [address for address in listed if SCHEME.match(address)]:
        raise InvalidArgument(f"{schemes[0]!r}: a list has addresses HOST:PORT alone")
    found = list(dict.fromkeys(number for address in listed for number in _numbers(address)))
    if not found:
        raise Unavailable(f"none of {', '.join(listed)} can be looked up")
    host = _split(listed[0])[0]
    # What certificates are checked against: grpc would take the list for a name.
    options = [("grpc.default_authority", listed[0]), ("grpc.ssl_target_name_override", host)]
    if all(address.version == 4 for address, _ in found):
        return "ipv4:" + ",".join(f"{address}:{port}" for address, port in found), options
    return "ipv6:" + ",".join(f"[{_as_6(address)}]:{port}" for address, port in found), options


Number = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


def _split(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = address, str(PORT)
    if not port.isdecimal() or int(port) > 65535:
        raise InvalidArgument(f"{address!r} is not HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _numbers(address: str) -> list[tuple[Number, int]]:
    host, port = _split(address)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return []  # of a broker that is away
    return [(ipaddress.ip_address(str(at[0]).partition("%")[0]), port) for *_, at in found]


def _as_6(address: Number) -> str:
    return f"::ffff:{address}" if address.version == 4 else str(address)
