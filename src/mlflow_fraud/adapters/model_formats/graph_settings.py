"""The settings of an operator of an ONNX graph, read from its bytes: numbers and words, and no graph of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from mlflow_fraud.adapters.model_formats.protobuf import BYTES, SHORT, VARINT, Field, fields, text, unpacked
from mlflow_fraud.core.errors import ReleaseRejected

_KIND = b"\xa0\x01"
_WHOLE, _SINGLE = 8 << 3 | VARINT, 7 << 3 | SHORT
_MODES = re.compile(rb"(?:J\x09BRANCH_LT|J\x04LEAF)+")
"""What the nodes of many trees are, as a list of words: a long one, of which there are no others."""
_MODE = re.compile(rb"BRANCH_LT|LEAF")
_KIND_OF_WORDS = 8

Settings = Mapping[str, Any]
"""By name: a list of whole numbers or of single-precision ones as an array, a list of words, or a list of one value."""


def settings_of(messages: Iterable[bytes]) -> Settings:
    """Return the settings; raise `ReleaseRejected` where one is said twice, or is no number, word or list of them."""
    found: dict[str, Any] = {}
    for message in messages:
        long = _long_list(message)
        if long and long[0] not in found:
            found[long[0]] = long[1]
            continue
        parts = list(fields(message))
        (name,) = [text(part.content) for part in parts if part.number == 1] or [""]
        if not name or name in found:
            raise ReleaseRejected(
                f"the graph is not one that we load: a setting {name!r} is there twice, or has no name"
            )
        kinds = {part.number for part in parts} - {1, 13, 20}
        if len(kinds) > 1 or not kinds <= _READ.keys():
            raise ReleaseRejected(f"the graph is not one that we load: {name!r} is neither numbers nor words")
        (kind,) = kinds or {8}
        found[name] = _READ[kind]([part for part in parts if part.number == kind])
    return found


def _long_list(message: bytes) -> tuple[str, Any] | None:
    """Return name and numbers of a setting that is nothing but a list, read at once; None where it is another."""
    size = message[1] if message[:1] == b"\x0a" and len(message) > 1 else 128
    start, end = 2 + size, len(message) - 3
    if not 0 < size < 128 or start >= end or message[end:-1] != _KIND or message[-1] not in (6, 7, 8):
        return None
    if message[-1] == _KIND_OF_WORDS:
        whole = _MODES.fullmatch(message, start, end)
        return (text(message[2:start]), _MODE.findall(message, start, end)) if whole else None
    raw = np.frombuffer(message, np.uint8)[start:end]
    if message[start] == _SINGLE and not len(raw) % 5 and (raw[::5] == _SINGLE).all():
        values: Any = raw.reshape(-1, 5)[:, 1:].copy().view("<f4")[:, 0].astype(np.float32)
    elif message[start] == _WHOLE and raw[-1] < 128:
        told = unpacked(raw.tobytes())  # a field's number and kind are a number as well
        if len(told) % 2 or (told[::2] != _WHOLE).any():
            return None
        values = told[1::2]
    else:
        return None
    return text(message[2:start]), values


def _whole(parts: list[Field]) -> Any:
    lists = [unpacked(part.content) if part.kind == BYTES else np.array([part.value], np.uint64) for part in parts]
    return np.concatenate([each.astype(np.int64) for each in lists]) if lists else np.empty(0, np.int64)


def _single(parts: list[Field]) -> Any:
    content = b"".join(part.content for part in parts)
    if len(content) % 4 or any(part.kind == VARINT for part in parts):
        raise ReleaseRejected("the graph's bytes end within a number")
    return np.frombuffer(content, "<f4").astype(np.float32)


def _words(parts: list[Field]) -> Any:
    return [part.content for part in parts]


_READ = {2: _single, 3: _whole, 4: _words, 7: _single, 8: _whole, 9: _words}
