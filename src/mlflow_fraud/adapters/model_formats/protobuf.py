"""Protocol buffers on the wire: bytes that are the same wherever they are written, and read within their bounds.

Written and read here because the service has no need of a library of all operators, and because what that library
writes depends on its version.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mlflow_fraud.core.errors import ReleaseRejected

VARINT, LONG, BYTES, SHORT = 0, 1, 2, 5
"""Kinds of values on the wire: a whole number, 8 bytes, a text or message or list, 4 bytes."""


class Field(NamedTuple):
    """A field of a message: its number, the kind of its value, and the value's bytes or whole number."""

    number: int
    kind: int
    content: bytes
    value: int


def whole(number: int, value: int) -> bytes:
    """Return a field that holds a whole number of 0 or more."""
    return _varint(number << 3 | VARINT) + _varint(value)


def nested(number: int, content: bytes | str) -> bytes:
    """Return a field that holds a text, a message or a packed list."""
    told = content.encode() if isinstance(content, str) else content
    return _varint(number << 3 | BYTES) + _varint(len(told)) + told


def each_whole(number: int, values: npt.ArrayLike) -> bytes:
    """Return a field that holds whole numbers of 0 or more, one after the other, each in as many bytes as it takes.

    >>> each_whole(8, [1, 300]).hex()
    '400140ac02'
    """
    left = np.asarray(values, np.uint64)
    digits = np.stack([(left >> np.uint64(7 * place)) & np.uint64(127) for place in range(10)], axis=1).astype(np.uint8)
    used = 10 - np.argmax(np.flip(digits != 0, axis=1), axis=1)
    used[left == 0] = 1
    places = np.arange(10)
    digits[places < used[:, None] - 1] |= 128
    tagged = np.insert(digits, 0, number << 3 | VARINT, axis=1)
    return bytes(tagged[np.arange(11) < used[:, None] + 1])


def each_single(number: int, values: npt.ArrayLike) -> bytes:
    """Return a field that holds single-precision numbers, one after the other.

    >>> each_single(7, [1.0]).hex()
    '3d0000803f'
    """
    content = np.asarray(values).astype("<f4").reshape(-1, 1).view(np.uint8)
    return bytes(np.insert(content, 0, number << 3 | SHORT, axis=1))


def unpacked(content: bytes) -> npt.NDArray[np.int64]:
    """Return the whole numbers of a packed list; a number under 0 takes ten bytes.

    >>> unpacked(bytes.fromhex("01ac02")).tolist()
    [1, 300]
    """
    raw = np.frombuffer(content, np.uint8)
    ends = np.flatnonzero(raw < 128)
    if raw.size and (not ends.size or ends[-1] != raw.size - 1):
        raise ReleaseRejected("the graph's bytes end within a number")
    starts = np.concatenate([[0], ends[:-1] + 1]).astype(np.int64) if ends.size else ends
    if ends.size and (ends - starts).max() >= 10:
        raise ReleaseRejected("the graph's bytes hold a number of more than 64 bits")
    place = np.arange(raw.size) - np.repeat(starts, ends - starts + 1)
    parts = (raw & 127).astype(np.uint64) << (7 * place).astype(np.uint64)
    return (np.add.reduceat(parts, starts) if ends.size else parts).astype(np.int64)


def fields(message: bytes) -> Iterator[Field]:
    """Give the fields of a message, one by one; raise `ReleaseRejected` where it is not whole."""
    at, view = 0, memoryview(message)
    while at < len(message):
        tag, at = _read_varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            value, at = _read_varint(message, at)
            yield Field(number, kind, b"", value)
            continue
        if kind == BYTES:
            size, at = _read_varint(message, at)
        elif kind in (LONG, SHORT):
            size = 8 if kind == LONG else 4
        else:
            raise ReleaseRejected(f"the graph's bytes hold a value of the kind {kind}")
        if size > len(message) - at:
            raise ReleaseRejected(f"the graph's bytes end early: {size} are named, {len(message) - at} are left")
        yield Field(number, kind, bytes(view[at : at + size]), 0)
        at += size


def text(content: bytes) -> str:
    """Return a text; raise `ReleaseRejected` where it is none."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ReleaseRejected("the graph's bytes hold a name that is no text") from None


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(10):
        if at + place >= len(message):
            raise ReleaseRejected("the graph's bytes end within a number")
        byte = message[at + place]
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value & (2**64 - 1), at + place + 1
    raise ReleaseRejected("the graph's bytes hold a number of more than 64 bits")
