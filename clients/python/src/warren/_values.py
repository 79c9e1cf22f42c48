"""Plain Python values to protobuf and back: headers, durations, points in time.

    str <-> string      int <-> int (64 bits, signed)      float <-> double (no NaN)
    bool <-> bool       bytes, bytearray, memoryview -> bytes
    datetime (aware) <-> timestamp, in whole milliseconds, UTC
    list, tuple -> list      dict <-> table      None <-> void

What the broker would refuse is refused here, with the path of the value, before anything is sent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Union

from google.protobuf import duration_pb2, timestamp_pb2

from warren._proto import message_pb2

#: A header's value. Lists and tables nest at most 8 deep. (Any: recursive aliases need 3.12.)
HeaderValue = Union[str, int, float, bool, bytes, datetime, Sequence[Any], Mapping[str, Any], None]
Headers = Mapping[str, HeaderValue]
#: A span of time: a timedelta, or seconds.
Duration = Union[timedelta, float, int]

MAX_DEPTH = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1


def to_milliseconds(value: Duration) -> int:
    """A duration in whole milliseconds, rounded; ValueError if negative or not finite."""
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"a duration must be finite and not negative, not {value!r}")
    return round(seconds * 1000)


def to_duration(value: Duration) -> duration_pb2.Duration:
    """A duration as protobuf has it, in whole milliseconds."""
    seconds, milliseconds = divmod(to_milliseconds(value), 1000)
    return duration_pb2.Duration(seconds=seconds, nanos=milliseconds * 1_000_000)


def from_duration(value: duration_pb2.Duration) -> timedelta:
    """The inverse of `to_duration`."""
    return timedelta(seconds=value.seconds, microseconds=value.nanos // 1000)


def to_timestamp(value: datetime) -> timestamp_pb2.Timestamp:
    """A point in time; ValueError if it has no timezone, since that could be any of 24 hours."""
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no timezone; use datetime.now(timezone.utc) or the like")
    seconds, milliseconds = divmod((value - _EPOCH) // _MILLISECOND, 1000)
    return timestamp_pb2.Timestamp(seconds=seconds, nanos=milliseconds * 1_000_000)


def from_timestamp(value: timestamp_pb2.Timestamp) -> datetime:
    """The inverse of `to_timestamp`, in UTC."""
    return _EPOCH + timedelta(seconds=value.seconds, microseconds=value.nanos // 1000)


def set_value(
    target: message_pb2.HeaderValue, value: HeaderValue, path: str, depth: int = 0
) -> None:
    """Writes `value` into an empty HeaderValue. Raises TypeError or ValueError naming `path`."""
    # bool before int: True is an int to Python, and another header to the broker.
    if isinstance(value, str):
        target.string_value = value
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int):
        if not _INT64_MIN <= value <= _INT64_MAX:
            raise ValueError(f"header {path}: {value} doesn't fit into 64 bits")
        target.int_value = value
    elif isinstance(value, float):
        if math.isnan(value):
            raise ValueError(f"header {path}: NaN equals nothing, so no binding could match it")
        target.double_value = value
    elif isinstance(value, (bytes, bytearray, memoryview)):
        target.bytes_value = bytes(value)
    elif isinstance(value, datetime):
        target.timestamp_value.CopyFrom(to_timestamp(value))
    elif value is None:
        pass
    elif depth == MAX_DEPTH:
        raise ValueError(f"header {path}: lists and tables may nest {MAX_DEPTH} deep")
    elif isinstance(value, Mapping):
        target.table_value.SetInParent()
        set_values(target.table_value.entries, value, path + ".", depth + 1)
    elif isinstance(value, Sequence):
        target.list_value.SetInParent()
        for index, item in enumerate(value):
            set_value(target.list_value.values.add(), item, f"{path}[{index}]", depth + 1)
    else:
        raise TypeError(f"header {path}: {type(value).__name__} has no counterpart in a header")


def set_values(target: Any, values: Headers, prefix: str = "", depth: int = 0) -> None:
    """Writes a mapping into a protobuf map<string, HeaderValue>."""
    for name, value in values.items():
        if not isinstance(name, str):
            raise TypeError(f"header name {name!r} is not a string")
        entry = target[name]  # subscribing creates it, which is all that None needs
        set_value(entry, value, prefix + name, depth)


def get_value(value: message_pb2.HeaderValue) -> HeaderValue:
    """The plain Python value of a HeaderValue."""
    kind = value.WhichOneof("kind")
    if kind is None:
        return None
    if kind == "timestamp_value":
        return from_timestamp(value.timestamp_value)
    if kind == "list_value":
        return [get_value(item) for item in value.list_value.values]
    if kind == "table_value":
        return get_values(value.table_value.entries)
    plain: HeaderValue = getattr(value, kind)
    return plain


def get_values(values: Mapping[str, message_pb2.HeaderValue]) -> dict[str, HeaderValue]:
    """The plain Python dict of a protobuf map<string, HeaderValue>."""
    return {name: get_value(value) for name, value in values.items()}
