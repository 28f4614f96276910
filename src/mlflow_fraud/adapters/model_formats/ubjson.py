"""Universal Binary JSON as XGBoost writes it, read with every length held against the bytes that are there."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from mlflow_fraud.core.errors import ReleaseRejected

DEEPEST = 16
"""Objects and lists within each other; a booster's document has 8."""

_NUMBERS = {b"i": ">i1", b"U": ">u1", b"I": ">i2", b"l": ">i4", b"L": ">i8", b"d": ">f4", b"D": ">f8"}
_WORDS = {b"T": True, b"F": False, b"Z": None}


def read_ubjson(content: bytes) -> Any:
    """Return the value: a list of one kind of numbers is an array of NumPy, an object a dictionary.

    Raises `ReleaseRejected` for anything that is not whole, ends late, or says a name twice.
    """
    reader = _Reader(content)
    try:
        value = reader.value(reader.take(1), 0)
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        raise ReleaseRejected(f"the booster's bytes cannot be read: {error}") from None
    if reader.left:
        raise ReleaseRejected(f"the booster's bytes go on for {reader.left} after their end")
    return value


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._content) - self._at

    def take(self, size: int) -> bytes:
        if not 0 <= size <= self.left:
            raise ReleaseRejected(f"the booster's bytes end early: {size} are named, {self.left} are left")
        self._at += size
        return self._content[self._at - size : self._at]

    def value(self, kind: bytes, depth: int) -> Any:
        if depth > DEEPEST:
            raise ReleaseRejected(f"the booster's document goes deeper than {DEEPEST}")
        if kind in _NUMBERS:
            return self._numbers(kind, 1)[0].item()
        if kind in _WORDS:
            return _WORDS[kind]
        if kind == b"S":
            return self.take(self._length()).decode()
        if kind == b"{":
            return self._object(depth)
        if kind == b"[":
            return self._list(depth)
        raise ReleaseRejected(f"the booster's bytes hold {kind!r} where a value begins")

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while (kind := self.take(1)) != b"}":
            name = self.take(self._length(kind)).decode()
            if name in found:
                raise ReleaseRejected(f"the booster's document says {name!r} twice")
            found[name] = self.value(self.take(1), depth + 1)
        return found

    def _list(self, depth: int) -> Any:
        kind = self.take(1)
        if kind == b"$":
            numbers, hash_sign = self.take(1), self.take(1)
            if numbers not in _NUMBERS or hash_sign != b"#":
                raise ReleaseRejected(f"the booster's bytes hold a list of {numbers!r}")
            return self._numbers(numbers, self._length())
        if kind == b"#":
            length = self._length()
            if length > self.left:  # each takes a byte at least
                raise ReleaseRejected(f"the booster's bytes end early: {length} values are named, {self.left} are left")
            return [self.value(self.take(1), depth + 1) for _ in range(length)]
        values = []
        while kind != b"]":
            values.append(self.value(kind, depth + 1))
            kind = self.take(1)
        return values

    def _length(self, kind: bytes | None = None) -> int:
        kind = kind or self.take(1)
        if kind not in b"iUIlL":
            raise ReleaseRejected(f"the booster's bytes hold {kind!r} where a length is expected")
        return int(self._numbers(kind, 1)[0])

    def _numbers(self, kind: bytes, count: int) -> Any:
        form = np.dtype(_NUMBERS[kind])
        return np.frombuffer(self.take(count * form.itemsize), form).astype(form.newbyteorder("="))
