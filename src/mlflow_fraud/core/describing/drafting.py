"""A first contract from a sample: types and ranges as found, roles as guessed, for a person to look over."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from mlflow_fraud.core.column import AT_MOST_ONE, EXACTLY_ONE, TIMES
from mlflow_fraud.core.contract import Csv
from mlflow_fraud.core.describing.guess import LATITUDE, LONGITUDE, PAYEE, format_of, role_of, type_of

NEEDED = (*EXACTLY_ONE, "entity")

_RANGES = {"label": (0, 1), "latitude": (-90, 90), "longitude": (-180, 180)}
_TOLD = frozenset({"event_time", "label_time", "amount", "numeric", "categorical"})
"""Roles of which a draft says what the sample has; the others' values may point at a person."""
_NO_TEXT = frozenset("y n yes no on off true false null".split())
"""Words that YAML takes for something else."""


class Guess(NamedTuple):
    """A column as the contract would have it, and what the sample shows of it."""

    source: str
    spec: Mapping[str, str]
    seen: str = ""


def draft(sample: pl.DataFrame, name: str, form: Csv = Csv()) -> str:  # noqa: B008 it is frozen
    """Return a contract in YAML for rows like `sample`, whose columns are text, and files that are written like it.

    Each role is a guess from name and content, and says so; a role that is needed and was not found is named on top.
    """
    columns = [_in_points(sample[column], form) for column in sample.columns]
    guesses = _settled([Guess(values.name, _guess(values), _seen(values)) for values in columns])
    missing = [role for role in NEEDED if role not in {guess.spec["role"] for guess in guesses}]
    said = {key: _quoted(value) for key, value in form.model_dump(exclude_defaults=True).items()}
    lines = [
        f"# Drafted from {len(sample):,} rows. Every role below is a guess: look each over, then delete this line.",
        *(f"# TO DO: no column seems to be the {role}; give one of them `role: {role}`." for role in missing),
        f"name: {name}",
        *([f"csv: {{{', '.join(f'{key}: {value}' for key, value in said.items())}}}"] if said else []),
        "",
        "columns:",
        *map(_line, guesses),
    ]
    return "\n".join(lines) + "\n"


def _in_points(values: pl.Series, form: Csv) -> pl.Series:
    """Return the values with a point for the decimal mark."""
    if form.decimal == ".":
        return values
    return values.str.replace(r"^(\s*-?\d+),(\d+\s*)$", "${1}.${2}")


def _line(guess: Guess) -> str:
    spec = ", ".join(f"{key}: {_quoted(value)}" for key, value in guess.spec.items())
    seen = f"   # {guess.seen} in the sample" if guess.seen and guess.spec["role"] in _TOLD else ""
    return f"  {_quoted(guess.source, reserved=_NO_TEXT)}: {{{spec}}}{seen}"


def _guess(values: pl.Series) -> dict[str, str]:
    there = _there(values)
    kind = type_of(there)
    spec = {"type": kind, **format_of(there, kind)}
    gaps = {"nullable": "true"} if len(there) < len(values) else {}
    return {"role": role_of(values.name, kind, there), **spec, **gaps}


def _there(values: pl.Series) -> pl.Series:
    text = values.str.strip_chars()
    return text.filter((text != "").fill_null(value=False))


def _seen(values: pl.Series) -> str:
    """Return the range of numbers and times, and how many different texts there are."""
    there = _there(values)
    kind = type_of(there)
    if kind == "text":
        return f"{there.n_unique()} different texts"
    if kind in TIMES:
        moments = there.str.to_datetime(format_of(there, kind)["format"], time_unit="us")
        return f"{str(moments.min())[:10]} to {str(moments.max())[:10]}"
    numbers = there.cast(pl.Float64).to_numpy()
    return f"{numbers.min():.12g} to {numbers.max():.12g}"


def _settled(guesses: list[Guess]) -> list[Guess]:
    """Return the guesses with what their roles need, and no role twice that may be there once."""
    taken: set[str] = set()
    places = {name for guess in guesses if guess.spec["role"] == "location" and (name := _place(guess.source))}
    settled = []
    for source, spec, seen in guesses:
        role = spec["role"]
        if role in (*EXACTLY_ONE, *AT_MOST_ONE) and role in taken:
            role = "unused"
        taken.add(role)
        needs: dict[str, str] = {}
        if role == "entity":
            needs = {"entity": "merchant" if PAYEE.search(source) else "card"}
            role = role if needs["entity"] not in taken else "unused"
            taken.add(needs["entity"])
        if role == "location":
            axis = "latitude" if LATITUDE.match(source) else "longitude"
            needs = {"place": _place(source) or ("home" if places else "place"), "axis": axis}
        bounds = _bounds(needs.get("axis", role), seen)
        settled.append(Guess(source, {**spec, "role": role, **(needs if role != "unused" else {}), **bounds}, seen))
    return settled


def _bounds(of: str, seen: str) -> dict[str, str]:
    """Return the bounds that every column of a role has; an amount that is never negative stays so."""
    if of == "amount" and not seen.startswith("-"):
        return {"minimum": "0"}
    return dict(zip(("minimum", "maximum"), map(str, _RANGES[of]), strict=True)) if of in _RANGES else {}


def _place(source: str) -> str:
    match = LATITUDE.match(source) or LONGITUDE.match(source)
    return match[1].lower() if match else ""


def _quoted(text: str, reserved: frozenset[str] = frozenset()) -> str:
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*|-?\d+", text) and text.lower() not in reserved:
        return text
    return json.dumps(text, ensure_ascii=False)
