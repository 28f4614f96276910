"""What became known of rows that are pinned already: labels, corrected payments, and people who are forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import polars as pl

from mlflow_fraud.adapters.forgotten_list import forgotten_in
from mlflow_fraud.adapters.prediction_log.afterwards import times_of
from mlflow_fraud.adapters.prediction_log.collectable import newest_labels, newest_versions
from mlflow_fraud.adapters.prediction_log.forgetting import Known, tombstones
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.snapshot import snapshot
from mlflow_fraud.adapters.raw_corrections import read_corrections
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.contract.corrections import (
    ARRIVED,
    ERASED,
    REVERSED,
    STANDS,
    VALUE,
    WHAT,
    correctable,
    corrected,
    form_of,
    text_of,
)
from mlflow_fraud.core.contract.forgotten import Forgotten, mark_of, without
from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.operations.collection.aside import Aside, fit_for_pins, fit_for_the_gate
from mlflow_fraud.operations.collection.door import Door
from mlflow_fraud.operations.data.correct import pin_corrections
from mlflow_fraud.paths import corrections_folder, forgotten_list
from mlflow_fraud.stages.pinned import pinned_corrections
from mlflow_fraud.stages.run import say
from mlflow_fraud.wall import as_data_has_it

CALLED = "what the record says of pinned rows"
WAS = "was"


class Changes(NamedTuple):
    """Where new corrections are pinned, and which ones stand aside."""

    pinned: tuple[Path, ...] = ()
    aside: tuple[Aside, ...] = ()


def collect_changes(log: PredictionLog, door: Door, as_of: datetime) -> Changes:
    """Pin what the record knows otherwise than the pinned rows; one that may not come in stops no other one."""
    if door.history is None:
        return Changes()
    contract = door.contract
    rows = without(door.history, forgotten_in(forgotten_list(contract.name)))
    known = read_corrections(pinned_corrections(corrections_folder(door.dataset)), contract)
    with snapshot(log.engine) as connection:
        told = pl.concat([newest_labels(connection, contract, as_of), newest_versions(connection, contract, as_of)])
        laid = tombstones(connection)
    back = returned(told, rows, known, contract)
    now = corrected(rows, pl.concat([known, back]), contract)
    new = pl.concat([_erased(now, _gone(laid, contract), log, contract), back, otherwise(told, now, known, contract)])
    if new.is_empty():
        return Changes()
    say(f"{counted(len(new), 'correction')} of pinned rows came into the record")
    return _pinned(new, rows, known, door)


def _pinned(new: pl.DataFrame, rows: pl.DataFrame, known: pl.DataFrame, door: Door) -> Changes:
    good, aside = fit_for_pins(new, rows, known, door.contract)
    if good.is_empty():
        return Changes((), tuple(aside))
    try:
        file = pin_corrections(good, rows, known, door.contract, door.dataset, called=CALLED)
    except DataError:  # all of them together break a rule of the gate
        good, broken = fit_for_the_gate(good, rows, known, door.contract, door.dataset)
        aside += broken
        if good.is_empty():
            return Changes((), tuple(aside))
        file = pin_corrections(good, rows, known, door.contract, door.dataset, called=CALLED)
    return Changes((file,), tuple(aside))


def _gone(laid: Mapping[Known, datetime], contract: Contract) -> list[Forgotten]:
    """Return whom the record has forgotten, each up to when, on the contract's clock."""
    clock = contract.column("event_time")
    return [
        Forgotten(one.entity, one.mark, as_data_has_it(at, clock.timezone if clock else ""))
        for one, at in laid.items()
        if one.contract == contract.name
    ]


def returned(told: pl.DataFrame, rows: pl.DataFrame, known: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Return the corrections that bring back payments which pinned corrections reversed, and no erasure took away."""
    reversed_now = known.filter(pl.col(WHAT) == REVERSED).sort(ARRIVED).unique("event_id", keep="last")
    gone = reversed_now.filter(pl.col(VALUE).ne_missing(STANDS))
    erased = known.filter(pl.col(WHAT) == ERASED)
    back = told.filter((pl.col(WHAT) == REVERSED) & (pl.col(VALUE) == STANDS))
    for there in (rows, gone):
        back = back.join(there.select("event_id"), on="event_id", how="semi", maintain_order="left")
    return _later(back.join(erased, on="event_id", how="anti", maintain_order="left"), known, contract)


def otherwise(told: pl.DataFrame, rows: pl.DataFrame, known: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Return the corrections that say something else than the rows, as all pinned corrections have left these."""
    told = told.join(rows.select("event_id"), on="event_id", how="semi")
    parts = [told.filter(pl.col(WHAT) == REVERSED, pl.col(VALUE).is_null())]
    for name in correctable(contract):
        if name in rows.columns:
            was = rows.select("event_id", text_of(name).alias(WAS))
            mine = told.filter(pl.col(WHAT) == name).join(was, on="event_id", how="left")
            parts.append(mine.filter(pl.col(VALUE).ne_missing(pl.col(WAS))).drop(WAS))
    return _later(pl.concat(parts), known, contract)


def _later(told: pl.DataFrame, known: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Return what says something to what is pinned: an older one says nothing any more.

    One of the same moment was told later, so it arrives a microsecond later.
    """
    pinned = known.group_by("event_id", WHAT).agg(pl.col(ARRIVED).max().alias("newest"))
    both = told.join(pinned, on=["event_id", WHAT], how="left", maintain_order="left")
    later = pl.max_horizontal(ARRIVED, pl.col("newest") + timedelta(microseconds=1))
    both = both.filter(pl.col("newest").is_null() | (pl.col(ARRIVED) >= pl.col("newest")))
    return both.with_columns(later.alias(ARRIVED)).select(list(form_of(contract)))


def _erased(rows: pl.DataFrame, gone: list[Forgotten], log: PredictionLog, contract: Contract) -> pl.DataFrame:
    """Return the corrections that erase whom the record has forgotten; what it still holds is somebody new's."""
    form = form_of(contract)
    theirs = rows.join(without(rows, gone).select("event_id"), on="event_id", how="anti")
    there = times_of(log, contract, [str(each) for each in theirs["event_id"]])
    until = {(entity, mark): at for entity, mark, at in gone}
    lines = [
        (row["event_id"], ERASED, None, _of_row(row, until))
        for row in theirs.iter_rows(named=True)
        if str(row["event_id"]) not in there
    ]
    return pl.DataFrame(lines, form, orient="row")


def _of_row(row: dict[str, object], until: dict[tuple[str, str], datetime]) -> datetime:
    return max(at for (entity, mark), at in until.items() if mark_of(row.get(entity)) == mark)
