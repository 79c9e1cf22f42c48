"""Frames of the publish stream, put together from publications that are serialised already.

A publication is serialised once, when it is published, and may be sent several times, when the
stream is lost. Joining the bytes costs a fraction of building a PublishBatch from messages, which
copies each of them field by field.

The wire format that is relied on (protobuf's encoding): a length-delimited field is its tag, the
length as a varint, the bytes; a repeated field is one such piece an element.
"""

from __future__ import annotations

from warren._proto import broker_pb2

_LENGTH_DELIMITED = 2


def _tag(message: str, field: str) -> bytes:
    number: int = broker_pb2.DESCRIPTOR.message_types_by_name[message].fields_by_name[field].number
    return bytes([number << 3 | _LENGTH_DELIMITED])


_BATCH_TAG = _tag("PublishStreamRequest", "batch")
_PUBLICATION_TAG = _tag("PublishBatch", "publications")


def varint(value: int) -> bytes:
    """Protobuf's variable-length encoding of an unsigned integer."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def publication_piece(serialised: bytes) -> bytes:
    """A serialised Publication, as an element of PublishBatch.publications."""
    return _PUBLICATION_TAG + varint(len(serialised)) + serialised


def publish_frame(first_sequence: int, pieces: list[bytes], resent: bool = False) -> bytes:
    """A serialised PublishStreamRequest that carries one batch."""
    head = broker_pb2.PublishBatch(
        first_sequence=first_sequence, resent=resent
    ).SerializeToString()
    length = len(head) + sum(map(len, pieces))
    return b"".join((_BATCH_TAG, varint(length), head, *pieces))
