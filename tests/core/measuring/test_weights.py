"""A row that was looked into stands for those that were not: one over the chance, and no more than the cap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.core.labels import LabelRule, weighed
from mlflow_fraud.core.measuring.calibrating import CalibrationRule, choose_calibration
from mlflow_fraud.core.measuring.cost import CostRule, budget_of
from mlflow_fraud.core.measuring.difference import differences
from mlflow_fraud.core.measuring.evaluation import WEIGHED, evaluate
from mlflow_fraud.core.measuring.interval import BootstrapRule, intervals
from mlflow_fraud.core.measuring.measures import DRAWN, count_cards
from mlflow_fraud.core.measuring.metrics import precision_recall_points, reliability_points
from mlflow_fraud.core.measuring.period import Period, read_period
from mlflow_fraud.core.measuring.threshold import ThresholdRule, choose_threshold, expected_best
from mlflow_fraud.core.measuring.weights import Weights
from tests.conftest import make_period

COSTS = CostRule(alert=5.0, missed_share=1.0, alerts_per_day=3, burst_gap_days=7)
OF_WHOLE_CARDS = {"bursts", "bursts_caught", "money_saved", "frauds_before_alert", "money_before_alert"}
OF_WHOLE_CARDS |= {"card_precision_at_k", "card_precision_at_k_best"}
POLICIES = (
    ThresholdRule(policy="max-f1"),
    ThresholdRule(policy="min-precision", precision=0.5),
    ThresholdRule(policy="alert-budget", alerts_per_day=2),
    ThresholdRule(policy="min-cost"),
)
CUT = 0.5

Scored = tuple[Period, np.ndarray]
scored = st.lists(
    st.tuples(st.booleans(), st.integers(0, 4), st.integers(0, 10), st.integers(1, 3)), min_size=1, max_size=40
).map(
    lambda rows: (
        make_period(
            [int(fraud) for fraud, *_ in rows],
            cards=np.unique([card for _, card, *_ in rows], return_inverse=True)[1].tolist(),
            amounts=[1000 + 50 * place for place in range(len(rows))],
        ),
        np.array([score / 10 for *_, score, _ in rows]),
        np.array([times for *_, times in rows], np.float64),
    )
)


def of_ones(period: Period) -> Period:
    ones = np.ones(len(period.labels))
    return replace(period, weights=Weights(ones, ones))


def many_rows(count: int = 4000, seed: int = 3) -> Scored:
    draw = np.random.default_rng(seed)
    true = draw.beta(0.3, 4, count)
    period = make_period(
        (draw.random(count) < true).astype(int).tolist(),
        cards=draw.integers(0, 200, count).tolist(),
        hours=np.sort(draw.random(count) * 24 * 60).tolist(),
        amounts=draw.integers(100, 50_000, count).tolist(),
    )
    return period, (0.6 * true + 0.4 * draw.beta(0.3, 4, count)).round(3)


def looked_into(
    period: Period, flagged: np.ndarray, share: float, draw: np.random.Generator
) -> tuple[Period, np.ndarray]:
    """Return what is known when alerts and a random share of the others are looked into, with its weights."""
    chances = np.where(flagged, 1.0, share)
    rows = draw.random(len(flagged)) < chances
    weights = Weights(1 / chances[rows], chances[rows])
    some = Period(period.labels[rows], period.cards[rows], period.times[rows], period.amounts[rows], weights=weights)
    return some, rows


@given(scored)
def test_weights_of_one_give_every_metric_to_the_bit(drawn: tuple[Period, np.ndarray, np.ndarray]) -> None:
    period, scores, _ = drawn
    plain, ours = evaluate(period, scores, CUT, COSTS), evaluate(of_ones(period), scores, CUT, COSTS)
    assert {name: ours[name] for name in plain if name not in OF_WHOLE_CARDS} == {
        name: value for name, value in plain.items() if name not in OF_WHOLE_CARDS
    }
    assert budget_of(COSTS.model_copy(update={"alerts_per_day": None}), period) == budget_of(
        COSTS.model_copy(update={"alerts_per_day": None}), of_ones(period)
    )


@given(scored)
def test_weights_of_one_give_every_measure_of_a_draw_to_the_bit(drawn: tuple[Period, np.ndarray, np.ndarray]) -> None:
    period, scores, _ = drawn
    times = np.random.default_rng(1).integers(0, 3, (4, count_cards(period))).astype(float)
    for name in DRAWN.keys() - OF_WHOLE_CARDS:
        plain, ours = (DRAWN[name](each, scores, CUT, COSTS)(times) for each in (period, of_ones(period)))
        np.testing.assert_array_equal(plain, ours, err_msg=name)


@pytest.mark.parametrize("method", ["auto", "platt", "beta", "isotonic"])
def test_weights_of_one_settle_alike_to_the_bit(method: str) -> None:
    period, scores = many_rows()
    rule = CalibrationRule.model_validate({"method": method})
    assert choose_calibration(period, scores, rule) == choose_calibration(of_ones(period), scores, rule)
    for policy in POLICIES:
        assert choose_threshold(period, scores, policy, COSTS) == choose_threshold(
            of_ones(period), scores, policy, COSTS
        )
    assert expected_best(scores) == expected_best(scores, np.ones(len(scores)))


def test_weights_of_one_give_the_same_intervals_contest_and_curves() -> None:
    period, scores = many_rows()
    rule, same = BootstrapRule(samples=400), of_ones(period)
    sides = ((scores, CUT), (np.sqrt(scores), CUT))
    found = intervals(period, scores, CUT, COSTS, rule)
    ours = intervals(same, scores, CUT, COSTS, rule)
    assert {name: ours[name] for name in found.keys() - OF_WHOLE_CARDS} == {
        name: found[name] for name in found.keys() - OF_WHOLE_CARDS
    }
    names = ["f1", "average_precision", "recall_at_budget"]
    assert differences(names, period, *sides, COSTS, rule) == differences(names, same, *sides, COSTS, rule)
    ones = np.ones(len(scores))
    for curve in (precision_recall_points, reliability_points):
        assert curve(period.labels, scores) == curve(period.labels, scores, ones)


@given(scored)
def test_a_row_of_weight_two_counts_as_two_rows(drawn: tuple[Period, np.ndarray, np.ndarray]) -> None:
    period, scores, times = drawn
    weighted = replace(period, weights=Weights(times, 1 / times))
    often = np.repeat(np.arange(len(scores)), times.astype(int))
    whole = Period(period.labels[often], period.cards[often], period.times[often], period.amounts[often])
    ours, theirs = evaluate(weighted, scores, CUT, COSTS), evaluate(whole, scores[often], CUT, COSTS)
    for name in theirs.keys() - OF_WHOLE_CARDS - {"rows", "frauds"}:
        assert ours[name] == pytest.approx(theirs[name]), name
    draws = np.random.default_rng(1).integers(0, 3, (4, count_cards(period))).astype(float)
    for name in DRAWN.keys() - OF_WHOLE_CARDS:
        found = (DRAWN[name](each, s, CUT, COSTS)(draws) for each, s in ((weighted, scores), (whole, scores[often])))
        np.testing.assert_allclose(*found, rtol=1e-9, atol=1e-12, err_msg=name)
    if period.fraud.any():
        for policy in POLICIES:
            cuts = (
                choose_threshold(weighted, scores, policy, COSTS),
                choose_threshold(whole, scores[often], policy, COSTS),
            )
            assert cuts[0] == cuts[1]


def test_the_weighted_estimates_have_no_bias() -> None:
    """Sums are unbiased on any number of rows, and shares of them as good as that on many: Horvitz, Thompson, Hájek."""
    period, scores = many_rows(20_000)
    truth = evaluate(period, scores, CUT, COSTS)
    draw, found = np.random.default_rng(11), list[list[float]]()
    names = ("recall", "precision", "f1", "brier", "expected_cost", "alerts_per_day", "average_precision")
    for _ in range(60):
        some, rows = looked_into(period, scores >= CUT, 0.1, draw)
        some_days = replace(some, times=np.where(np.arange(len(some.times)) == 0, period.times[0], some.times))
        some_days.times[-1] = period.times[-1]  # what is a sum a day is one over the same days
        measured = evaluate(some_days, scores[rows], CUT, COSTS)
        found.append([measured[name] or 0.0 for name in names])
    means, errors = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    for name, mean, error in zip(names, means, errors, strict=True):
        assert abs(mean - truth[name]) <= 4 * error + 1e-9, (name, mean, truth[name], error)


def test_the_interval_of_weighted_rows_holds_the_truth_about_as_often_as_it_says() -> None:
    period, scores = many_rows(10_000)
    truth = evaluate(period, scores, CUT, COSTS)
    draw, rule, held = np.random.default_rng(3), BootstrapRule(samples=200, confidence=0.9), {"recall": 0, "f1": 0}
    for _ in range(40):
        some, rows = looked_into(period, scores >= CUT, 0.1, draw)
        found = intervals(some, scores[rows], CUT, COSTS, rule)
        for name in held:
            lower, upper = found[name] or (1.0, 0.0)
            held[name] += lower <= (truth[name] or 0.0) <= upper
    assert min(held.values()) >= 32


def test_unweighted_rows_that_were_looked_into_flatter_recall() -> None:
    period, scores = many_rows(20_000)
    truth = evaluate(period, scores, CUT, COSTS)["recall"]
    some, rows = looked_into(period, scores >= CUT, 0.1, np.random.default_rng(0))
    assert evaluate(replace(some, weights=None), scores[rows], CUT, COSTS)["recall"] > 1.5 * truth


def test_calibration_of_weighted_rows_is_that_of_all_payments() -> None:
    """The alerts are another model's, which sees what this one does not: of equal scores it flags the frauds."""
    period, scores = many_rows(40_000)
    draw = np.random.default_rng(0)
    flagged = draw.random(len(scores)) < np.where(period.fraud, 0.6, 0.02)
    some, rows = looked_into(period, flagged, 0.1, draw)
    rule = CalibrationRule(method="platt")
    whole, weighted, bare = (
        choose_calibration(each, s, rule).calibration(np.array([0.02, 0.2, 0.7]))
        for each, s in ((period, scores), (some, scores[rows]), (replace(some, weights=None), scores[rows]))
    )
    assert np.abs(weighted - whole).max() < 0.03
    assert np.abs(bare - whole).max() > 0.1


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=1, max_size=20),
    st.floats(1, 100),
    st.lists(st.sampled_from([0, 1, None]), min_size=20, max_size=20),
)
def test_a_weight_is_one_over_the_chance_and_never_above_the_cap(
    chances: list[float | None], cap: float, labels: list[int | None]
) -> None:
    table = pl.DataFrame(
        {"label": labels[: len(chances)], "label_chance": chances},
        schema={"label": pl.Int8, "label_chance": pl.Float64},
    )
    rule = LabelRule(labels="selective", review_share=0.1, weight_cap=cap)
    for label, chance, weight in weighed(table, rule).rows():
        if label is None or not chance:
            assert weight is None
        else:
            assert 1 <= weight == min(1 / chance, cap)


