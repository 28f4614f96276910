"""A file of transactions is scored as the service would, row after row, without the service."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import polars as pl

from mlflow_fraud.adapters.files import replacing
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.raw_rows import Rows, Sent, require_table, rows_as_sent
from mlflow_fraud.adapters.release_store import open_store
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.errors import DataError, NoRecord, RecordUnavailable, SettingsError
from mlflow_fraud.core.progress import Progress, Step, tell
from mlflow_fraud.core.release.release import Release
from mlflow_fraud.serving.batch import Outcome, Piece, Told
from mlflow_fraud.serving.clock import clock_of
from mlflow_fraud.serving.late_rows import LateRows
from mlflow_fraud.serving.loading import LiveRelease, load_release
from mlflow_fraud.serving.reason_columns import ReasonColumns, reason_columns, require_so_many
from mlflow_fraud.serving.record import Record
from mlflow_fraud.serving.schema import NOT_ASKED
from mlflow_fraud.serving.score_target import refused_beside, require_folder, target_of
from mlflow_fraud.serving.together import Together
from mlflow_fraud.serving.warm_start import warm_history

if TYPE_CHECKING:
    from mlflow_fraud.serving.main import Place

NUMBER = "file_row"
"""The number of a row below the header, from 1 on; a line without any value is none."""

SCORES = ("probability", "decision", "threshold", "model_version", "review")
"""What is written of each row, after its number and its id; its reasons come behind."""

TAIL = 5_000
"""So many of the newest rows are in memory at least."""

AT_ONCE = 1_000
"""So many rows are scored in one call."""

PATIENCE = 60.0
"""So many seconds a disk may take."""


_NO_ROOM = (
    "what was scored cannot be kept beside the file ({}); nothing was written: make room, or write to another disk by "
    "--out"
)


class Summary(NamedTuple):
    """What became of a file: how many rows got a score and how many of these are flagged, how many were refused.

    `refused_in` is the file that says which those are and why, None where there are none. `known` rows have the answer
    that the record has of another release.
    """

    scored: int
    flagged: int
    refused: int
    version: str
    out: Path
    refused_in: Path | None
    known: int = 0

    def __str__(self) -> str:
        """Say it in a sentence."""
        scored = counted(self.scored - self.known, "row")
        known = f", {self.known:,} as another release had answered them before" if self.known else ""
        said = f"{scored} scored by {self.version}{known}, {self.flagged:,} flagged: {self.out}"
        if not self.refused:
            return said
        return f"{said}; {counted(self.refused, 'row')} refused, each with its number and the reason: {self.refused_in}"


class _Writer(Protocol):
    def writerow(self, row: Sequence[Any], /) -> Any: ...


def score_file(
    place: Place,
    file: Path,
    progress: Progress,
    *,
    release: str = "",
    out: Path | None = None,
    without_record: bool = False,
    reasons: int = 0,
) -> Summary:
    """Write what the service would answer to each row of a file, sent one by one in its order, and return a summary.

    Rows have a past: what the record holds, which stays as it is, and the file's earlier rows; without the record these
    alone. `release` is a version, the live one if not given. So many `reasons` are written with each score. Raises
    `DataError` where the file is no table of the contract's, or there is no record, and `SettingsError` where there is
    no release, `out` is no table's name, or the release gives no reasons.
    """
    target = target_of(file, out)
    require_table(file)
    require_so_many(reasons)
    whole = release_named(place, release)
    columns = reason_columns(whole, reasons)
    require_folder(target.parent)
    clock = clock_of(place.clock, place.tolerance)
    with _record_of(place, target.parent, without_record) as record:
        progress("reading the past")
        live = load_release(whole, lambda schema: warm_history(schema, record, clock), place.key)
        record.introduce(live.note)
        contract = live.schema.contract
        asked = tuple(column for column in contract.columns if column.role not in NOT_ASKED)
        with rows_as_sent(file, contract.model_copy(update={"columns": asked}), progress) as rows:
            late = LateRows(live.schema, place.clock, place.tolerance, after=record.place)
            summary = asyncio.run(_written(live, record, rows, target, columns, late, progress))
        if late.count:
            progress(f"note: {late}")
        if summary.known:
            progress(
                f"note: the record has {counted(summary.known, 'row')} with the answer of another release, which they "
                "get; `model_version` says whose. --without-record has them scored anew, without the record's past"
            )
        return summary


def release_named(place: Place, version: str) -> Release:
    """Return the release of a version, the live one where it is empty; raise `SettingsError` where none is live."""
    store = open_store(place.release_store, endpoint_url=place.s3_endpoint_url)
    if version:
        return store.named(version)
    pointer = store.latest()
    if pointer is None:
        raise SettingsError(f"nothing is live in {store}; `mlflow-fraud promote` a release, or name one by --release")
    return store.fetch(pointer.version)


@contextmanager
def _record_of(place: Place, folder: Path, without_record: bool) -> Iterator[Record]:
    """Give a record that begins with what the real one holds, and whose own part ends with the block."""
    with TemporaryDirectory(dir=folder, prefix=".scoring-") as aside:
        try:
            own = PredictionLog(f"sqlite:///{Path(aside) / 'record.db'}")
        except RecordUnavailable:
            raise RecordUnavailable(_NO_ROOM.format(f"{folder} takes no file of it")) from None
        try:
            log = own if without_record else PredictionLog(place.prediction_log, make=False)
        except NoRecord as error:
            own.close()
            raise DataError(f"{error}. --without-record scores a file from its own rows alone") from None
        record = Record(log, aside=own, tail=TAIL, wait=PATIENCE)
        try:
            yield record
        finally:
            record.close()
            log.close()
            own.close()


async def _written(
    live: LiveRelease,
    record: Record,
    rows: Rows,
    target: Path,
    reasons: ReasonColumns,
    late: LateRows,
    progress: Progress,
) -> Summary:
    """Write the answers and what is refused, each file whole or not at all."""
    contract, scored, flagged, refused, known = live.schema.contract, 0, 0, 0, 0
    beside = refused_beside(target)
    with replacing(target) as pending, replacing(beside) as pending_refused:
        with pending.open("w", newline="") as answers, pending_refused.open("w", newline="") as problems:
            good, bad = csv.writer(answers), csv.writer(problems)
            good.writerow([NUMBER, _id_column(contract), *SCORES, *reasons.names])
            bad.writerow([NUMBER, "status", "problem"])
            tell(progress, Step("scoring", 0, rows.total, "rows"))
            async for sent, outcome in _answered(live, record, rows.pieces):
                if isinstance(outcome, Told):
                    flagged += _write(good, sent, outcome, reasons)
                    late.look_at(outcome.payment)
                    scored += 1
                    known += _release_of(outcome) != live.manifest.version
                else:
                    bad.writerow([sent.row, *_problem(outcome)])
                    refused += 1
                if (scored + refused) % 1_000 == 0:
                    tell(progress, Step("scoring", scored + refused, rows.total, "rows"))
        tell(progress, Step("scoring", rows.total, rows.total, "rows"))
        if target.suffix.lower() == ".parquet":
            column = contract.column("event_id")
            assert column is not None  # a contract has one
            as_parquet(pending, _id_column(contract), column.dtype, reasons.numeric)
    if not refused:
        beside.unlink()
    return Summary(scored, flagged, refused, live.manifest.version, target, beside if refused else None, known)


async def _answered(
    live: LiveRelease, record: Record, pieces: Iterator[list[Sent]]
) -> AsyncIterator[tuple[Sent, Outcome]]:
    together = Together(record, AT_ONCE)
    for sent in pieces:
        outcomes = await Piece(live, together, 0, seconds=inf).answered([each.body for each in sent])
        tickets = [each.ticket for each in outcomes if isinstance(each, Told)]
        if tickets and not await record.writer.written(tickets[-1]):
            raise RecordUnavailable(_NO_ROOM.format(record.writer.trouble))
        for each, outcome in zip(sent, outcomes, strict=True):
            yield each, outcome


def _write(good: _Writer, sent: Sent, told: Told, reasons: ReasonColumns) -> bool:
    """Write a row's answer and its reasons; return whether it is flagged."""
    answer = told.payment.answer
    assert answer is not None  # or it is a problem
    review = answer.label_chance is not None and not answer.flagged
    decision = "flag" if answer.flagged else "pass"
    numbers = (answer.probability, decision, answer.threshold, answer.release, "true" if review else "false")
    good.writerow([sent.row, told.payment.transaction["event_id"], *numbers, *reasons.of(told.payment)])
    return answer.flagged


