"""What a trained candidate is worth: calibration and threshold from validation, metrics from both periods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from mlflow_fraud.core.measuring.calibrating import CalibrationRule, Tried, choose_calibration
from mlflow_fraud.core.measuring.calibration import Calibration, Method
from mlflow_fraud.core.measuring.cost import AlertBudget, CostRule, budget_of
from mlflow_fraud.core.measuring.cutoff import Cutoff
from mlflow_fraud.core.measuring.difference import differences
from mlflow_fraud.core.measuring.digits import rounded_figures
from mlflow_fraud.core.measuring.evaluation import evaluate
from mlflow_fraud.core.measuring.interval import BootstrapRule, Bounds, intervals
from mlflow_fraud.core.measuring.metrics import Metrics, Probabilities
from mlflow_fraud.core.measuring.period import Period
from mlflow_fraud.core.measuring.threshold import (
    ThresholdRule,
    choose_cutoff,
    choose_threshold,
    expected_best,
    in_few_digits,
    require_fraud,
    require_numbers,
    thresholds_of,
)
from mlflow_fraud.core.progress import Progress
from mlflow_fraud.core.strict import Strict

FAR_BETTER = 0.001
"""A threshold is taken that labels made when chance has at most this probability to show it so much better."""

DRAWS = BootstrapRule()
"""Those that see it. Not the verdict's: what judges a model is no part of how it is made."""


@dataclass(frozen=True)
class JudgeRules:
    """How a candidate is calibrated, cut and judged: sections of `params.yaml`.

    `budget` is given where several tests are to have the same; otherwise it is of the costs and of validation.
    `held` is for a practice that settles again and again: its cut for the best F1 is where the probabilities expect it.
    """

    threshold: ThresholdRule
    calibration: CalibrationRule
    costs: CostRule
    bootstrap: BootstrapRule
    budget: AlertBudget | None = None
    held: bool = False


class Scored(NamedTuple):
    """The rows of one period and what the shipped model gives them."""

    period: Period
    scores: Probabilities


class Settled(NamedTuple):
    """What honest scores decide of a model: how its scores become probabilities, and from which of them on it flags."""

    calibration: Calibration
    cutoff: Cutoff
    tried: dict[Method, Tried]


class Assessment(Strict):
    """The content of a candidate's `metrics.json`; its figures have the digits that every processor finds.

    `threshold` and `expected_loss` are the `cutoff`.

    `intervals` are those of the test metrics, `calibrations_tried` what each method came to on validation, and
    `budget` is how many alerts a day both periods are judged with.
    """

    validation: Metrics
    test: Metrics
    threshold: float
    expected_loss: float | None = None
    intervals: dict[str, Bounds | None]
    calibration: Calibration
    calibrations_tried: dict[Method, dict[str, float]]
    budget: AlertBudget

    @property
    def cutoff(self) -> Cutoff:
        """From which probability on it flags."""
        return Cutoff(self.threshold, self.expected_loss)


def settle(validation: Scored, rules: JudgeRules) -> Settled:
    """Return calibration and threshold; `validation` holds scores of rows not learned, and is all that is looked at.

    The threshold is a probability too: one over the highest score of all is 1 at most.
    """
    require_fraud(validation.period)
    require_numbers(validation.scores)
    choice = choose_calibration(*validation, rules.calibration)
    cutoff = settle_cutoff(validation.period, choice.calibration(validation.scores), rules)
    return Settled(calibration=choice.calibration, cutoff=cutoff, tried=choice.tried)


def settle_cutoff(period: Period, probabilities: Probabilities, rules: JudgeRules) -> Cutoff:
    """Return from what on the policy flags, settled on honest probabilities of a period's rows.

    Raises what `choose_cutoff` raises.
    """
    require_fraud(period)
    require_numbers(probabilities)
    if not rules.held or rules.threshold.policy != "max-f1":
        return choose_cutoff(period, probabilities, rules.threshold, rules.costs)
    threshold = choose_threshold(period, probabilities, rules.threshold, rules.costs)
    threshold = _steadied(threshold, period, probabilities, rules)
    return Cutoff(min(1.0, in_few_digits(threshold, probabilities)))


def _steadied(best: float, period: Period, probabilities: Probabilities, rules: JudgeRules) -> float:
    """Return where the probabilities expect the best F1, or `best` where that surely has a better one.

    F1 is flat about its top, so on some hundred frauds chance says where the highest point is, and two fits of one
    recipe would trade precision for recall. Probabilities that are none, uncalibrated ones, are seen here; of too few
    cards to see it, labels say where to cut what nobody calibrated.
    """
    expected = expected_best(probabilities, period.stands_for)
    pair = ((probabilities, best), (probabilities, expected))
    gain = differences(["f1"], period, *pair, rules.costs, DRAWS)["f1"]
    if gain is None:
        return best if rules.calibration.method == "none" else expected
    return best if gain.lower(FAR_BETTER) > 0 else expected


def assess(
    settled: Settled, validation: Scored, test: Scored, rules: JudgeRules, progress: Progress = lambda line: None
) -> Assessment:
    """Return the metrics of calibrated probabilities; the test labels are read once, after all is settled."""
    budget = rules.budget or budget_of(rules.costs, validation.period)
    costs = rules.costs.within(budget)
    before, after = (thresholds_of(settled.cutoff, each.period) for each in (validation, test))
    return Assessment(
        validation=rounded_figures(evaluate(*validation, before, costs)),
        test=rounded_figures(evaluate(*test, after, costs)),
        threshold=settled.cutoff.threshold,
        expected_loss=settled.cutoff.expected_loss,
        intervals=rounded_figures(intervals(*test, after, costs, rules.bootstrap, progress)),
        calibration=settled.calibration,
        calibrations_tried={method: rounded_figures(tried._asdict()) for method, tried in settled.tried.items()},
        budget=budget,
    )
