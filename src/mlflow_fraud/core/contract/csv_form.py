"""How a CSV file is written, told from its bytes: separator, decimal mark, encoding."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Sequence
from typing import Literal

Encoding = Literal["utf-8", "latin-1", "cp1252", "utf-16"]

SEPARATORS = ",;\t|"
HEAD_LINES = 50
"""So many lines tell the separator."""

_BETWEEN = frozenset(range(0x80, 0xA0))
"""Letters and quotes in cp1252, in Latin-1 nothing that a text has."""
_NOT_IN_CP1252 = frozenset({0x81, 0x8D, 0x8F, 0x90, 0x9D})
_EXPONENT = r"([eE][+-]?\d+)?"
_WHOLE = re.compile(rf"[+-]?\d+{_EXPONENT}")
_POINT = re.compile(rf"[+-]?(\d+\.\d*|\.\d+){_EXPONENT}")
_COMMA = re.compile(rf"[+-]?\d*,(\d+){_EXPONENT}")


def guess_encoding(chunks: Iterable[bytes]) -> Encoding:
    """Return the encoding of a text that comes in pieces.

    >>> guess_encoding(["Zürich".encode("utf-8")]), guess_encoding(["Zürich".encode("latin-1")])
    ('utf-8', 'latin-1')
    >>> guess_encoding(["5 €".encode("cp1252")]), guess_encoding(["id,amount".encode("utf-16")])
    ('cp1252', 'utf-16')
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8, seen = True, set[int]()
    for number, chunk in enumerate(chunks):
        if number == 0 and (chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\x00" in chunk[:200]):
            return "utf-16"
        seen |= set(chunk) & _BETWEEN
        if is_utf8:
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                is_utf8 = False
    if is_utf8:
        return "utf-8"
    return "cp1252" if seen and not seen & _NOT_IN_CP1252 else "latin-1"


def guess_separator(lines: Sequence[str]) -> str:
    """Return what separates the columns of a file that begins with `lines`: what cuts them most, and all alike.

    >>> guess_separator(["id;amount", "1;12,50", "2;3,99"])
    ';'
    >>> guess_separator(["id", "1"])
    ','
    """
    return max(SEPARATORS, key=lambda separator: _columns(lines[:HEAD_LINES], separator))


def guess_decimal(columns: Iterable[Iterable[str]]) -> Literal[".", ","]:
    """Return the decimal mark of columns of text: a comma where one column has numbers with it and none a point.

    A comma before exactly three digits may as well stand between thousands, and tells nothing; before an exponent it
    does not.

    >>> guess_decimal([["a", "b"], ["12,50", "7"]]), guess_decimal([["1,500", "2,000"]]), guess_decimal([["4,125e-05"]])
    (',', '.', ',')
    """
    comma = False
    for column in columns:
        values = [value.strip() for value in column if value.strip()]
        if values and all(_WHOLE.fullmatch(v) or _POINT.fullmatch(v) for v in values) and any("." in v for v in values):
            return "."
        marks = [_COMMA.fullmatch(value) for value in values]
        if all(mark or _WHOLE.fullmatch(v) for mark, v in zip(marks, values, strict=True)):
            comma = comma or any(mark is not None and (len(mark[1]) != 3 or bool(mark[2])) for mark in marks)
    return "," if comma else "."


def _columns(lines: Sequence[str], separator: str) -> int:
    """Return how many columns the lines have, 1 where they do not agree."""
    counts = [len(row) for row in csv.reader(lines, delimiter=separator) if row]
    return counts[0] if counts and min(counts) == max(counts) else 1