def test_what_the_cap_does_stands_beside_the_metrics() -> None:
    period, scores = many_rows(20_000)
    some, rows = looked_into(period, scores >= CUT, 0.02, np.random.default_rng(5))
    assert some.weights is not None
    free = evaluate(some, scores[rows], CUT, COSTS)
    assert (free["capped_rows"], free["capped_share"], free["recall_cap_bias"]) == (0, 0.0, 0.0)
    held = replace(some, weights=Weights(np.minimum(some.weights.values, 10), some.weights.chances))
    found = evaluate(held, scores[rows], CUT, COSTS)
    assert found["capped_rows"] == (some.weights.values > 10).sum()
    assert found["capped_share"] == pytest.approx(
        1 - held.counted(np.ones(rows.sum())).sum() / some.weights.values.sum()
    )
    assert found["recall_cap_bias"] == pytest.approx(found["recall"] - free["recall"])
    assert found["recall_cap_bias"] > 0.02
    assert free["effective_rows"] < found["effective_rows"] < found["rows"] == len(some.labels)


def test_what_needs_whole_cards_is_not_defined_of_some_of_their_payments() -> None:
    period, scores = many_rows()
    some, rows = looked_into(period, scores >= CUT, 0.5, np.random.default_rng(5))
    found = evaluate(some, scores[rows], CUT, COSTS)
    assert all(found[name] is None for name in OF_WHOLE_CARDS)
    assert intervals(some, scores[rows], CUT, COSTS, BootstrapRule(samples=400))["bursts_caught"] is None


