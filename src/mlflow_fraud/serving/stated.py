"""What OpenAPI says of a request's values: times and texts as they are taken, and an example that works."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from mlflow_fraud.core.contract.bounds import Range, narrowed
from mlflow_fraud.core.contract.column import TIMES, Column
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.contract.moments import MICROSECONDS, micros
from mlflow_fraud.core.contract.time_format import MONTHS, SHORT, WEEKDAYS, TimeFormat
from mlflow_fraud.serving.correction_schema import TIME as OBSERVED
from mlflow_fraud.serving.correction_schema import TRANSACTION
from mlflow_fraud.serving.label_schema import MOST, in_json
from mlflow_fraud.serving.schema import NOT_ASKED, forms_of

USUAL = datetime(2020, 1, 31, 13, 45, 59)  # noqa: DTZ001 the data's own time
"""The time of an example's payment, where contract and clock allow it."""

BORN = datetime(1985, 7, 14)  # noqa: DTZ001
LATER = timedelta(days=30)
"""After its payment an example's label arrives."""

_TEXT = r"^[^\x00-\x1f\x7f\s]([^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*[^\x00-\x1f\x7f\s])?$"
"""No control character, and no space at an end: it would be left out."""

_PARTS: Mapping[str, tuple[str, str]] = {
    "month": ("0[1-9]|1[0-2]", "0?[1-9]|1[0-2]"),
    "day": ("0[1-9]|[12][0-9]|3[01]", "0?[1-9]|[12][0-9]|3[01]"),
    "hour": ("[01][0-9]|2[0-3]", "[01]?[0-9]|2[0-3]"),
    "hour_of_half": ("0[1-9]|1[0-2]", "0?[1-9]|1[0-2]"),
    "minute": ("[0-5][0-9]", "[0-5]?[0-9]"),
    "second": ("[0-5][0-9]", "[0-5]?[0-9]"),
}
"""What a part of a time may be, with both its digits and where one will do."""

_PART = re.compile(rf"\(\?P<(year|{'|'.join(_PARTS)})>([^()]*)\)")
_LETTER = re.compile(r"%(?:\.?[0-9]*f|[-:]?.)")


class Last(NamedTuple):
    """Up to when a payment's time and a label's arrival are taken now; None where there is no such moment."""

    payment: datetime | None
    label: datetime | None

    def of(self, column: Column) -> datetime | None:
        """Return the one of a column."""
        return {"event_time": self.payment, "label_time": self.label}.get(column.role)


def transaction_stated(contract: Contract, shape: dict[str, Any], last: Last) -> dict[str, Any]:
    """Return the content of a request for one score: what it holds, and an example."""
    columns = [column for column in contract.arriving if column.role not in NOT_ASKED]
    return {"schema": _stated(columns, contract, shape, last), "example": example(columns, contract, last)}


def batch_stated(content: Mapping[str, Any], most: int) -> dict[str, Any]:
    """Return the content of a request for several scores, made of that for one."""
    rows = {"type": "array", "minItems": 1, "maxItems": most, "items": content["schema"]}
    return {"schema": rows, "example": [content["example"]]}


def label_stated(contract: Contract, shape: dict[str, Any], last: Last) -> dict[str, Any]:
    """Return the content of a request with one label or many: the example is of the payment of the other examples."""
    columns = in_json(contract)
    one = _stated(columns, contract, shape, last)
    many = {"type": "array", "minItems": 1, "maxItems": MOST, "items": one}
    return {"schema": {"oneOf": [one, many]}, "example": example(columns, contract, last)}


def correction_stated(
    contract: Contract, shape: dict[str, Any], payment: Mapping[str, Any], last: Last
) -> dict[str, Any]:
    """Return the content of a correction, made of that for one score: in its example that payment is reversed."""
    by_role = {column.role: column for column in contract.arriving}
    names = {"id": by_role["event_id"], OBSERVED: by_role["event_time"]}
    columns = [column.model_copy(update={"source": name}) for name, column in names.items()]
    last = Last(last.label, last.label)  # it is told later than its payment, as a label is
    schema = _stated(columns, contract, shape, last)
    whole = {**schema["properties"], TRANSACTION: {"anyOf": [payment["schema"], {"type": "null"}]}}
    return {
        "schema": {**schema, "properties": whole},
        "example": {**example(columns, contract, last), TRANSACTION: None},
    }


def example(columns: Sequence[Column], contract: Contract, last: Last) -> dict[str, Any]:
    """Return values within all bounds, as a client sends them."""
    return {column.source: _value(column, contract, last) for column in columns}


def _stated(columns: Sequence[Column], contract: Contract, shape: dict[str, Any], last: Last) -> dict[str, Any]:
    told = {column.source: _told(column, contract, last) for column in columns}
    properties = {name: _with(value, told.get(name, {})) for name, value in shape["properties"].items()}
    return {**shape, "properties": properties}


