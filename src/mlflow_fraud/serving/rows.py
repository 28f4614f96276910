"""The rows of a batch as they were sent: a JSON array is cut up before any of them is read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from mlflow_fraud.serving.problems import Problem

ROWS = 1_000
"""So many transactions one request may hold."""

BATCH_BYTES = 2 * 1024 * 1024
"""So large it may be."""

_NO_ARRAY = "expected a JSON array of transactions, in UTF-8; nothing of it was taken"
_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)


def rows_of(body: bytes) -> Iterator[bytes]:
    """Yield each element of a JSON array, as its own bytes; what they are is not looked at.

    Raises `Problem` where the body is no array of at most `ROWS` and at least one: an iteration that ends has seen all.

    >>> list(rows_of(b' [{"amt": 1.50}, 7 ] '))
    [b'{"amt": 1.50}', b'7']
    """
    try:
        text = body.decode()
        at = _past(text, "[", _behind_space(text, 0))
        if text[at : at + 1] == "]":
            raise Problem(422, f"expected 1 to {ROWS:,} transactions, found none")
        for number in range(ROWS + 1):
            if number == ROWS:
                raise Problem(413, f"expected at most {ROWS:,} transactions, found more; nothing of it was taken")
            _, end = _DECODER.raw_decode(text, at)
            yield text[at:end].encode()
            at = _behind_space(text, end)
            if text[at : at + 1] == "]":
                break
            at = _past(text, ",", at)
        if _behind_space(text, at + 1) != len(text):
            raise ValueError("something follows the array")
    except (ValueError, RecursionError):
        raise Problem(422, _NO_ARRAY) from None


def _behind_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _past(text: str, mark: str, at: int) -> int:
    if text[at : at + 1] != mark:
        raise ValueError(f"no {mark}")
    return _behind_space(text, at + 1)
