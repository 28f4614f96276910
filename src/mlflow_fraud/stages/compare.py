"""The challenger against the live release, on the same mature rows, each with its own features and threshold."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from mlflow_fraud.adapters.files import read_json, write_json, write_text
from mlflow_fraud.adapters.model_file import load_scorer
from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.adapters.report import render_report
from mlflow_fraud.core.candidates import CANDIDATES, Labels
from mlflow_fraud.core.decision import Verdict, decide
from mlflow_fraud.core.features.batch import build_features
from mlflow_fraud.core.features.schema import FeatureSchema, read_schema
from mlflow_fraud.core.interval import Interval, f1_difference
from mlflow_fraud.core.metrics import Metrics, Probabilities, evaluate
from mlflow_fraud.core.release import Release
from mlflow_fraud.settings import Params, load_params
from mlflow_fraud.stages.challenger import choose_challenger, release_version
from mlflow_fraud.stages.paths import REPORT, TRANSACTIONS, VALIDATION_REPORT, VERDICT, part_file
from mlflow_fraud.stages.trained import TrainedCandidate, read_trained

ALREADY_LIVE = "the challenger is the live release: nothing has changed"


@dataclass(frozen=True)
class Contestant:
    """A release, or what would become one, with its metrics on the shared test rows."""

    version: str
    candidate: str
    threshold: float
    metrics: Metrics


@dataclass(frozen=True)
class Comparison:
    """The content of `verdict.json`."""

    challenger: Contestant
    champion: Contestant | None
    gain: Interval | None
    verdict: Verdict
    candidates: dict[str, Metrics]


def compare(store: ReleaseStore) -> Comparison:
    """Decide, and write `data/decision/verdict.json` and `report.html`."""
    params = load_params()
    challenger = choose_challenger(params)
    pointer = store.latest()
    comparison = _judge(challenger, store.fetch(pointer.version) if pointer else None, params)
    write_json(VERDICT, {**asdict(comparison), "reasons": comparison.verdict.reasons})
    write_text(REPORT, render_report(read_json(VERDICT)))
    return comparison


def read_comparison() -> Comparison:
    """Return the comparison that `compare` wrote."""
    document: dict[str, Any] = read_json(VERDICT)
    verdict, champion, gain = document["verdict"], document["champion"], document["gain"]
    return Comparison(
        challenger=Contestant(**document["challenger"]),
        champion=Contestant(**champion) if champion else None,
        gain=Interval(**gain) if gain else None,
        verdict=Verdict(verdict["promote"], tuple(verdict["in_favour"]), tuple(verdict["against"])),
        candidates=document["candidates"],
    )


def _judge(challenger: TrainedCandidate, champion: Release | None, params: Params) -> Comparison:
    test = pl.read_parquet(part_file("test"))
    labels = test["label"].to_numpy()
    ours, ours_scores = _contest(
        labels, release_version(challenger), challenger.name, challenger.assessment.threshold,
        load_scorer(challenger.model_file.name, challenger.model).score(_matrix(test, challenger.schema)),
    )  # fmt: skip
    theirs, gain = None, None
    if champion is not None:
        theirs, their_scores = _contest(
            labels, champion.manifest.version, champion.manifest.candidate, champion.manifest.threshold,
            _champion_scores(champion, test, challenger.schema),
        )  # fmt: skip
        flags = (ours_scores >= ours.threshold, their_scores >= theirs.threshold)
        blocks = test["block"].to_numpy().astype(np.intp)
        gain = f1_difference(labels, np.unique(blocks, return_inverse=True)[1], *flags, params.compare.bootstrap)
    if theirs is not None and theirs.version == ours.version:
        verdict = Verdict(False, (), (ALREADY_LIVE,))
    else:
        validated = bool(read_json(VALIDATION_REPORT)["passed"])
        metrics = theirs.metrics if theirs else None
        verdict = decide(ours.metrics, metrics, gain, validated=validated, rule=params.compare)
    candidates = {name: read_trained(name, params).assessment.test for name in CANDIDATES}
    return Comparison(ours, theirs, gain, verdict, candidates)


def _contest(
    labels: Labels, version: str, candidate: str, threshold: float, scores: Probabilities
) -> tuple[Contestant, Probabilities]:
    return Contestant(version, candidate, threshold, evaluate(labels, scores, threshold)), scores


def _champion_scores(champion: Release, test: pl.DataFrame, schema: FeatureSchema) -> Probabilities:
    """Score the test rows as the live release would have: with the features that it carries itself."""
    manifest = champion.manifest
    scorer = load_scorer(manifest.model_file, champion.files[manifest.model_file])
    if manifest.feature_schema_sha256 == schema.sha256:
        return scorer.score(_matrix(test, schema))
    own = read_schema(json.loads(champion.files["schema.json"]), where=f"release {manifest.version}")
    transactions = pl.read_parquet(TRANSACTIONS)
    features = build_features(transactions, own).with_columns(transactions["event_id"].alias("event_id"))
    rows = test.select("event_id").join(features, on="event_id", how="left", maintain_order="left")
    return scorer.score(_matrix(rows, own))


def _matrix(rows: pl.DataFrame, schema: FeatureSchema) -> npt.NDArray[np.float32]:
    return np.ascontiguousarray(rows.select(schema.names).fill_null(np.nan).to_numpy())