def _with(value: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """Return a value's schema with more told of it, beside null where it may be missing."""
    if "anyOf" not in value:
        return {**value, **told}
    return {**value, "anyOf": [each if each.get("type") == "null" else {**each, **told} for each in value["anyOf"]]}


def _told(column: Column, contract: Contract, last: Last) -> dict[str, Any]:
    between = narrowed(column, decimals=contract.currency_decimals)
    if column.type in TIMES:
        between = Range(between.least, min(filter(None, (between.greatest, last.of(column)))))
        if column.unit:
            return {"minimum": _count(between.least, column), "maximum": _count(between.greatest, column)}
        return {"pattern": pattern_of(forms_of(column), between)}
    return {"pattern": _TEXT} if column.type == "text" and not column.values else {}


def pattern_of(forms: Sequence[TimeFormat], between: Range) -> str:
    """Return the pattern of a time that is written in one of these forms, of the years between two moments.

    >>> from mlflow_fraud.core.contract.time_format import time_format
    >>> pattern_of([time_format("%d.%m.%Y")], Range(datetime(2015, 1, 1), datetime(2020, 6, 1)))
    '^(?:(?:0?[1-9]|[12][0-9]|3[01])\\\\.(?:0?[1-9]|1[0-2])\\\\.(?:20(?:1[5-9]|20)))$'
    """
    years = _whole_numbers(str(between.least.year), str(between.greatest.year))

    def exact(part: re.Match[str]) -> str:
        name, written = part.groups()
        if name == "year":
            return f"(?:{years})"
        return f"(?:{_PARTS[name][written == '[0-9]{1,2}']})"

    patterns = [_PART.sub(exact, form.pattern[1:-1]) for form in forms]
    return f"^(?:{'|'.join(re.sub(r'[(][?]P<[a-z_]+>', '(?:', each) for each in patterns)})$"


def _whole_numbers(low: str, high: str) -> str:
    """Return the pattern of the numbers from one to another of as many digits.

    >>> _whole_numbers("1987", "2035")
    '(?:19(?:8[7-9]|9[0-9])|20(?:[0-2][0-9]|3[0-5]))'
    """
    if low == high:
        return low
    if len(low) == 1:
        return f"[{low}-{high}]"
    first, last, rest = int(low[0]), int(high[0]), len(low) - 1
    if first == last:
        return low[0] + _whole_numbers(low[1:], high[1:])
    parts = []
    if int(low[1:]):
        parts.append(low[0] + _whole_numbers(low[1:], "9" * rest))
        first += 1
    tail = high[0] + _whole_numbers("0" * rest, high[1:]) if high[1:] != "9" * rest else ""
    last -= bool(tail)
    if first <= last:
        parts.append((f"[{first}-{last}]" if first < last else str(first)) + "[0-9]" * rest)
    return f"(?:{'|'.join([*parts, *([tail] if tail else [])])})"


def _count(moment: datetime, column: Column) -> float:
    """Return a moment as a number of the column's units, on the clock of UTC."""
    return (micros(moment) - micros(column.start)) / MICROSECONDS[column.unit]


def _value(column: Column, contract: Contract, last: Last) -> Any:
    low, high = narrowed(column, decimals=contract.currency_decimals)
    if column.values:
        return int(column.values[0]) if column.type == "integer" else column.values[0]
    if column.type == "text":
        return f"{column.name.replace('_', '-')}-1"
    if column.type not in TIMES:
        usual = 12 if column.role == "amount" else 1
        return min(max(float(usual) if column.type == "decimal" else usual, low), high)
    then = {"birth_date": BORN, "label_time": USUAL + LATER}.get(column.role, USUAL)
    moment = max(min(filter(None, (then, high, last.of(column)))), low)
    return _count(moment, column) if column.unit else written(moment, column.format)


def written(moment: datetime, form: str) -> str:
    """Return a moment in a contract's letters; where they have an offset, it is taken for one of UTC.

    >>> written(datetime(2020, 1, 31, 13, 5), "%d %b %Y, %I:%M %p %z"), written(datetime(2020, 1, 31), "%a %D %T%.3f")
    ('31 Jan 2020, 01:05 PM +00:00', 'Fri 01/31/20 00:00:00.000')
    """
    month, day = MONTHS[moment.month - 1], WEEKDAYS[moment.weekday()]
    said = {
        "%Y": f"{moment.year:04}",
        "%y": f"{moment.year % 100:02}",
        "%m": f"{moment.month:02}",
        "%b": month[:3],
        "%B": month,
        "%d": f"{moment.day:02}",
        "%a": day[:3],
        "%A": day,
        "%H": f"{moment.hour:02}",
        "%I": f"{(moment.hour - 1) % 12 + 1:02}",
        "%p": "PM" if moment.hour >= 12 else "AM",
        "%M": f"{moment.minute:02}",
        "%S": f"{moment.second:02}",
        "%f": "0",
        "%.f": "",
        "%z": "+00:00",
        "%%": "%",
        **{f"%{point}{digits}f": f"{point}{'0' * digits}" for point in ("", ".") for digits in (3, 6, 9)},
    }

    def letter(found: re.Match[str]) -> str:
        short = SHORT.get(found[0])
        return written(moment, short) if short else said[found[0]]

    return _LETTER.sub(letter, form)
