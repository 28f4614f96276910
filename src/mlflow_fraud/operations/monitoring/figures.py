"""The figures of a window of payments: how good the live release is on mature ones, how far all of them have moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from mlflow_fraud.adapters.release_files import schema_of
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.core.features.define import CLOCK_FEATURES
from mlflow_fraud.core.features.definitions import Row
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.measuring.cost import AlertBudget, CostRule, budget_of
from mlflow_fraud.core.measuring.evaluation import evaluate
from mlflow_fraud.core.measuring.metrics import defined
from mlflow_fraud.core.measuring.period import Period, read_period
from mlflow_fraud.core.release.release import REFERENCE_FILE, Manifest, Release
from mlflow_fraud.core.watching.binned import Moved, count, moved
from mlflow_fraud.core.watching.expected import Estimate, Expected, estimates, expect
from mlflow_fraud.core.watching.performance import SURE_OF, bounds_of
from mlflow_fraud.core.watching.reference import (
    Distance,
    Reference,
    counts_of,
    distances,
    largest,
    month_rows,
    read_reference,
)
from mlflow_fraud.core.watching.retrain import Window
from mlflow_fraud.paths import part_file
from mlflow_fraud.settings import Params

Matrix = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Watched:
    """A live release and by what it is held: its own reference, where it carries one, and the team's costs."""

    release: Release
    params: Params

    @property
    def manifest(self) -> Manifest:
        """What the release says of itself."""
        return self.release.manifest

    @cached_property
    def schema(self) -> FeatureSchema:
        """Its features."""
        return schema_of(self.release)

    @property
    def contract(self) -> Contract:
        """What a payment is to it."""
        return self.schema.contract

    @cached_property
    def reference(self) -> Reference | None:
        """What it has learned from, None of a release from before format 5."""
        content = self.release.files.get(REFERENCE_FILE)
        return None if content is None else read_reference(content, version=self.manifest.version)

    @cached_property
    def costs(self) -> CostRule:
        """The costs, with the alert budget that it was judged with."""
        return self.params.costs.within(budget(self.manifest, self.params.costs))

    @property
    def twin(self) -> timedelta:
        """How long before the newest mature row a release of this practice has stopped learning."""
        return timedelta(days=self.params.ship.twin_days if self.manifest.refit == "all" else 0)

    @property
    def of_the_payment(self) -> list[str]:
        """The features of the payment alone, whose drift may alarm: what looks back moves with the season for weeks."""
        return [feature.name for feature in self.schema.features if isinstance(feature, Row)]

    def period(self, rows: pl.DataFrame) -> Period:
        """Return rows as they are measured."""
        return read_period(rows, card=self.contract.payer, amount="amount", decimals=self.contract.currency_decimals)


def performance(watched: Watched, mature: pl.DataFrame, *, sure: bool) -> dict[str, Any]:
    """Return the metrics of mature rows with `probability` and `threshold`, and with `sure` their intervals."""
    period = watched.period(mature)
    scores, cuts = mature["probability"].to_numpy(), mature["threshold"].to_numpy()
    metrics = evaluate(period, scores, cuts, watched.costs)
    rule = watched.params.compare.bootstrap
    intervals = bounds_of(period, scores, cuts, watched.costs, rule) if sure else {}
    return {**metrics, "intervals": intervals, **promised_of(watched)}


def sums_of(watched: Watched, scored: pl.DataFrame) -> Expected:
    """Return what the probabilities of rows expect."""
    if scored.is_empty():
        return Expected()
    cards = watched.period(scored.with_columns(label=pl.lit(0, pl.Int8))).cards
    return expect(scored["probability"].to_numpy(), scored["threshold"].to_numpy(), cards)


def movement(watched: Watched, features: Matrix, times: pl.Series) -> tuple[dict[str, Distance], float | None]:
    """Return how far each feature is from the reference, and the largest drift of the payment's own; None not known."""
    if watched.reference is None or not len(features):
        return {}, None
    columns = {name: features[:, place] for place, name in enumerate(watched.schema.names)}
    months = month_rows(times.dt.month())
    found = distances(counts_of(columns, watched.reference), months, watched.reference)
    return found, largest(found, watched.of_the_payment, of_the_clock=CLOCK_FEATURES)


def score_movement(watched: Watched, probabilities: npt.NDArray[np.float64]) -> Moved | None:
    """Return how far the scores are from those of the test."""
    if watched.reference is None:
        return None
    return moved(watched.reference.score.counts, count(probabilities, watched.reference.score.edges))


def told_drifts(found: Mapping[str, Distance]) -> dict[str, dict[str, float | None]]:
    """Return the distances as `windows.json` has them."""
    return {
        name: {
            "psi": each.whole.psi,
            "season": each.season.psi if each.season else None,
            "ks": each.whole.ks,
            "missing": each.whole.missing,
            "missing_before": each.whole.missing_before,
        }
        for name, each in found.items()
    }


def told_estimates(sums: Expected) -> dict[str, Estimate | None]:
    """Return the estimates of sums, rounded as they are written."""
    return {name: each and Estimate(*(round(value, 6) for value in each)) for name, each in estimates(sums).items()}


def for_the_rule(entry: Mapping[str, Any]) -> Window:
    """Return an entry of `windows.json` as the rule reads it: with what was promised, and the ends of intervals."""
    window: dict[str, float | None] = {name: entry.get(name) for name in ("f1", "recall", "frauds", "drift")}
    for name in ("f1", "recall"):
        bounds = (entry.get("intervals") or {}).get(name)
        promised = (entry.get("promised_intervals") or {}).get(name)
        window |= {f"{name}_upper": bounds and bounds[1], f"promised_{name}": promised and promised[0]}
    outlook = (entry.get("outlook") or {}).get("f1")
    window |= {"expected_f1": outlook and outlook[0], "expected_f1_upper": outlook and outlook[2]}
    return window | {"foreseen_f1": entry.get("foreseen_f1")}


def budget(manifest: Manifest, costs: CostRule) -> AlertBudget:
    """Return the stated budget, or else the one that the release was judged with.

    That of an early release, which has none, is of validation; raises `SettingsError` where that is not here.
    """
    if costs.alerts_per_day is not None:
        return AlertBudget(alerts_per_day=costs.alerts_per_day, derived=False)
    recorded = defined(manifest.metrics.get("validation", {}).get("alert_budget"))
    if recorded is not None:
        return AlertBudget(alerts_per_day=int(recorded), derived=True)
    validation = part_file("validation")
    if not validation.exists():
        raise SettingsError(
            f"release {manifest.version} does not say how many alerts a day it was judged with, and {validation} is "
            "not here to say it; state costs.alerts_per_day in params.yaml, or type `dvc repro preprocess`"
        )
    return budget_of(costs, read_period(pl.read_parquet(validation)))


def promised_of(watched: Watched) -> dict[str, Any]:
    """Return what the practice was worth when it was judged, how sure that was, and what its probabilities expected."""
    reference = watched.reference
    foreseen = estimates(reference.foreseen)["f1"] if reference else None
    return {
        "promised": watched.manifest.metrics.get("test", {}),
        "promised_intervals": {name: reference.promised.get(name) for name in SURE_OF} if reference else {},
        "foreseen_f1": foreseen and foreseen.lower,
    }
