"""Who is forgotten: no name and no number, but what each is known by, and up to when rows of theirs are left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

import polars as pl

from mlflow_fraud.core.contract.pseudonym import is_pseudonym
from mlflow_fraud.core.errors import DataError


class Forgotten(NamedTuple):
    """One whose rows of before `until`, on the contract's own clock, are left out; a later row is somebody new's.

    `entity` is what it is one of, by the pipeline's name, and `mark` what it is known by.
    """

    entity: str
    mark: str
    until: datetime


def mark_of(value: object) -> str:
    """Return what a value is known by where it is forgotten: a pseudonym is its own mark, of others it is a hash.

    >>> mark_of("pn1-" + "0" * 64 + "-" + "0" * 8)[:8], mark_of(4111)[:8], mark_of(4111) == mark_of("4111")
    ('pn1-0000', '1f58dbec', True)
    """
    text = str(value)
    return text if is_pseudonym(text) else sha256(text.encode()).hexdigest()


def read_forgotten(text: str, *, where: str) -> tuple[Forgotten, ...]:
    """Return those whom a list names, a line each; raise `DataError` for a line that names none.

    >>> read_forgotten("card 45a6 2026-03-01T12:00:00\\n", where="list")
    (Forgotten(entity='card', mark='45a6', until=datetime.datetime(2026, 3, 1, 12, 0)),)
    """
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            entity, mark, until = line.rsplit(" ", 2)
            found.append(Forgotten(entity, mark, datetime.fromisoformat(until).replace(tzinfo=None)))
        except ValueError:
            raise DataError(
                f"{where}:{number}: expected an entity, what one of them is known by, and a time, as `mlflow-fraud "
                "record forget` writes them; `git checkout` brings back what was committed"
            ) from None
    return tuple(found)


def written(forgotten: Iterable[Forgotten]) -> str:
    """Return the list as a text, sorted: two lists with the same people are the same bytes."""
    lines = sorted(f"{each.entity} {each.mark} {each.until.isoformat(timespec='seconds')}" for each in forgotten)
    return "".join(f"{line}\n" for line in lines)


def with_one_more(forgotten: Iterable[Forgotten], one: Forgotten) -> tuple[Forgotten, ...]:
    """Return the list with one in it, up to the later time where it was there."""
    known = latest([*forgotten, one])
    return tuple(Forgotten(*who, until) for who, until in known.items())


def latest(forgotten: Iterable[Forgotten]) -> Mapping[tuple[str, str], datetime]:
    """Return up to when rows of each are left out, by entity and mark."""
    known: dict[tuple[str, str], datetime] = {}
    for entity, mark, until in forgotten:
        known[entity, mark] = max(until, known.get((entity, mark), until))
    return known


def without(rows: pl.DataFrame, forgotten: Iterable[Forgotten]) -> pl.DataFrame:
    """Return the rows that are of nobody who is forgotten; each different value is looked at once."""
    known = latest(forgotten)
    for entity in {entity for entity, _ in known} & set(rows.columns):
        values = rows[entity].unique().drop_nulls()
        until = [known.get((entity, mark_of(value))) for value in values]
        theirs = pl.DataFrame({entity: values, "until": pl.Series(until, dtype=pl.Datetime("us"))}).drop_nulls()
        if not theirs.is_empty():
            ends = pl.col(entity).replace_strict(
                theirs[entity], theirs["until"], default=None, return_dtype=pl.Datetime("us")
            )
            rows = rows.filter(ends.is_null() | (pl.col("event_time") >= ends))
    return rows
