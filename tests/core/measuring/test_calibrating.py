"""Calibration finds what was done to the probabilities, and is chosen on cards that it has not seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from mlflow_fraud.core.measuring.calibrating import (
    CalibrationRule,
    choose_calibration,
    cross_fitted,
    deal_cards,
    fit_calibration,
)
from mlflow_fraud.core.measuring.calibration import Method
from mlflow_fraud.core.measuring.metrics import calibration_error
from mlflow_fraud.core.measuring.period import Period
from tests.conftest import make_period

METHODS: tuple[Method, ...] = ("none", "platt", "beta", "isotonic")
AUTO = CalibrationRule()


def rare(rows: int, seed: int) -> tuple[Period, np.ndarray]:
    """Return labels drawn with true probabilities, most of them small, and these probabilities."""
    draw = np.random.default_rng(seed)
    true = 1 / (1 + np.exp(-draw.normal(-5, 2.5, rows)))
    period = make_period((draw.random(rows) < true).astype(int).tolist(), cards=draw.integers(0, 200, rows).tolist())
    return period, true


def odds(probabilities: np.ndarray) -> np.ndarray:
    return np.log(probabilities / (1 - probabilities))


def distorted(true: np.ndarray, slope: float, shift: float) -> np.ndarray:
    return 1 / (1 + np.exp(-(slope * odds(true) + shift)))


def test_platt_undoes_a_stretched_and_shifted_logit() -> None:
    period, true = rare(60_000, 1)
    found = fit_calibration("platt", period.labels, distorted(true, 2.0, 1.0))
    assert found.coefficients == pytest.approx((0.5, -0.5), abs=0.06)


def test_platt_is_logistic_regression_on_the_log_odds() -> None:
    period, true = rare(20_000, 2)
    found = fit_calibration("platt", period.labels, true).coefficients
    by_library = LogisticRegression(C=1e6, tol=1e-10).fit(odds(true)[:, None], period.labels)
    assert found == pytest.approx((by_library.coef_[0, 0], by_library.intercept_[0]), abs=0.01)


@pytest.mark.parametrize("method", ["platt", "beta", "isotonic"])
def test_a_distortion_is_found_on_rows_that_were_not_seen(method: Method) -> None:
    (seen, true), (unseen, there) = rare(40_000, 3), rare(40_000, 4)
    found = fit_calibration(method, seen.labels, distorted(true, 0.6, -1.5))
    before, after = distorted(there, 0.6, -1.5), found(distorted(there, 0.6, -1.5))
    assert calibration_error(unseen.labels, after) < calibration_error(unseen.labels, before) / 3


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1, width=32)), min_size=2, max_size=60),
)
def test_whatever_the_scores_a_calibration_comes_out_and_average_precision_stays(
    method: Method, rows: list[tuple[int, float]]
) -> None:
    labels, scores = np.array([y for y, _ in rows], np.int8), np.array([s for _, s in rows]).round(6)
    found = fit_calibration(method, labels, scores)
    if 0 < labels.sum() < len(labels):
        assert average_precision_score(labels, found(scores)) == pytest.approx(average_precision_score(labels, scores))


def test_scores_that_part_the_classes_without_a_mistake_have_a_finite_calibration() -> None:
    labels, scores = np.array([0] * 50 + [1] * 50, np.int8), np.repeat([0.0, 1.0], 50)
    for method in METHODS:
        probabilities = fit_calibration(method, labels, scores)(scores)
        assert np.isfinite(probabilities).all()
        assert probabilities[-1] > 0.9


@pytest.mark.parametrize("method", ["platt", "beta"])
def test_scores_that_are_upside_down_are_left_as_they_are_rather_than_turned(method: Method) -> None:
    period, true = rare(20_000, 5)
    assert fit_calibration(method, period.labels, 1 - true).method == "none"


def test_honest_probabilities_are_left_alone() -> None:
    period, true = rare(60_000, 6)
    choice = choose_calibration(period, true, AUTO)
    gain = choice.tried["none"].calibration_error - min(tried.calibration_error for tried in choice.tried.values())
    assert choice.calibration.method == "none" or gain > 0
    assert np.abs(choice.calibration(true) - true).max() < 0.1


def test_a_distortion_is_chosen_away_and_the_choice_is_the_same_again() -> None:
    period, true = rare(40_000, 7)
    scores = distorted(true, 0.5, -2.0)
    choice = choose_calibration(period, scores, AUTO)
    assert choice.calibration.method != "none"
    assert choice == choose_calibration(period, scores, AUTO)
    assert set(choice.tried) == set(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_that_is_asked_for_is_taken(method: Method) -> None:
    period, true = rare(20_000, 8)
    assert choose_calibration(period, true, CalibrationRule(method=method)).calibration.method == method


def test_no_card_is_judged_by_a_calibration_that_has_seen_it() -> None:
    period, true = rare(4_000, 9)
    fold = deal_cards(period, 5)[period.cards]
    judged = cross_fitted("isotonic", period, true, 5)
    for number in range(5):
        kept, left_out = fold != number, fold == number
        assert not set(period.cards[kept]) & set(period.cards[left_out])
        alone = fit_calibration("isotonic", period.labels[kept], true[kept])
        np.testing.assert_array_equal(judged[left_out], alone(true[left_out]))


def test_cards_with_fraud_are_spread_over_the_folds() -> None:
    labels = [1, 1, 1, 1, 1, 0, 0, 0, 0, 0]
    fold = deal_cards(make_period(labels), 5)
    assert sorted(fold[:5].tolist()) == [0, 1, 2, 3, 4]
    assert np.bincount(fold).tolist() == [2] * 5


def test_fewer_cards_than_folds_is_no_trouble() -> None:
    period = make_period([0, 1, 0, 1], cards=[0, 0, 1, 1])
    scores = np.array([0.1, 0.8, 0.2, 0.7])
    assert np.isfinite(cross_fitted("beta", period, scores, 5)).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(5))
def test_a_calibration_is_the_same_where_the_last_digits_of_scores_are_others(method: Method, seed: int) -> None:
    period, true = rare(20_000, 20 + seed)
    scores = distorted(true, 0.7, -0.5)
    lower, upper = np.nextafter(scores, 0), np.nextafter(scores, 1)
    found = [fit_calibration(method, period.labels, seen) for seen in (scores, lower, upper)]
    assert found[0] == found[1] == found[2]
