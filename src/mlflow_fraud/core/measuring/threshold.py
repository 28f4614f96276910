"""From which probability on a payment is flagged: chosen on scores of rows not learned, frozen in the release."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from mlflow_fraud.core.errors import DataError, SettingsError
from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.measuring.cutoff import LEAST, Cutoff
from mlflow_fraud.core.measuring.digits import ROOM, below, rounded
from mlflow_fraud.core.measuring.metrics import Probabilities, Weighing
from mlflow_fraud.core.measuring.period import Period
from mlflow_fraud.core.strict import Strict

Values = npt.NDArray[np.float64]
Policy = Literal["max-f1", "min-precision", "alert-budget", "min-cost", "expected-loss"]

ASKS = {"min-precision": "precision", "alert-budget": "alerts_per_day"}
"""The number that a policy needs; the others need none."""

FORBIDDEN = -np.inf


class ThresholdRule(Strict):
    """The section `threshold` of `params.yaml`.

    - `max-f1`: the best F1.
    - `min-precision`: the highest recall with at least this `precision`.
    - `alert-budget`: the highest recall with at most so many `alerts_per_day`, in the mean over calendar days.
    - `min-cost`: the lowest cost of alerts and missed frauds, as the section `costs` has them.
    - `expected-loss`: each payment by its own amount, where what would be lost of it is more than an alert costs.
    """

    policy: Policy
    precision: float | None = Field(default=None, gt=0, le=1)
    alerts_per_day: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _has_what_the_policy_asks(self) -> Self:
        for policy, name in ASKS.items():
            given = getattr(self, name) is not None
            if policy == self.policy and not given:
                raise ValueError(f"the policy {policy} needs `{name}:`")
            if policy != self.policy and given:
                raise ValueError(f"`{name}` belongs to the policy {policy}, not to {self.policy}; take one out")
        return self


@dataclass(frozen=True)
class Cuts:
    """What may be flagged: nothing, or all at or over one of the scores; the highest threshold first.

    `missed` is the money of the frauds that pass, in units of money.
    """

    thresholds: Values
    flagged: Values
    hits: Values
    missed: Values
    frauds: float
    days: int


def choose_cutoff(period: Period, probabilities: Probabilities, rule: ThresholdRule, costs: CostRule) -> Cutoff:
    """Return what the policy flags from, written as a short number that parts no equal ones.

    Raises `DataError` as `choose_threshold` does, and `SettingsError` where `expected-loss` is asked for and a missed
    fraud costs nothing.
    """
    if rule.policy == "expected-loss":
        return _by_expected_loss(period, probabilities, costs)
    threshold = choose_threshold(period, probabilities, rule, costs)
    return Cutoff(min(1.0, in_few_digits(threshold, probabilities)))


def _by_expected_loss(period: Period, probabilities: Probabilities, costs: CostRule) -> Cutoff:
    """Return the loss that an alert is worth, or a larger one where the team could not look into so many.

    The budget is `costs.alerts_per_day` where that is stated: at most so many alerts a day in the mean over the
    period's calendar days, which the least such loss keeps.
    """
    require_fraud(period)
    require_numbers(probabilities)
    if not costs.missed_share:
        raise SettingsError(
            "the policy expected-loss weighs an alert against what a missed fraud costs, and costs.missed_share is 0; "
            "expected more than 0, or another policy"
        )
    worth = costs.alert / costs.missed_share
    if costs.alerts_per_day is not None:
        losses = probabilities * np.maximum(period.amounts, LEAST) / 10**period.decimals
        cuts = cuts_of(period, losses)
        kept = np.flatnonzero(cuts.flagged / cuts.days <= costs.alerts_per_day)
        worth = max(worth, in_few_digits(float(cuts.thresholds[kept[-1]]), losses))
    typical = int(np.median(period.amounts[period.fraud]))
    return Cutoff(min(1.0, rounded(Cutoff(1.0, worth).of(typical, decimals=period.decimals))), worth)


def choose_threshold(period: Period, scores: Probabilities, rule: ThresholdRule, costs: CostRule) -> float:
    """Return the score at which flagging it and everything above serves the policy best; the highest such score.

    Where no score does, because even the highest breaks the policy or costs more than it saves, the
    threshold is the next number above it, and nothing of the period is flagged.
    Raises `DataError` when the period holds no fraud: then nothing tells a good threshold from a bad one. `rule` is
    none that gives each payment its own.

    >>> at = np.array(["2020-01-01"] * 4, "datetime64[us]")
    >>> rows = Period(np.array([0, 1, 0, 1], np.int8), np.arange(4), at, np.full(4, 5000))
    >>> costs = CostRule(alert=5.0, missed_share=1.0, alerts_per_day=10, burst_gap_days=7)
    >>> choose_threshold(rows, np.array([0.1, 0.9, 0.7, 0.6]), ThresholdRule(policy="max-f1"), costs)
    0.6
    >>> careful = ThresholdRule(policy="min-precision", precision=0.9)
    >>> choose_threshold(rows, np.array([0.1, 0.9, 0.7, 0.6]), careful, costs)
    0.9
    """
    require_fraud(period)
    require_numbers(scores)
    cuts = cuts_of(period, scores)
    return float(cuts.thresholds[int(np.argmax(_WORTH[rule.policy](cuts, rule, costs)))])


def expected_best(probabilities: Probabilities, weights: Weighing = None) -> float:
    """Return the probability from which on F1 is expected to be best, were each that of its row to be fraud.

    It is about half of that F1 (Lipton, Elkan and Naryanaswamy, 2014, "Optimal Thresholding of Classifiers to Maximize
    F1 Measure"). No label is looked at, so it moves little from one lot of rows to the next.

    >>> expected_best(np.array([0.9, 0.8, 0.3, 0.01, 0.01]))
    0.8
    """
    order = np.argsort(probabilities)[::-1]
    ranked = probabilities[order]
    last = np.flatnonzero(np.append(np.diff(ranked) != 0, True))
    each = np.ones(len(ranked)) if weights is None else weights[order]
    hits, flagged = np.cumsum(ranked * each)[last], np.cumsum(each)[last]
    return float(ranked[last][int(np.argmax(2 * hits / (flagged + hits[-1])))])


def in_few_digits(threshold: float, scores: Probabilities) -> float:
    """Return a short number that flags the same of these scores, and is itself none of them.

    Another processor may find a score's last digit one lower, and would pass the row that made the threshold.

    >>> in_few_digits(0.6, np.array([0.1, 0.9, 0.7, 0.6]))
    0.599998
    """
    flagged, passed = scores[scores >= threshold], scores[scores < threshold]
    least = float(flagged.min()) if len(flagged) else threshold + ROOM * abs(threshold)
    return below(least, float(passed.max()) if len(passed) else None)


def thresholds_of(cutoff: Cutoff, period: Period) -> Values:
    """Return from which probability on each row of a period is flagged, shape (rows,)."""
    return cutoff.of_rows(period.amounts, decimals=period.decimals)


def require_fraud(validation: Period) -> None:
    """Raise `DataError` where validation holds no fraud."""
    if not validation.fraud.any():
        raise DataError("validation holds no fraud, so no threshold can be chosen; make validation_days longer")


def require_numbers(scores: Probabilities) -> None:
    """Raise `DataError` where a score is no number: no threshold is above or below it."""
    lost = int((~np.isfinite(scores)).sum())
    if lost:
        raise DataError(
            f"the model gives {lost:,} of {len(scores):,} validation rows no score, so no threshold can be chosen; "
            "look at its parameters in params.yaml"
        )


def cuts_of(period: Period, scores: Probabilities) -> Cuts:
    """Return the possible cuts; none passes between equal scores."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.flatnonzero(np.append(np.diff(ranked) != 0, True))
    hits = np.cumsum(period.counted(period.fraud)[order])[last]
    caught = np.cumsum(period.counted(np.where(period.fraud, period.amounts, 0))[order])[last]
    money = caught[-1]
    return Cuts(
        thresholds=np.append(np.nextafter(ranked[0], np.inf), ranked[last]),
        flagged=np.append(0.0, np.cumsum(period.counted(np.ones(len(order)))[order])[last]),
        hits=np.append(0.0, hits),
        missed=np.append(money, money - caught) / 10**period.decimals,
        frauds=float(hits[-1]),
        days=period.days,
    )


def _f1(cuts: Cuts, rule: ThresholdRule, costs: CostRule) -> Values:
    return 2 * cuts.hits / (cuts.flagged + cuts.frauds)


def _recall_with_precision(cuts: Cuts, rule: ThresholdRule, costs: CostRule) -> Values:
    assert rule.precision is not None
    return np.where(cuts.hits / np.maximum(cuts.flagged, 1) >= rule.precision, cuts.hits, FORBIDDEN)


def _recall_in_budget(cuts: Cuts, rule: ThresholdRule, costs: CostRule) -> Values:
    assert rule.alerts_per_day is not None
    return np.where(cuts.flagged / cuts.days <= rule.alerts_per_day, cuts.hits, FORBIDDEN)


def _cheapness(cuts: Cuts, rule: ThresholdRule, costs: CostRule) -> Values:
    return -(costs.alert * cuts.flagged + costs.missed_share * cuts.missed)


_WORTH: dict[Policy, Callable[[Cuts, ThresholdRule, CostRule], Values]] = {
    "max-f1": _f1,
    "min-precision": _recall_with_precision,
    "alert-budget": _recall_in_budget,
    "min-cost": _cheapness,
}
