"""The door for what is collected: the gate of all batches, each day against history, and a place for what stays out."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import polars as pl

from mlflow_fraud.adapters import dvc_repo
from mlflow_fraud.adapters.files import replacing, write_text
from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.adapters.raw_written import write_raw
from mlflow_fraud.core.contract.collect import COLLECTED, Span
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.contract.pseudonym_key import PseudonymKey
from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.batch import TIME_ORDER
from mlflow_fraud.core.gate.day_by_day import report_of_days, shifted_days
from mlflow_fraud.core.gate.findings import Finding, Report
from mlflow_fraud.operations.as_of import require_past
from mlflow_fraud.operations.data.gating import look_at
from mlflow_fraud.operations.workplace import findable
from mlflow_fraud.paths import REFUSED, raw_folder
from mlflow_fraud.stages.run import say


class Refused(NamedTuple):
    """A batch that was not let in, where it is kept with its report, and the command that leaves its days out.

    `again` is whether it stood out already, with the same command.
    """

    name: str
    folder: Path
    sentence: str
    command: str
    again: bool = False


@dataclass
class Door:
    """What a collection goes by, with all rows that are pinned; each batch that is let in joins them."""

    dataset: str
    contract: Contract
    key: PseudonymKey | None
    history: pl.DataFrame | None


def let_in(rows: pl.DataFrame, span: Span, door: Door) -> Path | Refused:
    """Pin the rows of a span as a batch and return where it lies, or keep them aside and return why."""
    folder = raw_folder(door.dataset)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".incoming-") as scratch:
        name = _name_of(rows, folder)
        file = Path(scratch) / f"{name}.parquet"
        write_raw(file, rows, door.contract)
        report, out, table = _judged(file, rows, span, door, Path(scratch) / "incoming.parquet")
        for finding in report.warnings:
            say(f"warning: {finding.sentence}")
        if not report.passed or table is None:
            return _kept_aside(file, report, out, door)
        target = folder / file.name
        with replacing(target) as pending:
            shutil.copyfile(file, pending)
    dvc_repo.pin(target)
    door.history = table
    say(f"{target}: {counted(len(rows), 'row')} pinned")
    return target


def _judged(
    file: Path, rows: pl.DataFrame, span: Span, door: Door, table: Path
) -> tuple[Report, Span, pl.DataFrame | None]:
    """Return what is found, the days that are to be left out where it does not pass, and all rows with the new ones."""
    try:
        batch = read_batches([file], door.contract, key=door.key)
        _require_same(file, rows, batch)
        require_past(batch)
    except DataError as error:
        return _report_of(error, rows, door.contract), span, None
    if door.history is not None:
        shifted = shifted_days(batch, door.history, door.contract)
        if shifted:
            days = [day for each in shifted for day in each.days]
            return report_of_days(shifted, batch, door.contract), _from_to(min(days), max(days)), None
    both = batch if door.history is None else pl.concat([door.history, batch]).sort(TIME_ORDER)
    return look_at(both, door.contract, table), span, both


def _require_same(file: Path, rows: pl.DataFrame, batch: pl.DataFrame) -> None:
    """Raise `DataError` where the file says other rows than the record; the contract's form cannot tell them then."""
    names = [name for name in batch.columns if name in rows.columns]
    ours, theirs = (each.select(names).sort("event_id") for each in (rows, batch))
    if not ours.equals(theirs):
        other = [name for name in names if not ours[name].equals(theirs[name])]
        raise DataError(
            f"{file.name} says other values than the record in {', '.join(other) or 'its rows'}: what the record holds "
            "is not as the contract writes it, perhaps since an earlier one; take these days out"
        )


def _report_of(error: DataError, rows: pl.DataFrame, contract: Contract) -> Report:
    finding = Finding("the batch can be read", False, "critical", None, 0, str(error))
    return Report(contract.name, len(rows), (finding,))


def _name_of(rows: pl.DataFrame, folder: Path) -> str:
    """Return a batch's name by its days; those that came late have a number behind it."""
    first, last = (rows["event_time"].dt.date().sort()[place] for place in (0, -1))
    name = f"{COLLECTED}{first}_{last}"
    taken = {pointer.name.partition(".")[0] for pointer in folder.glob(f"{COLLECTED}*.dvc")}
    names = (name, *(f"{name}-{number}" for number in range(2, len(taken) + 3)))
    return next(each for each in names if each not in taken)


def _from_to(first: date, last: date) -> Span:
    return Span(first, last + timedelta(days=1))


def _kept_aside(file: Path, report: Report, out: Span, door: Door) -> Refused:
    """Keep a batch and its report where nothing reads it; the report is the last thing written."""
    folder = findable(REFUSED / door.dataset / file.stem)
    reason = f"broken: {report.failures[0].rule}"
    command = f'mlflow-fraud record quarantine --from {out.first} --to {out.until} --reason "{reason}"'
    told = folder / "report.md"
    again = told.is_file() and command in told.read_text(encoding="utf-8").splitlines()[-1]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with replacing(folder / file.name) as pending:
        shutil.copyfile(file, pending)
    write_text(folder / "report.json", report.to_json())
    write_text(told, f"{report.to_markdown()}\nTo leave these days out for good:\n\n    {command}\n")
    sentence = "; ".join(finding.sentence for finding in report.failures)
    say(f"warning: {file.stem} is not let in: {sentence}. It is kept in {folder}; to leave these days out: {command}")
    return Refused(file.stem, folder, sentence, command, again)
