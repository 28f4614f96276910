"""A contestant on the test rows: scored with its own file, features, calibration and threshold."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO
from typing import NamedTuple

import numpy as np
import polars as pl
from polars.datatypes import DataTypeClass

from mlflow_fraud.adapters.model_file import load_released
from mlflow_fraud.adapters.release_files import schema_of
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.batch import build_features, model_matrix
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.measuring.cutoff import Cutoff
from mlflow_fraud.core.measuring.difference import differences
from mlflow_fraud.core.measuring.evaluation import evaluate
from mlflow_fraud.core.measuring.metrics import Metrics, Probabilities
from mlflow_fraud.core.measuring.period import Flags, Period, read_period
from mlflow_fraud.core.release.guardrails import Gains
from mlflow_fraud.core.release.release import CHAIN_FILE, Release
from mlflow_fraud.core.release.rule import CompareRule
from mlflow_fraud.operations.release.challenger import release_version
from mlflow_fraud.paths import SHIPPED, TRANSACTIONS, part_file
from mlflow_fraud.stages.lineage import require_trained_on
from mlflow_fraud.stages.shipped import Shipped


@dataclass(frozen=True)
class Contestant:
    """A release, or what would become one, with its metrics on the shared test rows."""

    version: str
    candidate: str
    threshold: float
    metrics: Metrics
    expected_loss: float | None = None


class Entry(NamedTuple):
    """A side of the contest: what it gives each of the test rows, from which score on it flags, and which are honest.

    A score is honest where what gave it had not learned the row.
    """

    version: str
    candidate: str
    cutoff: Cutoff
    scores: Probabilities
    thresholds: Probabilities
    honest: Flags


def enter_challenger(challenger: Shipped, test: pl.DataFrame) -> Entry:
    """Return what the practice that is judged gave to `test`, block by block before it had learned it."""
    trained = challenger.trained
    require_trained_on(SHIPPED, trained.lineage, part_file("test"))
    if not challenger.test["event_id"].equals(test["event_id"]):
        raise DataError(f"{challenger.test_file} has the scores of other rows than the test; run `dvc repro ship`")
    return Entry(
        version=release_version(challenger),
        candidate=trained.candidate,
        cutoff=trained.assessment.cutoff,
        scores=challenger.test["probability"].to_numpy(),
        thresholds=challenger.test["threshold"].to_numpy(),
        honest=np.ones(len(test), np.bool_),
    )


def enter_champion(champion: Release, test: pl.DataFrame, schema: FeatureSchema, *, as_judged: bool = False) -> Entry:
    """Return what the live release gives to `test`; `schema` is that of the features in it.

    On rows that its file has learned, its chain speaks, where it has scored them; on later rows the file. A release
    from before format 4 does not say until when it has learned: its file speaks everywhere. `as_judged` lets the chain
    speak of all that it has scored, the newest days too, so that figures are those that the release went live with.
    Raises `DataError` when the data no longer has what the release's features are made from.
    """
    manifest = champion.manifest
    own = schema_of(champion)
    rows = test if own.sha256 == schema.sha256 else _features_of(own, test, manifest.version)
    by_file = pl.Series(load_released(manifest, champion.files).score(model_matrix(rows, own)))
    told = test.select("event_id", "event_time").join(
        _chain_of(champion, test.schema["event_id"]), on="event_id", how="left", maintain_order="left"
    )
    learned = (
        told["event_time"] <= manifest.learned_until
        if manifest.learned_until
        else pl.repeat(False, len(test), eager=True)
    )
    by_chain = learned | told["probability"].is_not_null() if as_judged else learned
    by_cutoff = manifest.cutoff.of_column(test["amount_minor"], decimals=schema.contract.currency_decimals)
    sides = told.with_columns(
        by_chain.alias("by_chain"), by_file.alias("by_file"), by_cutoff.alias("by_cutoff")
    ).select(
        pl.when("by_chain").then("probability").otherwise("by_file").alias("score"),
        pl.when("by_chain").then("threshold").otherwise("by_cutoff").alias("threshold"),
    )
    return Entry(
        version=manifest.version,
        candidate=manifest.candidate,
        cutoff=manifest.cutoff,
        scores=sides["score"].to_numpy(),
        thresholds=sides["threshold"].to_numpy(),
        honest=sides["score"].is_not_null().to_numpy(),
    )


@dataclass(frozen=True)
class Contest:
    """Two sides on the rows for which both are honest; one alone, on those for which it is.

    `rows` is the hash of these rows' ids, `ids`: the same contest again is no new look. `flags` are which of them each
    side flags, ours first.
    """

    ours: Contestant
    theirs: Contestant | None
    gains: Gains
    period: Period
    rows: str
    ids: pl.Series
    flags: tuple[Flags, ...]


def hold(
    ours: Entry, theirs: Entry | None, test: pl.DataFrame, decimals: int, costs: CostRule, rule: CompareRule
) -> Contest:
    """Return what each side is worth on the rows for which both are honest, and how much better ours is.

    `test` has the rows of both, with amounts in minor units of so many `decimals`.
    """
    rows = ours.honest & theirs.honest if theirs else ours.honest
    shared = test.filter(pl.Series(rows))
    period = read_period(shared, decimals=decimals)
    gains: Gains = {}
    if theirs:
        pair = [(entry.scores[rows], entry.thresholds[rows]) for entry in (ours, theirs)]
        gains = differences([rule.metric, *rule.max_loss], period, pair[0], pair[1], costs, rule.bootstrap)
    return Contest(
        contestant(ours, rows, period, costs),
        contestant(theirs, rows, period, costs) if theirs else None,
        gains,
        period,
        hashlib.sha256("\n".join(shared["event_id"].cast(pl.String)).encode()).hexdigest(),
        shared["event_id"],
        tuple(each.scores[rows] >= each.thresholds[rows] for each in (ours, theirs) if each),
    )


def contestant(entry: Entry, rows: Flags, period: Period, costs: CostRule) -> Contestant:
    """Return the side with its metrics on the contest's rows, which `period` holds."""
    metrics = evaluate(period, entry.scores[rows], entry.thresholds[rows], costs)
    return Contestant(entry.version, entry.candidate, entry.cutoff.threshold, metrics, entry.cutoff.expected_loss)


