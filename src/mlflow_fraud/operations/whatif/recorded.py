"""The record replayed: mature payments that neither release has learned, with what each gave or gives them."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl

from mlflow_fraud.adapters.prediction_log.days import RecordedDays
from mlflow_fraud.adapters.prediction_log.snapshot import snapshot
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.errors import DataError, NoRecord
from mlflow_fraud.core.measuring.metrics import Probabilities
from mlflow_fraud.core.measuring.period import Period, read_period
from mlflow_fraud.core.measuring.slices import groups_of
from mlflow_fraud.core.release.release import Release
from mlflow_fraud.core.whatif.outcome import Flagging
from mlflow_fraud.operations.monitoring.figures import Watched
from mlflow_fraud.operations.monitoring.look import rows_of
from mlflow_fraud.operations.monitoring.recorded import Recorded, read_recorded
from mlflow_fraud.operations.record.opened import opened
from mlflow_fraud.operations.release.contest import enter_champion
from mlflow_fraud.operations.whatif.replay import Replay
from mlflow_fraud.operations.whatif.rescored import rescored
from mlflow_fraud.operations.whatif.tested import read_test
from mlflow_fraud.paths import TRANSACTIONS
from mlflow_fraud.settings import Params

ELSE = "--test-period replays the test period instead"


def replay_record(live: Release, other: Release, params: Params, *, with_policy: bool) -> Replay:
    """Return the record's payments that are mature by age, scored by both, and learned by neither.

    A policy is settled on the rows of the test period before them. Raises `DataError` where there is no such payment,
    and says from when on there will be one.
    """
    watched = Watched(live, params)
    try:
        recorded = read_recorded(live)
    except NoRecord as error:
        raise NoRecord(f"{error}; {ELSE}") from None
    known = rows_of(recorded, watched)
    rows = known.mature
    if rows.is_empty():
        raise DataError(_too_early(known.known, recorded, params, live.manifest.version))
    rows = rows.rename({"probability": "live_probability", "threshold": "live_threshold"})
    rows = rescored(rows, other, recorded.now) if other is not live else _as_it_is(rows)
    if rows.is_empty():
        raise DataError(
            f"{other.manifest.version} has learned until {other.manifest.learned_until} and so every mature payment "
            f"that {live.manifest.version} has not; it is to be judged on later ones"
        )
    contract = watched.contract
    return Replay(
        what="the record",
        period=watched.period(rows),
        groups=groups_of(rows, _first_seen(contract, rows), contract),
        live=_flagging(live, rows, "live_"),
        other=_flagging(other, rows, ""),
        honest=_test_before(other, rows) if with_policy else None,
    )


def _as_it_is(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(probability="live_probability", threshold="live_threshold")


def _flagging(release: Release, rows: pl.DataFrame, side: str) -> Flagging:
    scores, thresholds = (rows[f"{side}{name}"].to_numpy() for name in ("probability", "threshold"))
    return Flagging(release.manifest.version, str(release.manifest.cutoff), scores, thresholds)


def _too_early(unlearned: pl.DataFrame, recorded: Recorded, params: Params, version: str) -> str:
    """Return why nothing can be told yet, and from when on it can."""
    horizon = params.active.split.horizon
    if unlearned.is_empty():
        return f"no payment that {version} has not learned is in the record by {recorded.now}; {ELSE}"
    first: datetime = unlearned["event_time"].min()  # type: ignore[assignment]
    until = first + horizon
    if until <= recorded.now and recorded.heard.silence is None:
        return f"{counted(len(unlearned), 'payment')} of the record have no score and label to judge by; {ELSE}"
    return (
        f"no label is mature yet: one counts {horizon.days} days after its payment, and the first payment that "
        f"{version} has not learned is of {first}; replay the record from {until} on, it is {recorded.now} there. "
        f"{recorded.heard.sentence + '. ' if recorded.heard.silence else ''}Until then {ELSE}"
    )


def _first_seen(contract: Contract, rows: pl.DataFrame) -> pl.DataFrame:
    """Return payers with the time of their first payment, as far as the pinned history and the record tell it."""
    payer = contract.payer
    if payer is None:
        return rows

    def first(table: pl.DataFrame) -> pl.DataFrame:
        return table.group_by(payer).agg(pl.col("event_time").min())

    parts = [first(rows)]
    if TRANSACTIONS.is_file() and pl.read_parquet_schema(TRANSACTIONS).get(payer) == rows.schema[payer]:
        parts.append(first(pl.read_parquet(TRANSACTIONS, columns=[payer, "event_time"])))
    with opened() as log, snapshot(log.engine) as connection:
        recorded = RecordedDays(connection, contract)
        until = rows["event_time"].max().date()  # type: ignore[union-attr]
        parts += [first(recorded.payments(day)) for day in recorded.days(until=until)]
    return pl.concat(parts)


def _test_before(release: Release, rows: pl.DataFrame) -> tuple[Period, Probabilities]:
    """Return the test rows before the payments that are replayed, with the release's honest probabilities."""
    test, schema = read_test()
    entry = enter_champion(release, test, schema)
    before = (test["event_time"] < rows["event_time"].min()).to_numpy() & entry.honest
    if not np.any(before):
        raise DataError(
            f"a policy is settled on rows of the test period that {release.manifest.version} had not learned, and none "
            "is before the payments that are replayed; give a --threshold, or run `dvc repro`"
        )
    period = read_period(test.filter(pl.Series(before)), decimals=schema.contract.currency_decimals)
    return period, entry.scores[before]
