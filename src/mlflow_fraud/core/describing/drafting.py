"""A first contract from a sample: types and ranges as found, roles as guessed, for a person to look over."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable

import polars as pl

from mlflow_fraud.core.contract.contract import Csv
from mlflow_fraud.core.describing import choosing
from mlflow_fraud.core.describing.lines import Line, lines_of
from mlflow_fraud.core.describing.looks import look_at
from mlflow_fraud.core.describing.moment import event_time
from mlflow_fraud.core.describing.remarks import (
    CURRENCY_DECIMALS,
    MOST_DECIMALS,
    ROW_NUMBER,
    ToDo,
    decimals_of,
    remarks,
    to_dos,
)

WIDTH = 118
_TOLD = frozenset({"event_time", "label_time", "amount", "numeric", "categorical"})
"""Roles of which a draft says what the sample has; the others' values may point at a person."""
_NO_TEXT = frozenset("y n yes no on off true false null".split())
"""Words that YAML takes for something else."""


def draft(sample: pl.DataFrame, name: str, form: Csv = Csv(), rows: int = 0) -> str:  # noqa: B008 it is frozen
    """Return a contract in YAML for rows like `sample`, whose columns are text, and files that are written like it.

    `rows` is how many there are in all. Each role is a guess from name and content, and says so. What only a person can
    decide stands on top, each with the line that is proposed; that line is in the contract already, where it can be.
    """
    looks = [look_at(_in_points(sample[column], form)) for column in sample.columns]
    choices = {
        "event_time": event_time(looks),
        "event_id": choosing.event_id(looks),
        "amount": choosing.amount(looks),
        "label": choosing.label(looks),
        "label_time": choosing.label_time(looks),
    }
    lines = lines_of(looks, choices)
    of = f" of {rows:,}" if rows > len(sample) else ""
    drafted = (
        f"Drafted from {len(sample):,}{of} rows. Every role below is a guess: look each over, then delete this line."
    )
    said = {key: _quoted(value) for key, value in form.model_dump(exclude_defaults=True).items()}
    decimals = decimals_of(looks, choices["amount"])
    written = [
        *_commented([drafted]),
        *(line for to_do in to_dos(looks, choices, lines) for line in _as_comment(to_do)),
        *_commented(remarks(looks, choices, lines)),
        f"name: {name}",
        *([f"event_id: {ROW_NUMBER}"] if choices["event_id"].source is None else []),
        *([f"currency_decimals: {decimals}"] if CURRENCY_DECIMALS < decimals <= MOST_DECIMALS else []),
        *([f"csv: {{{', '.join(f'{key}: {value}' for key, value in said.items())}}}"] if said else []),
        "",
        "columns:",
        *(f"  {_written(line)}{_seen(line)}" for line in lines),
    ]
    return "\n".join(written) + "\n"


def _in_points(values: pl.Series, form: Csv) -> pl.Series:
    """Return the values with a point for the decimal mark."""
    if form.decimal == ".":
        return values
    return values.str.replace(r"^(\s*[+-]?\d*),(\d*([eE][+-]?\d+)?\s*)$", "${1}.${2}")


def _as_comment(to_do: ToDo) -> list[str]:
    if not to_do.proposed:
        return _commented([f"TO DO: {to_do.what}."])
    proposed = _written(to_do.proposed) if isinstance(to_do.proposed, Line) else to_do.proposed
    return [*_commented([f"TO DO: {to_do.what}:"]), f"#     {proposed}"]


def _commented(sentences: Iterable[str]) -> list[str]:
    wrapped = textwrap.TextWrapper(WIDTH, "# ", "#   ", break_long_words=False, break_on_hyphens=False)
    readable = ("".join(c if c.isprintable() else " " for c in sentence) for sentence in sentences)
    return [line for sentence in readable for line in wrapped.wrap(sentence)]


def _written(line: Line) -> str:
    spec = ", ".join(f"{key}: {_quoted(value)}" for key, value in line.spec.items())
    return f"{_quoted(line.source, reserved=_NO_TEXT)}: {{{spec}}}"


def _seen(line: Line) -> str:
    return f"   # {line.seen} in the sample" if line.seen and line.role in _TOLD else ""


def _quoted(text: str, reserved: frozenset[str] = frozenset()) -> str:
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*|-?\d+", text) and text.lower() not in reserved:
        return text
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in json.dumps(text, ensure_ascii=False))
