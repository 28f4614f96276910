"""A guardrail holds, is broken or is not known, and says so in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.measuring.difference import FEWEST_IN_A_TAIL, Difference, differences
from mlflow_fraud.core.measuring.interval import BootstrapRule
from mlflow_fraud.core.measuring.period import Period
from mlflow_fraud.core.release.guardrails import Guardrail, check_guardrails, joint_alpha
from tests.conftest import make_period

COSTS = CostRule(alert=5.0, missed_share=1.0, alerts_per_day=10, burst_gap_days=7)
ORDER = ["holds", "not known", "broken"]


def only(gain: float, error: float, margin: float = 0.02, blocks: int = 1000, metric: str = "recall") -> Guardrail:
    found = {metric: Difference(gain, error, blocks)}
    (guardrail,) = check_guardrails(found, {metric: margin}, alpha=0.1, frauds=300)
    return guardrail


@pytest.mark.parametrize(
    ("gain", "error", "outcome"),
    [
        pytest.param(0.0, 0.0, "holds", id="the very same"),
        pytest.param(0.0, 0.01, "holds", id="equal, and surely within the margin"),
        pytest.param(0.0, 0.02, "not known", id="equal, as far as so few can tell"),
        pytest.param(-0.03, 0.03, "not known", id="over the margin, but it may be chance"),
        pytest.param(-0.03, 0.02, "broken", id="over the margin and surely a loss"),
        pytest.param(-0.015, 0.01, "not known", id="surely a loss, and perhaps within the margin"),
        pytest.param(-0.015, 0.001, "holds", id="surely a loss, and surely within the margin"),
        pytest.param(0.1, 0.02, "holds", id="better"),
    ],
)
def test_a_guardrail_is(gain: float, error: float, outcome: str) -> None:
    assert only(gain, error).outcome == outcome


finite = st.floats(-1, 1)


@given(finite, finite, st.floats(0, 0.5), st.floats(0, 0.5), st.integers(2, 500))
def test_a_larger_loss_is_never_judged_more_kindly(
    one: float, other: float, error: float, margin: float, blocks: int
) -> None:
    less, more = sorted((one, other), reverse=True)
    kinder, harder = (ORDER.index(only(gain, error, margin, blocks).outcome) for gain in (less, more))
    assert kinder <= harder


@given(finite, st.floats(0, 0.5), st.integers(2, 500))
def test_a_wider_margin_never_breaks_more(gain: float, error: float, blocks: int) -> None:
    outcomes = [ORDER.index(only(gain, error, margin, blocks).outcome) for margin in (0.0, 0.01, 0.1, 1.0)]
    assert outcomes == sorted(outcomes, reverse=True)


def test_it_says_how_many_frauds_would_tell_and_four_times_the_spread_squared_asks_for_as_many_more() -> None:
    few, many = only(0.0, 0.02), only(0.0, 0.04)
    assert few.frauds == pytest.approx(300 * ((1.2816 + 0.8416) * 0.02 / 0.02) ** 2, rel=0.01)
    assert many.frauds == pytest.approx(4 * few.frauds, rel=0.01)
    assert f"about {few.frauds:,} frauds would tell" in str(few)


def test_what_is_broken_says_what_is_proven_in_the_direction_of_its_metric() -> None:
    assert str(only(-0.06, 0.01)).startswith("recall -0.060, may lose at most 0.020: broken")
    dearer = only(-30.0, 1.0, 10.0, metric="expected_cost")
    assert str(dearer).startswith("expected cost +30.000, may rise by at most 10.000: broken")


def test_metrics_that_move_together_cost_less_than_equal_shares_and_never_more_than_all() -> None:
    draw = np.random.default_rng(0)
    one = draw.normal(0, 0.01, 2000)
    alike = [Difference(0.0, 0.01, 50, one + draw.normal(0, 0.001, 2000)) for _ in range(4)]
    apart = [Difference(0.0, 0.01, 50, draw.normal(0, 0.01, 2000)) for _ in range(4)]
    assert 0.07 < joint_alpha(alike, 0.1) <= 0.1
    assert 0.1 / 4 <= joint_alpha(apart, 0.1) < 0.035


def test_too_few_draws_in_the_tail_give_each_an_equal_share() -> None:
    draw = np.random.default_rng(0)
    one = draw.normal(0, 0.01, FEWEST_IN_A_TAIL * 10 - 1)
    assert joint_alpha([Difference(0.0, 0.01, 50, one)] * 2, 0.1) == 0.05


def equals(seed: int, cards: int = 60) -> tuple[Period, np.ndarray, np.ndarray]:
    """Return two contestants that differ by chance alone, on cards of which half have bursts of frauds."""
    draw = np.random.default_rng(seed)
    fraud = np.repeat(np.arange(cards) % 2 == 0, 20) & (np.tile(np.arange(20), cards) < 6)
    period = make_period(fraud.astype(int).tolist(), cards=np.repeat(np.arange(cards), 20).tolist())
    good = draw.random(cards) * 0.7
    sides = [
        np.where(fraud, np.repeat(good + draw.normal(0.3, 0.2, cards), 20), 0) + draw.random(cards * 20) * 0.45
        for _ in range(2)
    ]
    return period, sides[0], sides[1]


DRAWS = BootstrapRule(samples=200, confidence=0.9)


def test_equal_models_break_a_guardrail_and_win_about_as_often_as_was_promised() -> None:
    margins = {"recall": 0.01, "precision": 0.01, "average_precision": 0.01}
    broken, won, times = 0, 0, 200
    for seed in range(times):
        period, ours, theirs = equals(seed)
        found = differences(["f1", *margins], period, (ours, 0.5), (theirs, 0.5), COSTS, DRAWS)
        guards = check_guardrails(found, margins, alpha=0.1, frauds=180)
        assert len(guards) == len(margins)
        broken += any(each.outcome == "broken" for each in guards)
        gain = found["f1"]
        assert gain is not None
        won += gain.lower(0.025) > 0
    assert broken / times <= 0.1 + 2 * (0.1 * 0.9 / times) ** 0.5
    assert won / times <= 0.025 + 3 * (0.025 * 0.975 / times) ** 0.5


def test_three_margins_are_seen_where_the_spread_allows() -> None:
    period, ours, theirs = equals(0, cards=600)
    spoiled = np.where(period.fraud & (period.cards % 14 == 0), 0.0, ours)
    found = differences(["recall"], period, (spoiled, 0.5), (theirs, 0.5), COSTS, BootstrapRule())
    (guardrail,) = check_guardrails(found, {"recall": 0.02}, alpha=0.1, frauds=1800)
    assert guardrail.outcome == "broken"


@pytest.mark.parametrize("part", ["estimate", "error"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_no_guardrail_that_holds(part: str, value: float) -> None:
    spoiled = replace(Difference(0.1, 0.01, 50), **{part: value})
    assert check_guardrails({"recall": spoiled}, {"recall": 0.02}, alpha=0.1, frauds=300) == ()
