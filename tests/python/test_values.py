"""Plain Python values to protobuf and back."""

import math
from datetime import datetime, timedelta, timezone

import pytest
from warren._proto import message_pb2
from warren._values import (
    from_duration,
    from_timestamp,
    get_values,
    set_values,
    to_duration,
    to_milliseconds,
    to_timestamp,
)


def through(values):
    message = message_pb2.Message()
    set_values(message.headers, values)
    return get_values(message_pb2.Message.FromString(message.SerializeToString()).headers)


@pytest.mark.parametrize(
    "value",
    ["text", "", 0, 1, -(2**63), 2**63 - 1, 1.0, -0.5, math.inf, True, False, b"\x00\xff", b"",
     None, [], {}, [1, "a", None, [True]], {"a": {"b": [1.5, b"x"]}},
     datetime(2024, 2, 29, 12, 0, 0, 123000, tzinfo=timezone.utc),
     datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=timezone.utc)],
)  # fmt: skip
def test_headers_come_back_with_value_and_type(value):
    result = through({"h": value})["h"]
    assert result == value
    assert type(result) is type(value)


def test_int_float_and_bool_are_three_kinds():
    message = message_pb2.Message()
    set_values(message.headers, {"i": 1, "f": 1.0, "b": True})
    kinds = {name: value.WhichOneof("kind") for name, value in message.headers.items()}
    assert kinds == {"i": "int_value", "f": "double_value", "b": "bool_value"}


def test_tuples_and_buffers_are_taken():
    assert through({"t": (1, 2), "m": memoryview(b"ab"), "a": bytearray(b"c")}) == {
        "t": [1, 2], "m": b"ab", "a": b"c",
    }  # fmt: skip


def test_a_time_in_another_zone_is_the_same_point_in_time():
    there = datetime(2024, 1, 1, 12, tzinfo=timezone(timedelta(hours=5)))
    assert through({"h": there})["h"] == there


def test_tables_nest_eight_deep_and_no_deeper():
    value = "leaf"
    for _ in range(8):
        value = [value]
    assert through({"h": value})["h"] == value
    with pytest.raises(ValueError, match=r"header h\[0\].*8 deep"):
        through({"h": [value]})


@pytest.mark.parametrize(
    ("value", "error"),
    [(2**63, ValueError), (-(2**63) - 1, ValueError), (math.nan, ValueError),
     (datetime(2024, 1, 1), ValueError), (object(), TypeError), ({1: 2}, TypeError)],
)  # fmt: skip
def test_what_has_no_counterpart_is_refused(value, error):
    with pytest.raises(error):
        through({"outer": {"inner": value}})


def test_the_error_names_the_path():
    with pytest.raises(TypeError, match=r"outer\.list\[1\]"):
        through({"outer": {"list": [1, object()]}})


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [(0, 0), (1.5, 1500), (60, 60000), (0.0004, 0), (0.0006, 1), (timedelta(days=1), 86400000)],
)
def test_durations_are_whole_milliseconds(value, milliseconds):
    assert to_milliseconds(value) == milliseconds
    assert from_duration(to_duration(value)) == timedelta(milliseconds=milliseconds)


@pytest.mark.parametrize("value", [-1, -0.1, math.nan, math.inf, timedelta(seconds=-1)])
def test_durations_are_finite_and_not_negative(value):
    with pytest.raises(ValueError, match="duration"):
        to_duration(value)


def test_times_are_rounded_down_to_milliseconds():
    exact = datetime(2024, 1, 1, 0, 0, 0, 999999, tzinfo=timezone.utc)
    assert from_timestamp(to_timestamp(exact)) == exact.replace(microsecond=999000)
