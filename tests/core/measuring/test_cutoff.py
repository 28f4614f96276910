"""A payment is flagged by what is at stake in it: the same bits alone and among many, and no threshold is cheaper."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.core.errors import DataError, SettingsError
from mlflow_fraud.core.measuring.cost import CostRule, row_costs
from mlflow_fraud.core.measuring.cutoff import Cutoff
from mlflow_fraud.core.measuring.period import Period
from mlflow_fraud.core.measuring.threshold import ThresholdRule, choose_cutoff, thresholds_of
from tests.conftest import make_period

RULE = ThresholdRule(policy="expected-loss")
COSTS = CostRule(alert=5.0, missed_share=0.5, burst_gap_days=7)


@given(
    st.lists(st.integers(-(10**15), 10**15), min_size=1, max_size=30),
    st.none() | st.floats(0, 1e6),
    st.floats(0, 1),
    st.integers(0, 4),
)
def test_the_threshold_of_one_payment_has_the_bits_of_that_among_many(
    amounts: list[int], expected_loss: float | None, threshold: float, decimals: int
) -> None:
    cutoff = Cutoff(threshold, expected_loss)
    many = cutoff.of_rows(np.array(amounts, np.int64), decimals=decimals).tolist()
    assert many == [cutoff.of(amount, decimals=decimals) for amount in amounts]


def test_a_payment_is_flagged_from_the_loss_that_an_alert_is_worth() -> None:
    rows = make_period([1, 0, 0, 0, 1], amounts=[10_000, 2_000, 900, 0, -500])
    probabilities = np.array([0.1, 0.5, 1.0, 1.0, 1.0])
    cutoff = choose_cutoff(rows, probabilities, RULE, COSTS)
    assert cutoff == Cutoff(0.210526, 10.0)  # of 47.50, the median of 100.00 and nothing
    assert (probabilities >= thresholds_of(cutoff, rows)).tolist() == [True, True, False, False, False]


rows_and_chances = st.lists(
    st.tuples(st.integers(0, 50), st.integers(1, 100_000), st.integers(0, 200)), min_size=2, max_size=60
)


def drawn(rows: list[tuple[int, int, int]]) -> tuple[Period, np.ndarray]:
    labels = [1, *(int(chance > 40) for chance, _, _ in rows[1:])]
    period = make_period(labels, hours=sorted(r[2] for r in rows), amounts=[r[1] for r in rows])
    return period, np.array([r[0] / 50 for r in rows])


@given(rows_and_chances, st.integers(1, 20))
def test_the_budget_is_kept_and_a_lower_loss_would_break_it(rows: list[tuple[int, int, int]], budget: int) -> None:
    period, probabilities = drawn(rows)
    costs = COSTS.model_copy(update={"alerts_per_day": budget})
    cutoff = choose_cutoff(period, probabilities, RULE, costs)
    assert cutoff.expected_loss is not None
    losses = probabilities * period.amounts / 100
    flags = probabilities >= thresholds_of(cutoff, period)
    assert flags.sum() <= budget * period.days
    if cutoff.expected_loss > 10.0 and (~flags).any():
        next_one = losses[~flags].max()
        assert (losses >= next_one).sum() > budget * period.days or next_one < 10.0


@given(rows_and_chances)
def test_where_the_probabilities_are_true_no_threshold_for_all_is_cheaper_in_the_mean(
    rows: list[tuple[int, int, int]],
) -> None:
    period, probabilities = drawn(rows)
    cutoff = choose_cutoff(period, probabilities, RULE, COSTS)
    lost = probabilities * period.amounts / 100 * COSTS.missed_share

    def cost(flags: np.ndarray) -> float:
        return float(np.where(flags, COSTS.alert, lost).sum())

    ours = cost(probabilities >= thresholds_of(cutoff, period))
    others = [cost(probabilities >= threshold) for threshold in (*np.unique(probabilities), 2.0)]
    assert ours <= min(others) + 1e-9


def test_a_stated_budget_is_of_the_mean_day_and_a_derived_one_is_none() -> None:
    rows = make_period([1, 0, 0, 1], hours=[0, 1, 2, 30], amounts=[50_000, 40_000, 30_000, 20_000])
    scores = np.full(4, 0.5)
    derived = choose_cutoff(rows, scores, RULE, COSTS)
    stated = choose_cutoff(rows, scores, RULE, COSTS.model_copy(update={"alerts_per_day": 1}))
    assert derived.expected_loss == 10.0
    assert (scores >= thresholds_of(derived, rows)).sum() == 4
    assert (scores >= thresholds_of(stated, rows)).tolist() == [True, True, False, False]


def test_what_cannot_be_weighed_is_refused() -> None:
    rows = make_period([1, 0])
    with pytest.raises(SettingsError, match=r"costs\.missed_share is 0"):
        choose_cutoff(rows, np.array([0.9, 0.1]), RULE, COSTS.model_copy(update={"missed_share": 0.0}))
    with pytest.raises(DataError, match="holds no fraud"):
        choose_cutoff(make_period([0, 0]), np.array([0.9, 0.1]), RULE, COSTS)


def test_what_is_flagged_costs_its_alert_and_what_passes_its_share() -> None:
    rows = make_period([1, 1], amounts=[1_000, 100_000])
    cutoff = choose_cutoff(rows, np.array([0.5, 0.5]), RULE, COSTS)
    flags = np.array([0.5, 0.5]) >= thresholds_of(cutoff, rows)
    assert row_costs(rows, flags, COSTS).tolist() == [5.0, 5.0]