def test_of_scores_that_are_no_numbers_only_the_rows_are_counted() -> None:
    period, scores = many_rows(200)
    found = evaluate(of_ones(period), np.full(len(scores), np.nan), CUT, COSTS)
    assert {name for name, value in found.items() if value is not None} == {"frauds", "rows", "alert_budget", *WEIGHED}


def test_complete_labels_have_no_word_of_weights() -> None:
    period, scores = many_rows(200)
    assert not any("cap" in name or "effective" in name for name in evaluate(period, scores, CUT, COSTS))


@pytest.mark.parametrize("change", [lambda rows: rows, lambda rows: rows.drop("weight", "label_chance")])
def test_a_period_has_weights_where_its_table_has(change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    table: Any = pl.DataFrame(
        {
            "label": pl.Series([1, 0], dtype=pl.Int8),
            "event_time": pl.Series(["2020-01-01", "2020-01-02"]).str.to_datetime(time_unit="us"),
            "block": [1, 2],
            "amount_minor": [100, 200],
            "label_chance": [1.0, 0.01],
            "weight": [1.0, 50.0],
        }
    )
    weights = read_period(change(table)).weights
    if "weight" in change(table).columns:
        assert weights is not None
        assert (weights.values.tolist(), weights.capped.tolist()) == ([1.0, 50.0], [False, True])
    else:
        assert weights is None