def _chain_of(champion: Release, ids: pl.DataType | DataTypeClass) -> pl.DataFrame:
    """Return the honest scores that the release carries; of one that carries none, no row. `ids` is their type.

    Raises `DataError` where they are none: a row twice, or a probability that is no number.
    """
    kinds = pl.Schema({"event_id": ids, "probability": pl.Float64, "threshold": pl.Float64})
    content = champion.files.get(CHAIN_FILE)
    if content is None:
        return pl.DataFrame(schema=kinds)
    try:
        chain = pl.read_parquet(BytesIO(content), columns=list(kinds)).cast(kinds)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{CHAIN_FILE} of {champion.manifest.version} cannot be read: {error}") from None
    scores, cuts = chain["probability"].to_numpy(), chain["threshold"].to_numpy()
    told = ((scores >= 0) & (scores <= 1) & (cuts >= 0) & np.isfinite(cuts)).all()
    if chain["event_id"].is_duplicated().any() or not told:
        raise DataError(f"{CHAIN_FILE} of {champion.manifest.version} has a row twice, or a score that is none")
    return chain


def _features_of(schema: FeatureSchema, test: pl.DataFrame, version: str) -> pl.DataFrame:
    """Return the test rows with the features of another schema, made from the whole history."""
    transactions = pl.read_parquet(TRANSACTIONS)
    try:
        features = build_features(transactions, schema).with_columns(transactions["event_id"].alias("event_id"))
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"the features of the release {version} cannot be made from this data: {str(error).splitlines()[0]}"
        ) from error
    return test.select("event_id").join(features, on="event_id", how="left", maintain_order="left")