def _release_of(told: Told) -> str:
    assert told.payment.answer is not None  # or it is a problem
    return told.payment.answer.release


def _problem(document: bytes) -> tuple[int, str]:
    """Return the status of a problem and what is wrong, without what was sent."""
    problem = json.loads(document)
    wrong = [f"{each['pointer'].split('/', 2)[-1]}: {each['detail']}" for each in problem.get("errors", [])]
    return problem["status"], "; ".join(wrong) or problem["detail"]


def _id_column(contract: Contract) -> str:
    return next(column.source for column in contract.arriving if column.role == "event_id")


def as_parquet(file: Path, id_column: str, id_type: pl.DataType, numbers: Iterable[str] = ()) -> None:
    """Write a table of answers anew, as Parquet; `numbers` are further columns of it."""
    types = {NUMBER: pl.UInt32(), id_column: id_type, "probability": pl.Float64(), "threshold": pl.Float64()}
    types |= dict.fromkeys(numbers, pl.Float64())
    parquet = file.with_name(f"{file.name}.parquet")
    try:
        answers = pl.scan_csv(file, infer_schema=False, glob=False)
        there = answers.collect_schema()
        casts = [pl.col(name).cast(dtype) for name, dtype in types.items() if name in there]
        review = [pl.col("review") == "true"] if "review" in there else []
        answers.with_columns(*casts, *review).sink_parquet(parquet)
        parquet.replace(file)
    finally:
        parquet.unlink(missing_ok=True)
