"""Whole mature days of the record become pinned batches, and what became known of pinned rows a file of corrections."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl

from mlflow_fraud.adapters import dvc_repo
from mlflow_fraud.adapters.forgotten_list import forgotten_in
from mlflow_fraud.adapters.prediction_log.collectable import payments_of, seen
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.snapshot import snapshot
from mlflow_fraud.adapters.raw_batches import batches_in
from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.core.contract.collect import Span, mature_until, spans_due
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.contract.forgotten import without
from mlflow_fraud.core.errors import FraudError, NoRecord
from mlflow_fraud.core.labels import LABEL_TIME
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.collection.aside import Aside, keep_aside
from mlflow_fraud.operations.collection.changes import collect_changes
from mlflow_fraud.operations.collection.door import Door, Refused, let_in
from mlflow_fraud.operations.collection.leftovers import clear_refused, remove_leftovers
from mlflow_fraud.operations.record.now import now_in
from mlflow_fraud.operations.record.opened import opened
from mlflow_fraud.operations.record.silence import Heard, heard_until
from mlflow_fraud.paths import forgotten_list, raw_folder
from mlflow_fraud.settings import Dataset, contract_of, load_params
from mlflow_fraud.stages.pinned import pinned_batches
from mlflow_fraud.stages.run import say

HOW_IT_SPEAKS = (
    "Where it is the feed, they come once it is back; where there truly was nothing to tell, tell of any payment what "
    "it was (`mlflow-fraud labels add`), for any label ends the silence"
)


class Collected(NamedTuple):
    """What a collection brought: the batches and corrections that are pinned now, and what is kept aside of both."""

    pinned: tuple[Path, ...] = ()
    corrections: tuple[Path, ...] = ()
    refused: tuple[Refused, ...] = ()
    aside: tuple[Aside, ...] = ()
    waits: str = ""
    """Why days are not collected although they are old enough; empty where none waits."""

    @property
    def brought(self) -> tuple[Path, ...]:
        """Everything that is new."""
        return (*self.pinned, *self.corrections)


def collect(as_of: datetime | None = None) -> Collected:
    """Collect what the record has for the active data set, as of now or of another moment; the same again adds nothing.

    A batch that is not let in is kept aside with its report and stops nothing else. Where there is no record, nothing
    is collected and a line says so. Raises `RecordUnavailable` where there is one that cannot be read.
    """
    params, environment = load_params(), load_environment()
    dataset, contract = params.active, contract_of(params.active)
    if contract.event_id:
        say(f"nothing is collected: files of {contract.name} have no id by which the record could tell what is pinned")
        return Collected()
    try:
        with opened() as log:
            remove_leftovers(params.dataset)
            now = now_in(log, contract, as_of)
            if now is None:
                clear_refused(params.dataset)
                say(f"nothing is collected: {log} has no payment of {contract.name}")
                return Collected()
            door = Door(params.dataset, contract, environment.key, _pinned(params.dataset, contract))
            with log.reading() as connection:
                heard = heard_until(connection, contract, dataset, now)
            pinned, refused = _collect_days(log, door, dataset, now, heard)
            changes = collect_changes(log, door, now)
            keep_aside(changes.aside, params.dataset)
            clear_refused(params.dataset, still=[each.name for each in refused])
    except NoRecord as error:
        say(f"nothing is collected: {error}")
        return Collected()
    found = Collected(tuple(pinned), changes.pinned, tuple(refused), changes.aside, heard.sentence)
    _share(found)
    return found


def _pinned(dataset: str, contract: Contract) -> pl.DataFrame | None:
    folder = raw_folder(dataset)
    files = pinned_batches(folder) if folder.is_dir() and batches_in(folder) else []
    return read_batches(files, contract, key=load_environment().key) if files else None


def _collect_days(
    log: PredictionLog, door: Door, dataset: Dataset, now: datetime, heard: Heard
) -> tuple[list[Path], list[Refused]]:
    """Let in each span that is due, oldest first; return what is pinned, and what is not let in."""
    pinned: list[Path] = []
    refused: list[Refused] = []
    until = mature_until(heard.until, dataset.split.horizon)
    due = _due(log, door, dataset, now, until)
    for span, rows in due:
        outcome = let_in(rows, span, door)
        if isinstance(outcome, Refused):
            refused.append(outcome)
        else:
            pinned.append(outcome)
    if not due:
        say(f"no new batch: all that was mature on {until} and is due is pinned")
    if heard.silence:
        say(f"warning: {heard.sentence}; days from {until} on wait. {HOW_IT_SPEAKS}")
    elif pinned and not heard.known and not dataset.selective:
        say("too few labels came yet to tell a silent feed from a good time: what has no label is taken for genuine")
    if pinned and door.contract.column(LABEL_TIME) is None:
        say(
            f"warning: the contract {door.contract.name} has no column with the role label_time, so no batch says when "
            "each label arrived; labels count as known `label_delay_days` after their payment"
        )
    return pinned, refused


def _due(
    log: PredictionLog, door: Door, dataset: Dataset, now: datetime, until: date
) -> list[tuple[Span, pl.DataFrame]]:
    """Return the spans that are over before `until`, with the rows that a service saw and that are not pinned."""
    contract = door.contract
    known = set() if door.history is None else set(door.history["event_id"])
    forgotten = forgotten_in(forgotten_list(contract.name))
    ids: dict[date, list[object]] = defaultdict(list)
    due = []
    with snapshot(log.engine) as connection:
        for event_id, day in seen(connection, contract, until):
            if event_id not in known:
                ids[day].append(event_id)
        for span in spans_due(ids, contract.collect.days, until):
            days = {day: theirs for day, theirs in ids.items() if span.first <= day < span.until}
            rows = payments_of(connection, contract, days, [each for theirs in days.values() for each in theirs], now)
            rows = without(rows, forgotten)
            if not rows.is_empty():
                due.append((span, _settled(rows, dataset)))
    return due


def _settled(rows: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """Return the rows with their labels as a batch has them.

    With complete labels silence is a verdict of genuine that arrives after the horizon, so the batch tells until when
    it was waited for. Where labels are selective silence says nothing.
    """
    if dataset.selective:
        return rows
    silence = pl.when(pl.col("label").is_null()).then(pl.col("event_time") + dataset.split.horizon)
    return rows.with_columns(pl.col("label").fill_null(0), pl.coalesce(silence, LABEL_TIME).alias(LABEL_TIME))


def _share(found: Collected) -> None:
    """Push what is pinned where a remote is set; where that fails the batch is pinned all the same."""
    if not found.brought or not dvc_repo.has_remote():
        return
    try:
        dvc_repo.push(say, [file.with_name(f"{file.name}.dvc") for file in found.brought])
    except FraudError as error:
        say(f"warning: pinned and not pushed: {error}; `dvc push` pushes it")
