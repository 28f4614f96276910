"""A table of features is scored as the service scores what it worked out: the same numbers, without any past."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np
import numpy.typing as npt
import polars as pl

from mlflow_fraud.adapters.files import replacing
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.progress import Progress, Step, tell
from mlflow_fraud.serving.feature_table import AMOUNT, ID, opened, readable, require_table
from mlflow_fraud.serving.loading import Scoring, load_scoring
from mlflow_fraud.serving.score_target import require_folder, target_of
from mlflow_fraud.serving.scored_file import NUMBER, Summary, as_parquet, release_named

if TYPE_CHECKING:
    from mlflow_fraud.serving.main import Place

AT_ONCE = 65_536
"""So many rows are in memory: with 55 features fourteen megabytes, and as much again while they are read."""

Rows = npt.NDArray[np.float32]


def score_features(
    place: Place, file: Path, progress: Progress, *, release: str = "", out: Path | None = None
) -> Summary:
    """Write what a release makes of each row of a table of its features, and return a summary.

    The columns are the release's features by their names, in any order, with others beside them; a value is a finite
    number or missing. Raises `DataError` where they are not, and `SettingsError` as `score_file` does.
    """
    target = target_of(file, out)
    require_table(file)
    scoring = load_scoring(release_named(place, release))
    table = opened(file, scoring, progress)
    require_folder(target.parent)
    scored = flagged = 0
    with readable(file):
        total: int = table.select(pl.len()).collect(engine="streaming").item()
        with replacing(target) as pending:
            with pending.open("w", newline="") as answers:
                tell(progress, Step("scoring", 0, total, "rows"))
                for piece in _pieces(table):
                    flagged += _write(answers, piece, scoring, scored)
                    scored += len(piece)
                    tell(progress, Step("scoring", scored, total, "rows"))
            if not scored:
                raise DataError(f"{file} has columns and no rows")
            if target.suffix.lower() == ".parquet":
                as_parquet(pending, ID, pl.String())
    return Summary(scored, flagged, 0, scoring.manifest.version, target, None)


def _pieces(table: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    for piece in table.collect_batches(chunk_size=AT_ONCE, maintain_order=True, engine="streaming"):
        yield from piece.iter_slices(AT_ONCE)


def _write(answers: TextIO, piece: pl.DataFrame, scoring: Scoring, before: int) -> int:
    """Write the answers to rows that so many came before; return how many are flagged."""
    probabilities = scoring.scorer.score(_matrix(piece, scoring.schema.names, before))
    wrong = np.flatnonzero(~((probabilities >= 0) & (probabilities <= 1)))  # so that NaN is refused
    if len(wrong):
        raise DataError(f"{scoring.manifest.version} gives no probability to row {before + int(wrong[0]) + 1:,}")
    thresholds = _thresholds(piece, scoring, before)
    flagged = probabilities >= thresholds
    told = {
        NUMBER: np.arange(before + 1, before + len(piece) + 1),
        **({ID: piece[ID]} if ID in piece.columns else {}),
        "probability": probabilities,
        "decision": pl.select(pl.when(pl.Series(flagged)).then(pl.lit("flag")).otherwise(pl.lit("pass"))).to_series(),
        "threshold": thresholds,
    }
    version = pl.lit(scoring.manifest.version).alias("model_version")
    answers.write(pl.DataFrame(told).with_columns(version).write_csv(include_header=not before))
    return int(flagged.sum())


def _matrix(piece: pl.DataFrame, names: list[str], before: int) -> Rows:
    """Return the features as the model takes them, NaN for missing; raise `DataError` for what is not finite."""
    with np.errstate(over="ignore"):  # what is beyond single precision is infinite, and refused
        rows = np.ascontiguousarray(piece.select(names).fill_null(np.nan).to_numpy(), dtype=np.float32)
    if np.isinf(rows).any():
        row, column = np.argwhere(np.isinf(rows))[0]
        raise DataError(f"row {before + int(row) + 1:,} has no finite number in {names[column]}; nothing was written")
    return rows


def _thresholds(piece: pl.DataFrame, scoring: Scoring, before: int) -> npt.NDArray[np.float64]:
    """Return the threshold of each row: of one amount each where the release goes by an expected loss."""
    cutoff, decimals = scoring.manifest.cutoff, scoring.schema.contract.currency_decimals
    if cutoff.expected_loss is None:
        return np.full(len(piece), cutoff.threshold)
    amounts = piece[AMOUNT]
    whole = amounts.is_finite() & (amounts == amounts.floor())
    if not whole.fill_null(value=False).all():
        row = before + int(whole.fill_null(value=False).arg_min() or 0) + 1
        raise DataError(f"row {row:,} has no amount in minor units in {AMOUNT}; nothing was written")
    return cutoff.of_rows(amounts.cast(pl.Int64).to_numpy(), decimals=decimals)
