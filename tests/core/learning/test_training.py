"""Validation settles calibration and threshold; the test period only measures."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from pydantic import ValidationError

from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.learning.training import Assessment, JudgeRules, Scored, Settled, assess, settle
from mlflow_fraud.core.measuring.calibrating import CalibrationRule
from mlflow_fraud.core.measuring.cost import AlertBudget, CostRule
from mlflow_fraud.core.measuring.evaluation import evaluate
from mlflow_fraud.core.measuring.interval import BootstrapRule
from mlflow_fraud.core.measuring.period import Period
from mlflow_fraud.core.measuring.threshold import ThresholdRule, choose_threshold, expected_best, in_few_digits
from tests.conftest import make_period

COSTS = CostRule(alert=5.0, missed_share=1.0, alerts_per_day=10, burst_gap_days=7)
RULES = JudgeRules(
    ThresholdRule(policy="max-f1"), CalibrationRule(), COSTS, BootstrapRule(samples=100, confidence=0.8), held=True
)


def scored(seed: int, *, rows: int = 3000) -> Scored:
    draw = np.random.default_rng(seed)
    true = 1 / (1 + np.exp(-draw.normal(-3, 2, rows)))
    period = make_period((draw.random(rows) < true).astype(int).tolist(), cards=draw.integers(0, 100, rows).tolist())
    return Scored(period, true**2)


def assessed(validation: Scored, test: Scored) -> Assessment:
    settled = settle(validation, RULES)
    calibrated = [Scored(part.period, settled.calibration(part.scores)) for part in (validation, test)]
    return assess(settled, calibrated[0], calibrated[1], RULES)


def test_the_test_labels_have_no_say_in_what_is_settled() -> None:
    validation, test = scored(1), scored(2)
    period = test.period
    turned = Scored(Period(1 - period.labels, period.cards, period.times, period.amounts), test.scores)
    one, other = assessed(validation, test), assessed(validation, turned)
    assert (one.threshold, one.calibration, one.validation) == (other.threshold, other.calibration, other.validation)
    assert one.test != other.test


def test_the_threshold_is_on_the_calibrated_probability() -> None:
    validation = scored(1)
    settled = settle(validation, RULES)
    assert settled.calibration.method != "none"
    probabilities = settled.calibration(validation.scores)
    assert settled.cutoff.threshold == in_few_digits(expected_best(probabilities), probabilities)
    for rules in (replace(RULES, threshold=ThresholdRule(policy="min-cost")), replace(RULES, held=False)):
        chosen = choose_threshold(validation.period, probabilities, rules.threshold, COSTS)
        assert settle(validation, rules).cutoff.threshold == in_few_digits(chosen, probabilities)


@pytest.mark.slow
def test_a_threshold_moves_less_from_draw_to_draw_than_the_best_by_labels_and_is_no_worse() -> None:
    fresh, held, labels = scored(99, rows=50_000), [], []
    for seed in range(20):
        drawn = scored(seed, rows=1000)
        settled = settle(drawn, RULES)
        probabilities = settled.calibration(drawn.scores)
        held.append((settled, settled.cutoff.threshold))
        labels.append((settled, choose_threshold(drawn.period, probabilities, RULES.threshold, COSTS)))
    spread = [np.std([np.log(threshold) for _, threshold in each]) for each in (held, labels)]
    f1 = [np.mean([_f1(fresh, *each) for each in some]) for some in (held, labels)]
    assert spread[0] < spread[1] / 2
    assert f1[0] > f1[1]


def test_scores_that_are_no_probabilities_are_cut_where_their_labels_say() -> None:
    validation = scored(1)
    crooked = Scored(validation.period, validation.scores**0.05)
    plain = replace(RULES, calibration=CalibrationRule(method="none"))
    chosen = choose_threshold(crooked.period, crooked.scores, RULES.threshold, COSTS)
    assert expected_best(crooked.scores) < chosen / 2
    assert settle(crooked, plain).cutoff.threshold == in_few_digits(chosen, crooked.scores)


def test_of_frauds_on_too_few_cards_the_labels_cut_what_nobody_calibrated() -> None:
    labels = [1] * 30 + [0] * 970
    period = make_period(labels, cards=[place % 3 if label else 10 + place for place, label in enumerate(labels)])
    scores = np.where(np.array(labels) == 1, 0.9, 0.4)
    plain = replace(RULES, calibration=CalibrationRule(method="none"))
    assert expected_best(scores) == 0.4
    assert 0.4 < settle(Scored(period, scores), plain).cutoff.threshold < 0.9
    assert 0 < settle(Scored(period, scores), RULES).cutoff.threshold < 1


@pytest.mark.parametrize(
    "scores", [[0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0], [0.3, 0.3, 0.3, 0.3], [0.0, 1.0, 0.0, 1.0]]
)
@pytest.mark.parametrize(
    "rule",
    [
        ThresholdRule(policy="max-f1"),
        ThresholdRule(policy="min-cost"),
        ThresholdRule(policy="min-precision", precision=1.0),
        ThresholdRule(policy="alert-budget", alerts_per_day=0.1),
        ThresholdRule(policy="expected-loss"),
    ],
    ids=lambda rule: rule.policy,
)
@pytest.mark.parametrize("method", ["auto", "none", "platt", "beta", "isotonic"])
def test_a_threshold_is_a_probability_whatever_the_scores(
    scores: list[float], rule: ThresholdRule, method: Literal["auto", "none", "platt", "beta", "isotonic"]
) -> None:
    rules = replace(RULES, threshold=rule, calibration=CalibrationRule(method=method, folds=2))
    settled = settle(Scored(make_period([0, 1, 1, 0] * 10), np.array(scores * 10)), rules)
    assert 0 <= settled.cutoff.threshold <= 1


def test_what_judges_a_model_has_no_say_in_its_threshold() -> None:
    other = replace(RULES, bootstrap=BootstrapRule(samples=900, confidence=0.8, seed=1))
    assert settle(scored(1), other) == settle(scored(1), RULES)


def test_where_f1_is_expected_to_be_best_equal_scores_are_not_parted() -> None:
    assert expected_best(np.array([0.5, 0.4, 0.4, 0.4, 0.0])) == 0.4
    assert expected_best(np.array([0.7])) == 0.7
    assert expected_best(np.zeros(3)) == 0.0


def _f1(rows: Scored, settled: Settled, threshold: float) -> float:
    return evaluate(rows.period, settled.calibration(rows.scores), threshold, COSTS)["f1"] or 0.0


def test_an_assessment_survives_its_file() -> None:
    found = assessed(scored(1), scored(2))
    assert Assessment.model_validate(found.model_dump(mode="json")) == found
    assert found.intervals["f1"] is not None


def test_validation_without_fraud_settles_nothing() -> None:
    with pytest.raises(DataError, match="make validation_days longer"):
        settle(Scored(make_period([0, 0]), np.array([0.1, 0.2])), RULES)
    with pytest.raises(DataError, match="make validation_days longer"):
        settle(Scored(make_period([]), np.empty(0)), RULES)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_no_numbers_settle_nothing(bad: float) -> None:
    with pytest.raises(DataError, match="gives 1 of 3 validation rows no score"):
        settle(Scored(make_period([0, 1, 0]), np.array([0.1, bad, 0.2])), RULES)


def test_both_periods_are_judged_with_the_budget_of_validation_unless_one_is_given() -> None:
    free = JudgeRules(
        RULES.threshold, RULES.calibration, COSTS.model_copy(update={"alerts_per_day": None}), RULES.bootstrap
    )
    validation, test = scored(1), scored(2)
    settled = settle(validation, free)
    found = assess(settled, validation, test, free)
    assert found.budget.derived
    assert found.validation["alert_budget"] == found.test["alert_budget"] == found.budget.alerts_per_day
    given = AlertBudget(alerts_per_day=3, derived=True)
    assert assess(settled, validation, test, replace(free, budget=given)).test["alert_budget"] == 3


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_metrics_that_are_read_back_are_numbers_or_null(bad: float) -> None:
    document = assessed(scored(1), scored(2)).model_dump(mode="json")
    for section, name in (("test", "f1"), ("validation", "recall"), ("intervals", "f1")):
        spoiled = {**document[section], name: [bad, 1.0] if section == "intervals" else bad}
        with pytest.raises(ValidationError, match="finite number"):
            Assessment.model_validate({**document, section: spoiled})
    with pytest.raises(ValidationError, match="finite number"):
        Assessment.model_validate({**document, "threshold": bad})


@pytest.mark.parametrize(
    ("labels", "cards"),
    [
        pytest.param([1, 0], [0, 1], id="two rows"),
        pytest.param([1, 0, 0, 0], [0, 0, 0, 0], id="one card"),
        pytest.param([1, 0, 0, 1, 0], [0, 1, 1, 0, 1], id="a card that is all fraud"),
        pytest.param([1] * 9 + [0], list(range(10)), id="nearly nothing but fraud"),
    ],
)
@pytest.mark.parametrize("scores", [0.5, None], ids=["all alike", "apart"])
def test_a_degenerate_validation_settles_something_finite(
    labels: list[int], cards: list[int], scores: float | None
) -> None:
    period = make_period(labels, cards=cards)
    given = np.linspace(0.1, 0.9, len(labels)) if scores is None else np.full(len(labels), scores)
    settled = settle(Scored(period, given), RULES)
    found = assess(settled, Scored(period, settled.calibration(given)), scored(2), RULES)
    assert np.isfinite(found.threshold)
    assert Assessment.model_validate(found.model_dump(mode="json")) == found
