"""The chosen threshold keeps its policy on validation, and no other score keeps it better."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.core.errors import DataError, SettingsError
from mlflow_fraud.core.measuring.cost import CostRule, row_costs
from mlflow_fraud.core.measuring.metrics import Confusion, confusion
from mlflow_fraud.core.measuring.period import Period
from mlflow_fraud.core.measuring.threshold import ThresholdRule, choose_threshold
from mlflow_fraud.core.strict import Strict, parse
from tests.conftest import make_period

COSTS = CostRule(alert=5.0, missed_share=1.0, alerts_per_day=10, burst_gap_days=7)
MAX_F1, MIN_COST = ThresholdRule(policy="max-f1"), ThresholdRule(policy="min-cost")

Judged = tuple[Period, np.ndarray]
judged = (
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 15), st.integers(0, 200), st.integers(0, 100)), min_size=1, max_size=60
    )
    .filter(lambda rows: any(row[0] for row in rows))
    .map(
        lambda rows: (
            make_period([int(r[0]) for r in rows], hours=sorted(r[3] for r in rows), amounts=[r[2] * 10 for r in rows]),
            np.array([r[1] / 15 for r in rows]),
        )
    )
)


def choose(rows: Judged, rule: ThresholdRule) -> float:
    return choose_threshold(*rows, rule, COSTS)


def at(rows: Judged, threshold: float) -> Confusion:
    return confusion(rows[0].labels, rows[1], threshold)


def every_threshold(rows: Judged) -> list[float]:
    """Return each score, and one above all."""
    return [*np.unique(rows[1]).tolist(), 2.0]


def cost(rows: Judged, threshold: float) -> float:
    return float(row_costs(rows[0], rows[1] >= threshold, COSTS).sum())


def alerts(rows: Judged, threshold: float) -> float:
    return float((rows[1] >= threshold).sum()) / rows[0].days


@given(judged)
def test_no_threshold_has_a_better_f1(rows: Judged) -> None:
    best = at(rows, choose(rows, MAX_F1)).f1
    assert best == pytest.approx(max(at(rows, threshold).f1 for threshold in every_threshold(rows)))


@given(judged, st.floats(0.05, 1))
def test_the_precision_is_kept_and_no_threshold_that_keeps_it_finds_more(rows: Judged, precision: float) -> None:
    rule = ThresholdRule(policy="min-precision", precision=precision)
    found = at(rows, choose(rows, rule))
    assert found.precision is None or found.precision >= precision
    keeping = [at(rows, t) for t in every_threshold(rows) if (at(rows, t).precision or 0.0) >= precision]
    assert found.recall == max((counts.recall for counts in keeping), default=0.0)


@given(judged, st.floats(0.1, 30))
def test_the_budget_is_kept_and_no_threshold_that_keeps_it_finds_more(rows: Judged, budget: float) -> None:
    rule = ThresholdRule(policy="alert-budget", alerts_per_day=budget)
    chosen = choose(rows, rule)
    assert alerts(rows, chosen) <= budget
    keeping = [at(rows, t) for t in every_threshold(rows) if alerts(rows, t) <= budget]
    assert at(rows, chosen).recall == max(counts.recall for counts in keeping)


@given(judged)
def test_no_threshold_is_cheaper(rows: Judged) -> None:
    cheapest = min(cost(rows, threshold) for threshold in every_threshold(rows))
    assert cost(rows, choose(rows, MIN_COST)) == pytest.approx(cheapest)


@pytest.mark.parametrize(
    "rule",
    [
        MAX_F1,
        MIN_COST,
        ThresholdRule(policy="min-precision", precision=0.6),
        ThresholdRule(policy="alert-budget", alerts_per_day=2),
    ],
    ids=lambda rule: rule.policy,
)
@given(rows=judged)
def test_a_threshold_is_a_score_or_above_all_so_ties_are_not_cut(rows: Judged, rule: ThresholdRule) -> None:
    chosen = choose(rows, rule)
    assert chosen in rows[1] or not (rows[1] >= chosen).any()


def test_where_nothing_serves_nothing_is_flagged() -> None:
    rows = (make_period([0, 1]), np.array([0.9, 0.1]))
    chosen = choose(rows, ThresholdRule(policy="min-precision", precision=0.9))
    assert chosen == np.nextafter(0.9, 1)
    dear = COSTS.model_copy(update={"alert": 1000.0})
    assert choose_threshold(*rows, MIN_COST, dear) > 0.9


def test_validation_without_fraud_gives_no_threshold() -> None:
    with pytest.raises(DataError, match="holds no fraud"):
        choose((make_period([0] * 5), np.linspace(0, 1, 5)), MAX_F1)


class Params(Strict):
    threshold: ThresholdRule


@pytest.mark.parametrize(
    ("section", "message"),
    [
        pytest.param({"policy": "min-precision"}, "needs `precision:`", id="a number is missing"),
        pytest.param(
            {"policy": "max-f1", "precision": 0.9},
            "`precision` belongs to the policy min-precision",
            id="a foreign number",
        ),
        pytest.param(
            {"policy": "min-precision", "precision": 0.9, "alerts_per_day": 5},
            "`alerts_per_day` belongs to the policy alert-budget, not to min-precision",
            id="one too many",
        ),
        pytest.param(
            {"policy": "min-precision", "precision": 1.5}, "less than or equal to 1", id="impossible precision"
        ),
        pytest.param({"policy": "alert-budget", "alerts_per_day": 0}, "greater than 0", id="no alerts at all"),
        pytest.param({"policy": "max-profit"}, "did you mean max-f1", id="unknown policy"),
        pytest.param({"policy": "alert-budget", "alerts_a_day": 5}, "did you mean alerts_per_day", id="misspelt"),
    ],
)
def test_a_number_that_does_not_belong_to_the_policy_is_refused(section: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse(Params, {"threshold": section}, where="params.yaml")
