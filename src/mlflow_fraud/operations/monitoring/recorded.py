"""What the record says of the live release: its payments since it learned, with what the release gives each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy import Connection

from mlflow_fraud.adapters.model_file import load_released
from mlflow_fraud.adapters.prediction_log.counting import count_between
from mlflow_fraud.adapters.prediction_log.days import RecordedDays
from mlflow_fraud.adapters.prediction_log.snapshot import snapshot
from mlflow_fraud.adapters.release_files import schema_of
from mlflow_fraud.core.errors import NoRecord
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.labels import LABEL_TIME
from mlflow_fraud.core.release.release import Release
from mlflow_fraud.core.watching.feed import WEEKS_BACK
from mlflow_fraud.operations.record.now import now_in
from mlflow_fraud.operations.record.opened import opened
from mlflow_fraud.operations.record.silence import Heard, heard_until
from mlflow_fraud.settings import load_params, require_chance

Matrix = npt.NDArray[np.float32]
LOOK_BACK = timedelta(weeks=WEEKS_BACK + 1)
"""So far back volumes are counted, to have the same weekdays before the newest week."""


@dataclass(frozen=True)
class Recorded:
    """Payments in time order, up to `now` on the contract's clock.

    `rows` are those that the live release has not learned: the transaction, `label` and `label_time` as they were known
    then, `probability` and `threshold`, null where it cannot be said what the release gives. `features` are as they
    were served, NaN where they were of other features, or nothing was. `volumes` counts all payments of a day, those in
    quarantine, too. `heard` says up to when silence about a payment says that it was genuine.
    """

    rows: pl.DataFrame
    features: Matrix
    volumes: dict[date, int]
    now: datetime
    heard: Heard

    @property
    def scored(self) -> npt.NDArray[np.bool_]:
        """Which rows the live release has scored, or would have from the same features."""
        flags: npt.NDArray[np.bool_] = self.rows["probability"].is_not_null().to_numpy()
        return flags


def read_recorded(live: Release, as_of: datetime | None = None) -> Recorded:
    """Return what the record holds of the time that the live release has not learned.

    Of one moment: `as_of`, or else the newest payment, where `FRAUD_CLOCK` is not `wall`. An answer of the live release
    counts as it was given; what another one answered is scored from the features that were served, where both have the
    same. Raises `NoRecord` where there is no record, or no payment in it.
    """
    schema, until = schema_of(live), live.manifest.learned_until
    require_chance(schema.contract, load_params().active, where="the live release's contract")
    with opened() as log:
        now = now_in(log, schema.contract, as_of)
        if now is None:
            raise NoRecord(f"no payment of {schema.contract.name} is in the record; nothing has come to watch")
        begin = now - LOOK_BACK if until is None else min(until, now - LOOK_BACK)
        with snapshot(log.engine) as connection:
            parts, volumes = _days(connection, schema, begin.date(), now, until)
            hashes = RecordedDays(connection, schema.contract).feature_schemas()
            heard = heard_until(connection, schema.contract, load_params().active, now)
    rows = pl.concat(parts, how="diagonal") if parts else pl.DataFrame()
    if not volumes:
        raise NoRecord(f"no payment of {schema.contract.name} is in the record by {now}; nothing has come to watch")
    features = _features(rows, schema, {release for release, sha256 in hashes.items() if sha256 == schema.sha256})
    return Recorded(_scored(rows, features, live), features, volumes, now, heard)


def _days(
    connection: Connection, schema: FeatureSchema, first: date, now: datetime, learned_until: datetime | None
) -> tuple[list[pl.DataFrame], dict[date, int]]:
    """Return the days' payments that were not learned, a frame each, and how many came on each day.

    Those in quarantine came, too: they are counted, and not among the payments.
    """
    contract, parts, volumes = schema.contract, list[pl.DataFrame](), dict[date, int]()
    recorded, came = RecordedDays(connection, contract), RecordedDays(connection, contract, with_quarantined=True)
    for day in came.days(since=first, until=now.date() + timedelta(days=1)):
        begin = datetime.combine(day, time())
        until = min(begin + timedelta(days=1), now + timedelta(microseconds=1))  # a payment of this instant counts
        number = count_between(connection, contract.name, begin, until)
        if not number:
            continue
        volumes[day] = number
        if learned_until is None or day >= learned_until.date():
            payments = recorded.payments(day).filter(pl.col("event_time") <= now)
            known = _known(recorded.labels(day), now)
            rows = payments.drop("label", LABEL_TIME).join(known, on="event_id", how="left", maintain_order="left")
            parts.append(rows if learned_until is None else rows.filter(pl.col("event_time") > learned_until))
    return parts, volumes


def _known(labels: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Return the newest label of each payment that had arrived."""
    arrived = labels.filter(pl.col("arrived") <= now).sort("arrived", "number")
    newest = arrived.group_by("event_id", maintain_order=True).last()
    return newest.select("event_id", "label", pl.col("arrived").alias(LABEL_TIME))


def _features(rows: pl.DataFrame, schema: FeatureSchema, same: set[str]) -> Matrix:
    """Return the features as they were served, those of answers with another set of features left out."""
    matrix = np.full((len(rows), len(schema.names)), np.nan, np.float32)
    if rows.is_empty():
        return matrix
    there = rows["features"].is_not_null() & rows["answer_release"].is_in(list(same))
    places = there.arg_true().to_numpy()
    served = b"".join(rows["features"].filter(there))
    matrix[places] = np.frombuffer(served, np.float32).reshape(len(places), len(schema.names))
    return matrix


def _scored(rows: pl.DataFrame, features: Matrix, live: Release) -> pl.DataFrame:
    """Return the rows with what the live release gave them, or gives to the features that were served."""
    if rows.is_empty():
        return rows.with_columns(probability=pl.lit(None, pl.Float64), threshold=pl.lit(None, pl.Float64))
    own = rows["answer_release"].eq_missing(pl.Series([live.manifest.version]))
    others = (~own & pl.Series(np.isfinite(features).any(axis=1))).arg_true().to_numpy()
    scores = np.full(len(rows), np.nan)
    if len(others):
        scores[others] = load_released(live.manifest, live.files).score(features[others])
    mine = pl.Series(own)
    cuts = live.manifest.cutoff.of_column(rows["amount"], decimals=schema_of(live).contract.currency_decimals)
    given = pl.Series("probability", scores).fill_nan(None)
    return rows.with_columns(
        probability=pl.when(mine).then("answer_probability").otherwise(given),
        threshold=pl.when(mine).then("answer_threshold").otherwise(cuts),
    ).drop("features")


def unseen_shares(rows: pl.DataFrame, schema: FeatureSchema) -> dict[str, float]:
    """Return for each column of categories the share of rows whose value the model has never seen.

    A missing value is not one: it is counted with the features.
    """
    known: Mapping[str, tuple[str, ...]] = schema.categories
    there = [name for name in known if name in rows.columns]
    if rows.is_empty():
        return {}
    return {
        name: round(float((~rows[name].is_in(list(known[name]))).fill_null(False).mean() or 0.0), 6)  # type: ignore[arg-type]
        for name in there
    }
