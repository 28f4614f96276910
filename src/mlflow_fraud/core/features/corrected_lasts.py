"""The last transactions of the batch engine, where payments are corrected."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

import polars as pl

from mlflow_fraud.core.features.corrected import UNTIL
from mlflow_fraud.core.features.definitions import Entities, Last
from mlflow_fraud.core.features.facts import AT, SEEN, WHO
from mlflow_fraud.core.features.past_expressions import since, taken
from mlflow_fraud.core.features.schema import FeatureSchema

_ROW, _BACK, _PLACE = "row that looks back", "how far back", "place of what it finds"


class _Slot(NamedTuple):
    """A payment's place among an entity's: its row, where it was the entity's as it came, and what it ever was.

    Each version is seen from after an instant on, until another, and lies in a place of the table of all. One that was
    never corrected has none: it lies in its row.
    """

    at: datetime
    row: int | None
    versions: Sequence[tuple[datetime, datetime | None, int]]

    def seen_at(self, at: datetime) -> int | None:
        """Return the place of the version that is seen; None where there is none."""
        if not self.versions:
            return self.row
        seen = (place for seen, until, place in self.versions if seen < at and (until is None or at <= until))
        return next(seen, None)


def with_corrected_lasts(
    rows: pl.DataFrame, versions: pl.DataFrame, lasts: Sequence[Last], schema: FeatureSchema
) -> pl.DataFrame:
    """Return the rows, which have the last ones as they came, with what corrections change in them.

    For each corrected payment those rows are looked at one by one that come so soon after it that it was among the
    last ones that they look back on.
    """
    for by in dict.fromkeys(last.by for last in lasts):
        ours = [last for last in lasts if last.by == by]
        form = {_ROW: pl.UInt32, _BACK: pl.Int64, _PLACE: pl.UInt32}
        backs = max(last.back for last in ours)
        changed = pl.DataFrame(list(_changed(rows, versions, by, backs)), form, orient="row")
        for last in ours:
            change = changed.filter(pl.col(_BACK) == last.back)
            columns = ["event_time"] if last.take == "seconds" else ["event_time", last.take]
            sources = pl.concat([rows.select(columns), versions.select(columns)])
            before = sources.select(taken(last, schema)).to_series().gather(change[_PLACE])
            if last.take == "seconds":
                times = pl.DataFrame({"event_time": rows["event_time"].gather(change[_ROW]), "before": before})
                before = times.select(since(pl.col("before"))).to_series()
            rows = rows.with_columns(rows[last.name].clone().scatter(change[_ROW], before))
    return rows


def _changed(
    rows: pl.DataFrame, versions: pl.DataFrame, by: Entities, back: int
) -> Iterator[tuple[int, int, int | None]]:
    """Yield row, how far back, and the place of what it sees there, for every row that a correction may concern."""
    for slots in _slots(rows, versions, by):
        times = [slot.at for slot in slots]
        for number in sorted(_concerned(slots, times, back)):
            row, at = slots[number].row, times[number]
            if row is None:
                continue
            earlier = (slots[place].seen_at(at) for place in range(bisect_left(times, at) - 1, -1, -1))
            seen = (place for place in earlier if place is not None)
            for step in range(1, back + 1):
                yield row, step, next(seen, None)


def _concerned(slots: Sequence[_Slot], times: Sequence[datetime], back: int) -> set[int]:
    """Return which come after a corrected one, with fewer than `back` between them that surely are there."""
    concerned: set[int] = set()
    for number, slot in enumerate(slots):
        if slot.versions:
            end, between = number + 1, 0
            while end < len(slots) and between < back:
                between += not slots[end].versions
                end += 1
            concerned.update(range(bisect_right(times, slot.at), bisect_right(times, times[end - 1])))
    return concerned


def _slots(rows: pl.DataFrame, versions: pl.DataFrame, by: Entities) -> Iterator[list[_Slot]]:
    """Yield, for each entity that had a corrected payment, the places of all payments that ever were its own."""
    who = versions.select(by).unique().with_row_index(WHO)
    known = versions.with_row_index(_PLACE, offset=len(rows)).join(who, on=by, nulls_equal=True)
    known = known.select(WHO, AT, "event_id", SEEN, UNTIL, _PLACE)
    ever: dict[tuple[int, object], list[tuple[datetime, datetime | None, int]]] = {}
    for number, _, event_id, *version in known.iter_rows():
        ever.setdefault((number, event_id), []).append((version[0], version[1], version[2]))
    came = rows.select(*by, pl.col("event_time").alias(AT), "event_id").with_row_index(_ROW)
    here = came.join(who, on=by, nulls_equal=True).select(WHO, AT, "event_id", _ROW)
    moved = known.join(here, on=[WHO, "event_id"], how="anti").unique([WHO, "event_id"])
    every = pl.concat([here, moved.select(WHO, AT, "event_id")], how="diagonal").sort(WHO, AT, "event_id")
    for number, group in groupby(every.iter_rows(), key=lambda slot: slot[0]):
        yield [_Slot(at, row, ever.get((number, event_id), ())) for _, at, event_id, row in group]
