"""Intervals redraw whole cards, lie around the metric, and know which way is better."""

from __future__ import annotations

import time

import numpy as np
import pytest
from pydantic import ValidationError

from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.measuring.difference import Side, differences
from mlflow_fraud.core.measuring.evaluation import evaluate
from mlflow_fraud.core.measuring.interval import BootstrapRule, Interval, intervals
from mlflow_fraud.core.measuring.period import Period
from tests.conftest import make_period

RULE = BootstrapRule()
COSTS = CostRule(alert=5.0, missed_share=1.0, alerts_per_day=10, burst_gap_days=7)
THRESHOLD = 0.5


def many(rows: int = 5000, cards: int = 200, seed: int = 0) -> Period:
    draw = np.random.default_rng(seed)
    return make_period(
        (draw.random(rows) < 0.1).astype(int).tolist(),
        cards=draw.integers(0, cards, rows).tolist(),
        hours=np.arange(rows),
    )


def perfect(period: Period) -> np.ndarray:
    return period.labels.astype(float)


@pytest.mark.parametrize(("confidence", "needed"), [(0.95, 400), (0.9, 200), (0.99, 2000)])
def test_fewer_draws_than_leave_ten_beyond_each_bound_are_refused_with_the_number_that_does(
    confidence: float, needed: int
) -> None:
    assert BootstrapRule(samples=needed, confidence=confidence).samples == needed
    with pytest.raises(ValidationError, match=rf"beyond each bound.*, 10 are needed to read it; set {needed} or more"):
        BootstrapRule(samples=needed - 1, confidence=confidence)


def test_an_interval_lies_around_the_metric_and_the_seed_fixes_it() -> None:
    period = many()
    scores = np.clip(perfect(period) * 0.5 + np.random.default_rng(1).random(5000) * 0.7, 0, 1)
    found, metrics = intervals(period, scores, THRESHOLD, COSTS, RULE), evaluate(period, scores, THRESHOLD, COSTS)
    for name, bounds in found.items():
        assert bounds is not None
        assert bounds[0] <= metrics[name] <= bounds[1]
    assert found == intervals(period, scores, THRESHOLD, COSTS, RULE)


def test_frauds_that_come_card_by_card_leave_more_doubt_than_as_many_alone() -> None:
    labels = ([1] * 20 + [0] * 80) * 10
    alone = make_period(labels)
    by_card = make_period(labels, cards=np.repeat(np.arange(10), 100).tolist())
    scores = np.where(np.arange(1000) < 500, 0.9, 0.1)
    wide, narrow = (intervals(period, scores, THRESHOLD, COSTS, RULE)["recall"] for period in (by_card, alone))
    assert wide is not None
    assert narrow is not None
    assert wide[1] - wide[0] > 2 * (narrow[1] - narrow[0])


def difference(
    metric: str, period: Period, challenger: Side, champion: Side, costs: CostRule, rule: BootstrapRule
) -> Interval | None:
    found = differences([metric], period, challenger, champion, costs, rule)[metric]
    return found.interval(rule.tail) if found else None


def test_a_metric_that_no_draw_has_has_no_interval() -> None:
    period = make_period([0] * 20)
    found = intervals(period, np.zeros(20), THRESHOLD, COSTS, RULE)
    assert found["recall"] is None
    assert found["average_precision"] is None
    assert found["expected_cost"] == (0.0, 0.0)
    assert set(intervals(make_period([]), np.empty(0), THRESHOLD, COSTS, RULE).values()) == {None}


@pytest.mark.parametrize("metric", ["f1", "average_precision", "expected_cost"])
def test_a_model_against_itself_gains_exactly_nothing(metric: str) -> None:
    period = many()
    same = (np.random.default_rng(0).random(5000), THRESHOLD)
    found = difference(metric, period, same, same, COSTS, RULE)
    assert found is not None
    assert (found.estimate, found.lower, found.upper) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("metric", ["f1", "average_precision", "expected_cost"])
def test_a_clearly_better_model_has_its_whole_interval_above_zero_whichever_way_is_better(metric: str) -> None:
    period = many()
    better, coin = (perfect(period), THRESHOLD), (np.random.default_rng(0).random(5000), THRESHOLD)
    gained, lost = (difference(metric, period, *pair, COSTS, RULE) for pair in ((better, coin), (coin, better)))
    assert gained is not None
    assert lost is not None
    assert gained.lower > 0.5
    assert lost.upper < -0.5
    assert gained == difference(metric, period, better, coin, COSTS, RULE)


def test_without_frauds_there_is_no_difference_to_speak_of() -> None:
    nothing = (np.zeros(20), THRESHOLD)
    assert difference("average_precision", make_period([0] * 20), nothing, nothing, COSTS, RULE) is None


def test_false_alarms_without_fraud_are_no_f1_of_zero() -> None:
    flags, none = (np.full(20, 0.9), THRESHOLD), (np.zeros(20), THRESHOLD)
    assert difference("f1", make_period([0] * 20), none, flags, COSTS, RULE) is None
    assert intervals(make_period([0] * 20), flags[0], THRESHOLD, COSTS, RULE)["f1"] is None


@pytest.mark.parametrize("metric", ["f1", "average_precision", "expected_cost"])
def test_one_card_is_the_same_in_every_draw_so_it_proves_nothing(metric: str) -> None:
    period = make_period([1, 0] * 30, cards=[0] * 60)
    better, worse = (perfect(period), THRESHOLD), (1 - perfect(period), THRESHOLD)
    assert difference(metric, period, better, worse, COSTS, RULE) is None
    assert set(intervals(period, *better, COSTS, RULE).values()) == {None}


def test_frauds_of_two_cards_among_many_leave_too_many_draws_without_any() -> None:
    labels, cards = [1] * 60 + [0] * 100, [0] * 30 + [1] * 30 + list(range(2, 102))
    better, worse = (np.array(labels, float), THRESHOLD), (np.full(160, 0.9), THRESHOLD)
    assert difference("f1", make_period(labels, cards=cards), better, worse, COSTS, RULE) is None
    spread = [place % 40 for place in range(60)] + list(range(40, 140))
    assert difference("f1", make_period(labels, cards=spread), better, worse, COSTS, RULE) is not None


def test_five_hundred_samples_of_a_full_test_period_take_seconds() -> None:
    draw = np.random.default_rng(3)
    labels = (draw.random(180_000) < 0.005).astype(int).tolist()
    period = make_period(labels, cards=draw.integers(0, 1000, 180_000).tolist())
    scores = draw.random(180_000)
    begin = time.perf_counter()
    intervals(period, scores, 0.99, COSTS, RULE)
    assert time.perf_counter() - begin < 10
