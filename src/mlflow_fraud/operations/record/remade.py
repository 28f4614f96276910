"""What was served, made again of what the record holds now: in batch, and online in the order in which it came."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from mlflow_fraud.adapters.prediction_log.afterwards import as_table, told_before
from mlflow_fraud.adapters.prediction_log.entries import Corrected, Learned, Payment
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.past import RecordedPast
from mlflow_fraud.adapters.prediction_log.served import (
    Served,
    corrections_told_late,
    last_label_before,
    told_from,
)
from mlflow_fraud.adapters.prediction_log.settled import remembered_before, window_since
from mlflow_fraud.core.features.batch import TIME_ORDER, build_features, model_matrix
from mlflow_fraud.core.features.clock import STEADY
from mlflow_fraud.core.features.definitions import scores_looked_at
from mlflow_fraud.core.features.later import Later
from mlflow_fraud.core.features.online import LATENESS, CardHistory
from mlflow_fraud.core.features.reach import label_reach, score_reach, window_reach
from mlflow_fraud.core.features.row import row_function
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.watching.parity import Matrix, Parity, parity_of, same_bits

IN_FLIGHT = (timedelta(0), timedelta(seconds=10))
"""So long after it came into the record a label may become known to the service: at once, or at its next look."""


def compared(log: PredictionLog, past: RecordedPast, schema: FeatureSchema, served: Served) -> Parity:
    """Return how answers of one set of features compare with what a past makes, of which they have to be.

    Without any difference that is one pass of the batch engine. Otherwise what came is taken in once more by the
    online engine, in the order in which it came.
    """
    contract, corrections = schema.contract, past.corrections_since(None)
    rows, labels = _rows_behind(past, schema, served), _labels(past, schema, served)
    batch = _in_batch(rows, Later(as_table(corrections, contract), labels), schema, served)
    if same_bits(served.features, batch).all():
        return parity_of(served.features, batch, batch, [])
    late = corrections_told_late(log, contract)
    in_time = [each for each in corrections if each.number not in late]
    uncorrected = _in_batch(rows, Later(as_table(in_time, contract), labels), schema, served)
    known: list[Matrix] = []
    for lag in IN_FLIGHT:
        known.append(_as_known(log, past, schema, served, corrections, lag))
        parity = parity_of(served.features, batch, uncorrected, known)
        if not parity.otherwise.any():
            break
    return parity


def remade(past: RecordedPast, schema: FeatureSchema, rows: pl.DataFrame) -> Matrix:
    """Return features of recorded payments as the batch engine makes them of all that a past holds, (rows, features).

    `rows` have `event_id` and `event_time`; whatever features they were served with, `schema` may have others.
    """
    asked = Served(
        document=schema.to_json(),
        since=rows["event_time"].min(),  # type: ignore[arg-type]
        rows=rows.with_columns(pl.col("event_id").cast(pl.String)),
        features=np.empty((len(rows), 0), np.float32),
    )
    corrections = past.corrections_since(None)
    later = Later(as_table(corrections, schema.contract), _labels(past, schema, asked))
    return _in_batch(_rows_behind(past, schema, asked), later, schema, asked)


def looks_back_to(schema: FeatureSchema, since: datetime) -> datetime:
    """Return from when on payments are read to make the features of those since a moment."""
    return since - window_reach(schema) - score_reach(schema) - LATENESS


def _rows_behind(past: RecordedPast, schema: FeatureSchema, served: Served) -> pl.DataFrame:
    """Return the payments that the features of what was served look back on, and these themselves, in time order.

    Those that are remembered from before all windows have the scores that they were served with, and what was usual.
    """
    begin = looks_back_to(schema, served.since)
    rows = past.since(begin).drop("scores", "place")
    usual = [window.name for score in scores_looked_at(schema.features) for window in (score.mean, score.std)]
    given = {**dict.fromkeys(schema.scores, pl.Int64()), **dict.fromkeys(usual, pl.Float64())}
    scored = pl.Schema({**rows.schema, **given})
    older = pl.DataFrame(remembered_before(past, schema, begin), scored)  # without the places that they have
    return pl.concat([older, rows], how="diagonal").sort(TIME_ORDER)


def _labels(past: RecordedPast, schema: FeatureSchema, served: Served) -> pl.DataFrame:
    return past.known_since(served.since - label_reach(schema) - LATENESS).select("event_id", "label", "arrived")


def _in_batch(rows: pl.DataFrame, later: Later, schema: FeatureSchema, served: Served) -> Matrix:
    """Return the features of what was served, made by the batch engine."""
    places = {event_id: place for place, event_id in enumerate(rows["event_id"].cast(pl.String))}
    asked = [places[event_id] for event_id in served.rows["event_id"]]
    features = build_features(rows, schema, later)[asked]
    if "distance" in schema.names:  # two libraries' sines may differ in the last bit
        way = row_function("distance", schema)
        own = pl.Series("distance", [way(row) for row in rows[asked].iter_rows(named=True)], pl.Float32)
        features = features.with_columns(own)
    return model_matrix(features, schema)


def _as_known(
    log: PredictionLog,
    past: RecordedPast,
    schema: FeatureSchema,
    served: Served,
    corrections: Sequence[Corrected],
    lag: timedelta,
) -> Matrix:
    """Return the features of what was served, made by the online engine of what had come by then, in that order."""
    first = int(served.rows["place"].min())  # type: ignore[arg-type]
    before = last_label_before(log, schema.contract, first)
    history = _history_before(
        RecordedPast(log, schema.contract, first - 1, past.left_out), past, schema, corrections, before
    )
    asked = {place: number for number, place in enumerate(served.rows["place"])}
    found = np.full(served.features.shape, np.nan, np.float32)
    for told in told_from(past, log, schema.contract, first, before, corrections, lag):
        match told:
            case Payment():
                if told.place in asked:
                    found[asked[told.place]] = history.read(told.as_it_came)
                history.update(told.as_it_came)
            case Learned(_, _, Payment() as of, label, arrived, others):
                history.learn(of.transaction, label, arrived, others)
            case Corrected():
                history.correct(told.of.as_it_came, told.instead, told.observed)
    return found


def _history_before(
    settled: RecordedPast, past: RecordedPast, schema: FeatureSchema, corrections: Sequence[Corrected], label: int
) -> CardHistory:
    """Return the past that a service had before what is in `past` and not in `settled`, with labels up to a number."""
    reached = settled.reached(STEADY)
    if reached is None:
        return CardHistory(schema)
    since = reached - window_reach(schema) - LATENESS
    history = CardHistory(schema, since if settled.reaches_before(since) else None)
    for row in remembered_before(settled, schema, since):
        history.update(row)
    for row in window_since(settled, schema, since, corrections).iter_rows(named=True):
        history.update(row)
    known = past.known_since(reached - label_reach(schema) - LATENESS).filter(pl.col("number") <= label)
    before = told_before(known.select(pl.col("event_id").cast(pl.String), "label", "arrived").iter_rows())
    for row, others in zip(known.iter_rows(named=True), before, strict=True):
        history.learn(row, row["label"], row["arrived"], others)
    return history
