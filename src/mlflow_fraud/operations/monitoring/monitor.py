"""One window of labelled transactions, scored by the live release: how good it still is, and how far off."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from mlflow_fraud.adapters.files import read_json, write_json
from mlflow_fraud.adapters.model_file import load_released
from mlflow_fraud.adapters.raw_batches import batch_name
from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.adapters.release_files import schema_of
from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.core.errors import ReleaseRejected, TrackingFailed
from mlflow_fraud.core.features.batch import TIME_ORDER, build_features, model_matrix
from mlflow_fraud.core.features.definitions import Row
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.labels import arrival, is_mature, label_at, require_reviews, tells, weighed
from mlflow_fraud.core.measuring.cost import AlertBudget, CostRule, budget_of
from mlflow_fraud.core.measuring.evaluation import evaluate
from mlflow_fraud.core.measuring.metrics import Metrics, defined
from mlflow_fraud.core.measuring.period import read_period
from mlflow_fraud.core.release.release import Manifest, Release
from mlflow_fraud.core.watching.drift import drifts
from mlflow_fraud.core.watching.retrain import Answer, should_retrain, unless_waiting
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.as_of import moment, require_past
from mlflow_fraud.operations.release.comparison import waits_until
from mlflow_fraud.paths import TRANSACTIONS, WINDOWS, part_file
from mlflow_fraud.settings import load_params, require_chance
from mlflow_fraud.stages.logged import open_tracking
from mlflow_fraud.stages.run import say


@dataclass(frozen=True)
class Window:
    """What one window showed of the release that scored it; `drifts` is the PSI of each row feature.

    `promised` is what the practice was worth when it was judged: the release's next windows are its own test. `until`
    is the day of the newest row.
    """

    name: str
    version: str
    until: date
    metrics: Metrics
    promised: Metrics
    drifts: dict[str, float]


def watch(file: Path, earlier: Sequence[Path], store: ReleaseStore, as_of: datetime | None = None) -> Window:
    """Score the window, write it into the list of windows and return it; again gives the same entry.

    `earlier` are the windows between the pinned history and this one: they are part of its past. Labels count that
    had arrived `as_of` then, or by the window's end where it is not said. Raises `DataError` for rows from after it.
    """
    pointer = store.latest()
    if pointer is None:
        raise ReleaseRejected(
            f"nothing is live yet in {store}, so there is nothing to watch; "
            "`python -m flows.retraining --first` makes a first release"
        )
    window = _measure(file, earlier, store.fetch(pointer.version), as_of)
    mine = (window.name, window.version)
    others = [entry for entry in _windows() if (entry["name"], entry["version"]) != mine]
    said = {"name": window.name, "version": window.version, "until": str(window.until)}
    entry = {**said, **window.metrics, "promised": window.promised, "drifts": window.drifts}
    write_json(WINDOWS, sorted([*others, entry], key=lambda entry: str(entry["name"])))
    return window


def log_window(window: Window) -> str:
    """Log the window's metrics to MLflow, once for the same window, release and numbers; return the run's id.

    Where MLflow cannot be reached it is said, and nothing is returned: the windows are in their file.
    """
    measured = window.metrics | {f"drift_{name}": value for name, value in window.drifts.items()}
    metrics = {name: value for name, value in measured.items() if value is not None}
    content = hashlib.sha256(json.dumps(metrics, sort_keys=True).encode()).hexdigest()
    tags = {"model_version": window.version, "window": window.name, "window_content": content}
    try:
        return open_tracking(load_environment()).ensure_window(f"window {window.name}", metrics, tags)
    except TrackingFailed as error:
        say(f"warning: window {window.name} is not in MLflow ({error}); the same command tries again")
        return ""


def answer(upto: str, version: str) -> Answer:
    """Return whether to retrain, from the windows that `version` has scored up to and with `upto`."""
    seen = [entry for entry in _windows() if entry["name"] <= upto and entry["version"] == version]
    found = should_retrain(seen, load_params().monitor)
    waits = waits_until(version)
    return unless_waiting(found, until=waits, now=date.fromisoformat(seen[-1]["until"])) if seen else found


def _windows() -> list[dict[str, Any]]:
    return list(read_json(WINDOWS)) if WINDOWS.is_file() else []


def _measure(file: Path, earlier: Sequence[Path], live: Release, as_of: datetime | None) -> Window:
    manifest = live.manifest
    schema, key = schema_of(live), load_environment().key
    window = read_batches([file], schema.contract, key=key)
    require_past(window, as_of)
    between = [read_batches(list(earlier), schema.contract, key=key)] if earlier else []
    rows, features = _features(window, between, schema, as_of, manifest.learned_until)
    scores = load_released(manifest, live.files).score(model_matrix(features, schema))
    contract = schema.contract
    period = read_period(rows, card=contract.payer, amount="amount", decimals=contract.currency_decimals)
    costs = load_params().costs
    metrics = evaluate(period, scores, manifest.threshold, costs.within(_budget(manifest, costs)))
    of_rows = [feature.name for feature in schema.features if isinstance(feature, Row)]
    moved = drifts(pl.scan_parquet(part_file("train")).select(of_rows), features.select(of_rows))
    newest: datetime = window["event_time"].max()  # type: ignore[assignment]
    return Window(
        name=batch_name(file),
        version=manifest.version,
        until=newest.date(),
        metrics=metrics | {"drift": max(moved.values(), default=None)},
        promised=manifest.metrics.get("test", {}),
        drifts=moved,
    )


def _budget(manifest: Manifest, costs: CostRule) -> AlertBudget:
    """Return the stated budget, or else the one that the release was judged with; an early release has none."""
    if costs.alerts_per_day is not None:
        return AlertBudget(alerts_per_day=costs.alerts_per_day, derived=False)
    recorded = defined(manifest.metrics.get("validation", {}).get("alert_budget"))
    if recorded is not None:
        return AlertBudget(alerts_per_day=int(recorded), derived=True)
    return budget_of(costs, read_period(pl.read_parquet(part_file("validation"))))


def _features(
    window: pl.DataFrame,
    between: list[pl.DataFrame],
    schema: FeatureSchema,
    as_of: datetime | None,
    learned_until: datetime | None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the window's rows that are old enough for their labels, and their features with all the past in sight.

    Rows that the live release has learned say nothing about it, and are left out, as are those that nobody looked into
    where labels are selective. A label is as it was known then: a fraud told later was none.
    """
    active = load_params().active
    rule = active.split
    require_chance(schema.contract, active, where="the live release's contract")
    end: datetime = moment(as_of) if as_of else window["event_time"].max()  # type: ignore[assignment]
    past = pl.concat([pl.read_parquet(TRANSACTIONS), *between]).filter(
        pl.col("event_time") < window["event_time"].min()
    )
    everything = pl.concat([past, window]).sort(TIME_ORDER)
    features = build_features(everything, schema)
    at, told = pl.col("event_time"), arrival(everything.columns, rule.label_delay)
    unseen = at > learned_until if learned_until else pl.lit(True)
    inside = (at >= window["event_time"].min()) & is_mature(rule.horizon, as_of=end) & unseen
    known = weighed(everything, active)
    old_enough = known.select(inside).to_series()
    looked_into = known.select(inside & tells(known.columns, told, as_of=end)).to_series()
    require_reviews("the window", known.filter(looked_into), int(old_enough.sum()))
    return known.with_columns(label_at("label", told, as_of=end)).filter(looked_into), features.filter(looked_into)
