"""A first contract from a sample: types as found, roles as guessed, for a person to look over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

FORMATS = (
    *("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M"),
    *("%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"),
)
DAY_FORMATS = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y%m%d")
MOST_VALUES = 50
"""A text with more different values is no category."""

NEEDED = ("event_id", "event_time", "amount", "label", "entity")

_LABEL = re.compile(r"fraud|label|target|class", re.IGNORECASE)
_AMOUNT = re.compile(r"am(oun)?t|price|value", re.IGNORECASE)
_ID = re.compile(r"(trans|tx|event|payment).*(id|num|ref)|^id$|uuid", re.IGNORECASE)
_PAYER = re.compile(r"card|cc_?num|customer|account|client|user", re.IGNORECASE)
_PAYEE = re.compile(r"merchant|terminal|shop|store|device_?id", re.IGNORECASE)
_LATITUDE = re.compile(r"^(.*?)_?lat(itude)?$", re.IGNORECASE)
_LONGITUDE = re.compile(r"^(.*?)_?(long?|lng|longitude)$", re.IGNORECASE)
_BIRTH = re.compile(r"dob|birth", re.IGNORECASE)
_CLOCK = re.compile(r"unix|epoch", re.IGNORECASE)
_PERSONAL = re.compile(
    r"^(first|last)$|name|street|address|mail|phone|^city$|^zip|postal|^job$|gender|^sex$|ssn|iban", re.IGNORECASE
)


class Guess(NamedTuple):
    """A column as the contract would have it."""

    source: str
    spec: Mapping[str, str]


def draft(sample: pl.DataFrame, name: str) -> str:
    """Return a contract in YAML for rows like `sample`, whose columns are text.

    Each role is a guess from name and content, and says so; a role that is needed and was not found is named on top.
    """
    guesses = _settled([Guess(column, _guess(sample[column])) for column in sample.columns])
    missing = [role for role in NEEDED if role not in {guess.spec["role"] for guess in guesses}]
    lines = [
        f"# Drafted from {len(sample):,} rows. Every role below is a guess: look each over, then delete this line.",
        *(f"# TO DO: no column seems to be the {role}; give one of them `role: {role}`." for role in missing),
        f"name: {name}",
        "",
        "columns:",
        *(f"  {_quoted(g.source)}: {{{', '.join(f'{k}: {_quoted(v)}' for k, v in g.spec.items())}}}" for g in guesses),
    ]
    return "\n".join(lines) + "\n"


def _guess(values: pl.Series) -> dict[str, str]:
    text = values.str.strip_chars()
    there = text.filter((text != "").fill_null(value=False))
    kind = _type(there)
    spec = {"type": kind, **_format(there, kind)}
    gaps = {"nullable": "true"} if len(there) < len(values) else {}
    return {"role": _role(values.name, kind, there), **spec, **gaps}


def _type(there: pl.Series) -> str:
    if there.is_empty():
        return "text"
    if _all(there.str.contains(r"^-?(0|[1-9]\d{0,17})$")):
        return "integer"
    if _all(there.str.contains(r"^-?\d+\.\d+$|^-?(0|[1-9]\d*)$")):
        return "decimal"
    if any(_parses(there, format) for format in FORMATS):
        return "timestamp"
    return "date" if any(_parses(there, format) for format in DAY_FORMATS) else "text"


def _format(there: pl.Series, kind: str) -> dict[str, str]:
    formats = {"timestamp": FORMATS, "date": DAY_FORMATS}.get(kind, ())
    return next(({"format": format} for format in formats if _parses(there, format)), {})


def _parses(there: pl.Series, format: str) -> bool:
    return there.str.to_datetime(format, strict=False, time_unit="us").null_count() == 0


def _all(holds: pl.Series) -> bool:
    return bool(holds.all())


def _role(name: str, kind: str, there: pl.Series) -> str:
    """Return the role that a column's name and content suggest."""
    different = there.n_unique()
    if kind == "integer" and different <= 2 and set(there.unique()) <= {"0", "1"} and _LABEL.search(name):
        return "label"
    if kind == "timestamp":
        return "event_time"
    if kind == "date":
        return "birth_date" if _BIRTH.search(name) else "unused"
    if _PERSONAL.search(name):
        return "personal"
    if _ID.search(name) and different == len(there):
        return "event_id"
    if _PAYER.search(name) or _PAYEE.search(name):
        return "entity"
    if kind == "text":
        return "categorical" if different <= MOST_VALUES else "unused"
    if kind == "integer" and _CLOCK.search(name):
        return "clock"
    if _AMOUNT.search(name):
        return "amount"
    if kind == "decimal" and (_LATITUDE.match(name) or _LONGITUDE.match(name)):
        return "location"
    return "unused" if not name or different == len(there) else "numeric"


def _settled(guesses: list[Guess]) -> list[Guess]:
    """Return the guesses with what their roles need, and no role twice that may be there once."""
    taken: set[str] = set()
    places = {name for guess in guesses if guess.spec["role"] == "location" and (name := _place(guess.source))}
    settled = []
    for source, spec in guesses:
        role = spec["role"]
        if role in ("event_id", "event_time", "amount", "label", "birth_date", "clock") and role in taken:
            role = "unused"
        taken.add(role)
        needs: dict[str, str] = {}
        if role == "entity":
            needs = {"entity": "merchant" if _PAYEE.search(source) else "card"}
            role = role if needs["entity"] not in taken else "unused"
            taken.add(needs["entity"])
        if role == "location":
            axis = "latitude" if _LATITUDE.match(source) else "longitude"
            needs = {"place": _place(source) or ("home" if places else "place"), "axis": axis}
        settled.append(Guess(source, {**spec, "role": role, **(needs if role != "unused" else {})}))
    return settled


def _place(source: str) -> str:
    match = _LATITUDE.match(source) or _LONGITUDE.match(source)
    return match[1].lower() if match else ""


def _quoted(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text) else f'"{text}"'
