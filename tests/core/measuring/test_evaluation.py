"""Every metric is there, or says that it cannot be computed; and it is known which way is better."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.measuring.evaluation import COUNTS, HIGHER_IS_BETTER, LOWER_IS_BETTER, evaluate, gain
from tests.conftest import ROOT, make_period

COSTS = CostRule(alert=5.0, missed_share=1.0, alerts_per_day=10, burst_gap_days=7)


def test_every_metric_has_a_direction_or_is_a_count() -> None:
    metrics = evaluate(make_period([0, 1]), np.array([0.1, 0.9]), 0.5, COSTS)
    assert sorted(metrics) == sorted([*HIGHER_IS_BETTER, *LOWER_IS_BETTER, *COUNTS])


def test_every_metric_has_its_line_in_the_page() -> None:
    page = (ROOT / "docs/metrics.md").read_text()
    assert [name for name in (*HIGHER_IS_BETTER, *LOWER_IS_BETTER, *COUNTS) if f"| `{name}` |" not in page] == []


def test_a_metric_that_needs_frauds_is_missing_without_them() -> None:
    metrics = evaluate(make_period([0] * 5), np.linspace(0, 1, 5), 0.5, COSTS)
    missing = {name for name, value in metrics.items() if value is None}
    assert missing == {
        *("f1", "recall", "average_precision", "roc_auc", "recall_at_budget"),
        *("bursts_caught", "frauds_before_alert", "money_before_alert", "money_saved"),
    }
    assert metrics["precision"] == 0.0


def test_precision_is_missing_when_nothing_is_flagged_while_missing_every_fraud_is_a_recall_of_zero() -> None:
    metrics = evaluate(make_period([1, 0, 1]), np.array([0.1, 0.2, 0.3]), 0.5, COSTS)
    assert (metrics["precision"], metrics["recall"], metrics["f1"]) == (None, 0.0, 0.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_of_scores_or_a_threshold_that_are_no_numbers_only_the_counts_are_known(bad: float) -> None:
    period = make_period([1, 0, 1])
    good = np.array([0.9, 0.2, 0.8])
    for scores, threshold in ((np.append(good[:2], bad), 0.5), (good, bad)):
        known = {name for name, value in evaluate(period, scores, threshold, COSTS).items() if value is not None}
        assert known == set(COUNTS)


def test_without_a_budget_nothing_is_said_of_what_a_budget_would_find() -> None:
    metrics = evaluate(
        make_period([1, 0]), np.array([0.9, 0.2]), 0.5, COSTS.model_copy(update={"alerts_per_day": None})
    )
    assert {name for name, value in metrics.items() if value is None} == {
        *("alert_budget", "card_precision_at_k", "card_precision_at_k_best", "recall_at_budget")
    }


def test_of_no_rows_only_the_counts_are_known() -> None:
    metrics = evaluate(make_period([]), np.empty(0), 0.5, COSTS)
    assert {name: value for name, value in metrics.items() if value is not None} == {
        **dict.fromkeys(("frauds", "rows", "bursts"), 0),
        "alert_budget": 10,
    }


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3), st.floats(0, 1)), min_size=1, max_size=40))
def test_no_metric_is_infinite_or_nan(rows: list[tuple[int, int, float]]) -> None:
    period = make_period([y for y, _, _ in rows], cards=[card for _, card, _ in rows])
    metrics = evaluate(period, np.array([score for _, _, score in rows]), 0.5, COSTS)
    assert all(np.isfinite(value) for value in metrics.values() if value is not None)


@pytest.mark.parametrize("name", [*HIGHER_IS_BETTER, *LOWER_IS_BETTER])
def test_scores_that_know_everything_are_as_good_as_can_be(name: str) -> None:
    draw = np.random.default_rng(0)
    period = make_period((draw.random(500) < 0.1).astype(int).tolist(), cards=draw.integers(0, 40, 500).tolist())
    known, guessed = (
        evaluate(period, scores, 0.5, COSTS)[name] for scores in (period.labels.astype(float), draw.random(500))
    )
    assert known is not None
    assert guessed is not None
    assert gain(name, guessed, known) >= 0
