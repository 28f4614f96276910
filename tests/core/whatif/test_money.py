"""The money of a way to flag: nothing of it is lost, and it is that of each decision, added up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.core.measuring.cost import CostRule, expected_cost
from mlflow_fraud.core.measuring.evaluation import evaluate
from mlflow_fraud.core.measuring.interval import BootstrapRule
from mlflow_fraud.core.measuring.weights import Weights
from mlflow_fraud.core.whatif.money import money_of
from mlflow_fraud.core.whatif.outcome import FIGURES, Flagging, outcome_of
from tests.conftest import make_period

decisions = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(1, 10**8)), min_size=1, max_size=60)
rules = st.builds(CostRule, alert=st.floats(0, 100), missed_share=st.floats(0, 2), burst_gap_days=st.just(7.0))
RULE = BootstrapRule(samples=400)
COSTS = CostRule(alert=5.0, missed_share=1.0, alerts_per_day=3, burst_gap_days=7)


@given(decisions, rules)
def test_what_is_prevented_and_what_is_missed_are_the_whole_loss(
    drawn: list[tuple[bool, bool, int]], costs: CostRule
) -> None:
    labels, flagged, amounts = zip(*drawn, strict=True)
    period, flags = make_period([int(each) for each in labels], amounts=amounts), np.array(flagged)
    money = money_of(period, flags, costs)
    whole = sum(amount for label, amount in zip(labels, amounts, strict=True) if label)
    loss = whole / 100 * costs.missed_share / period.days
    assert money.prevented + money.missed == pytest.approx(loss)
    assert money.alerts == pytest.approx(sum(flagged) * costs.alert / period.days)
    assert money.alerts + money.missed == pytest.approx(expected_cost(period, flags, costs))
    assert money.net == pytest.approx(loss - (expected_cost(period, flags, costs) or 0.0), abs=1e-6)


@given(decisions, rules, st.data())
def test_one_more_alert_is_worth_the_fraud_that_it_finds_less_what_it_costs(
    drawn: list[tuple[bool, bool, int]], costs: CostRule, data: st.DataObject
) -> None:
    labels, flagged, amounts = zip(*drawn, strict=True)
    period, flags = make_period([int(each) for each in labels], amounts=amounts), np.array(flagged)
    row = data.draw(st.integers(0, len(drawn) - 1))
    without, with_it = (np.where(np.arange(len(drawn)) == row, bit, flags) for bit in (False, True))
    gained = money_of(period, with_it, costs).net - money_of(period, without, costs).net
    worth = labels[row] * amounts[row] / 100 * costs.missed_share - costs.alert
    assert gained * period.days == pytest.approx(worth, abs=1e-4)


def flagging(threshold: float, number: int = 40) -> Flagging:
    scores = np.random.default_rng(3).random(number)
    return Flagging(f"at {threshold}", "", scores, np.full(number, threshold))


def test_the_same_flags_make_no_difference_at_all_and_figures_are_those_of_every_evaluation() -> None:
    period = make_period([1, 0, 0, 0] * 10, cards=list(range(20)) * 2)
    same = outcome_of(period, flagging(0.5), flagging(0.5), {}, COSTS, RULE)
    for name in FIGURES:
        change = same.changes[name]
        assert change is not None
        assert (change.estimate, change.lower, change.upper) == (0.0, 0.0, 0.0)
    evaluated = evaluate(period, flagging(0.5).scores, 0.5, COSTS)
    assert {name: same.live.metrics[name] for name in evaluated} == pytest.approx(evaluated, rel=1e-5, nan_ok=True)


def test_a_change_is_the_difference_of_the_figures_whichever_side_is_better() -> None:
    period = make_period([1, 0, 0, 0] * 10, cards=list(range(20)) * 2)
    found = outcome_of(period, flagging(0.5), flagging(0.2), {"half": ["a", "b"] * 20}, COSTS, RULE)
    for name in FIGURES:
        change, (was, would) = found.changes[name], (side.metrics[name] for side in (found.live, found.instead))
        assert change is not None
        assert was is not None
        assert would is not None
        assert change.estimate == pytest.approx(would - was, rel=1e-3, abs=1e-4)
        assert change.lower <= change.estimate <= change.upper
    alerts = found.changes["alerts_per_day"]
    assert alerts is not None
    assert alerts.estimate > 0
    assert [each.value for each in found.live.slices] == [each.value for each in found.instead.slices] == ["a", "b"]


def test_no_share_changes_by_more_than_all_of_it() -> None:
    """The formula of a bound that is further out than all draws does not know where a share ends."""
    period = make_period([1, 0, 0, 0] * 10, cards=list(range(40)))
    found = outcome_of(period, flagging(0.78), flagging(0.0), {}, COSTS, RULE)
    recall = found.changes["recall"]
    assert recall is not None
    assert (found.live.metrics["recall"], found.instead.metrics["recall"], recall.upper) == (0.1, 1.0, 1.0)


def test_a_row_that_stands_for_several_counts_so_often() -> None:
    labels, amounts, flags = [1, 1, 0], [10_000, 5_000, 700], np.array([True, False, True])
    plain = make_period(labels, amounts=amounts)
    weights = np.array([1.0, 4.0, 2.0])
    money = money_of(replace(plain, weights=Weights(weights, 1 / weights)), flags, COSTS)
    assert money == (100.0, 15.0, 200.0)


def test_of_too_few_frauds_no_difference_is_said_to_be_known() -> None:
    found = outcome_of(make_period([1, 0] + [0] * 38), flagging(0.5), flagging(0.2), {}, COSTS, RULE)
    assert set(found.changes.values()) == {None}
    nothing = outcome_of(make_period([0] * 40), flagging(0.5), flagging(0.2), {}, COSTS, RULE)
    assert nothing.live.metrics["recall"] is None
    assert nothing.live.metrics["loss_missed"] == 0.0
