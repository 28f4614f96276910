"""What a column of text holds and what it may be for, guessed from its name and its values."""

from __future__ import annotations

import re

import polars as pl

FORMATS = (
    *("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M"),
    *("%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"),
    *("%Y-%m-%d %H:%M:%S%z", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%SZ"),
)
DAY_FORMATS = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y%m%d")
MOST_VALUES = 50
"""A text with more different values is no category."""

_LABEL = re.compile(r"fraud|label|target|class", re.IGNORECASE)
_LABEL_TIME = re.compile(r"label|fraud|charge_?back|report|arriv|known", re.IGNORECASE)
_AMOUNT = re.compile(r"am(oun)?t|price|value", re.IGNORECASE)
_ID = re.compile(r"(trans|tx|event|payment).*(id|num|ref)|^id$|uuid", re.IGNORECASE)
_PAYER = re.compile(r"card|cc_?num|customer|account|client|user", re.IGNORECASE)
PAYEE = re.compile(r"merchant|terminal|shop|store|device_?id", re.IGNORECASE)
LATITUDE = re.compile(r"^(.*?)_?lat(itude)?$", re.IGNORECASE)
LONGITUDE = re.compile(r"^(.*?)_?(long?|lng|longitude)$", re.IGNORECASE)
_BIRTH = re.compile(r"dob|birth", re.IGNORECASE)
_CLOCK = re.compile(r"unix|epoch", re.IGNORECASE)
_PERSONAL = re.compile(
    r"^(first|last)$|name|street|address|mail|phone|^city$|^zip|postal|^job$|gender|^sex$|ssn|iban", re.IGNORECASE
)


def type_of(there: pl.Series) -> str:
    """Return the type of the values that are there; whole numbers with leading zeros are texts."""
    if there.is_empty():
        return "text"
    if _all(there.str.contains(r"^-?(0|[1-9]\d{0,17})$")):
        return "integer"
    if _all(there.str.contains(r"^-?\d+\.\d+$|^-?(0|[1-9]\d*)$")):
        return "decimal"
    if any(_parses(there, format) for format in FORMATS):
        return "timestamp"
    return "date" if any(_parses(there, format) for format in DAY_FORMATS) else "text"


def format_of(there: pl.Series, kind: str) -> dict[str, str]:
    """Return the format of times or days, with a time zone where they have an offset; nothing for other types."""
    formats = {"timestamp": FORMATS, "date": DAY_FORMATS}.get(kind, ())
    found = next((format for format in formats if _parses(there, format)), None)
    if found is None:
        return {}
    return {"format": found, "timezone": "UTC"} if "%z" in found else {"format": found}


def _parses(there: pl.Series, format: str) -> bool:
    return there.str.to_datetime(format, strict=False, time_unit="us").null_count() == 0


def _all(holds: pl.Series) -> bool:
    return bool(holds.all())


def role_of(name: str, kind: str, there: pl.Series) -> str:
    """Return the role that a column's name and content suggest."""
    different = there.n_unique()
    if kind == "integer" and different <= 2 and set(there.unique()) <= {"0", "1"} and _LABEL.search(name):
        return "label"
    if kind == "timestamp":
        return "label_time" if _LABEL_TIME.search(name) else "event_time"
    if kind == "date":
        return "birth_date" if _BIRTH.search(name) else "unused"
    if _PERSONAL.search(name):
        return "personal"
    if _ID.search(name) and different == len(there) and kind in ("integer", "text"):
        return "event_id"
    if (_PAYER.search(name) or PAYEE.search(name)) and kind in ("integer", "text"):
        return "entity"
    if kind == "text":
        return "categorical" if different <= MOST_VALUES else "unused"
    if kind == "integer" and _CLOCK.search(name):
        return "clock"
    if _AMOUNT.search(name):
        return "amount"
    if kind == "decimal" and (LATITUDE.match(name) or LONGITUDE.match(name)):
        return "location"
    return "unused" if not name or different == len(there) else "numeric"
