"""The settings of an operator of an ONNX graph, read from its bytes: numbers and words, and no graph of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from mlflow_fraud.adapters.model_formats.protobuf import BYTES, VARINT, Field, fields, text, unpacked
from mlflow_fraud.core.errors import ReleaseRejected

Settings = Mapping[str, Any]
"""By name: a list of whole numbers or of single-precision ones as an array, a list of words, or a list of one value."""


def settings_of(messages: Iterable[bytes]) -> Settings:
    """Return the settings; raise `ReleaseRejected` where one is said twice, or is no number, word or list of them."""
    found: dict[str, Any] = {}
    for message in messages:
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
