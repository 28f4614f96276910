"""What is computed for a draw of cards is what the drawn rows would give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score

from mlflow_fraud.core.measuring import measures
from mlflow_fraud.core.measuring.alerts import recall_at_budget
from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.measuring.evaluation import evaluate
from mlflow_fraud.core.measuring.measures import DRAWN
from mlflow_fraud.core.measuring.period import Period
from tests.conftest import make_period

COSTS = CostRule(alert=5.0, missed_share=1.0, alerts_per_day=10, burst_gap_days=7)
OF_COUNTS = {"f1": f1_score, "precision": precision_score, "recall": recall_score}
THRESHOLD = 0.5

Drawn = tuple[Period, np.ndarray, np.ndarray]
drawn = st.lists(st.tuples(st.booleans(), st.integers(0, 4), st.integers(0, 10)), min_size=1, max_size=40).flatmap(
    lambda rows: st.lists(st.integers(0, 3), min_size=5, max_size=5).map(
        lambda times: (
            make_period([int(fraud) for fraud, _, _ in rows], cards=[card for _, card, _ in rows]),
            np.array([score / 10 for _, _, score in rows]),
            np.array(times),
        )
    )
)


def measured(name: str, rows: Drawn) -> float:
    period, scores, times = rows
    return DRAWN[name](period, scores, THRESHOLD, COSTS)(times[: int(period.cards.max()) + 1])


def repeated(rows: Drawn) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and scores with each card's rows as often as it was drawn."""
    period, scores, times = rows
    often = times[period.cards]
    return np.repeat(period.labels, often), np.repeat(scores, often)


@given(drawn)
def test_average_precision_of_a_draw_is_that_of_its_rows(rows: Drawn) -> None:
    labels, scores = repeated(rows)
    found = measured("average_precision", rows)
    if labels.sum() == 0:
        assert np.isnan(found)
    else:
        assert found == pytest.approx(average_precision_score(labels, scores))


@pytest.mark.parametrize("name", OF_COUNTS)
@given(rows=drawn)
def test_a_share_of_a_draw_is_that_of_its_rows(name: str, rows: Drawn) -> None:
    labels, scores = repeated(rows)
    found = measured(name, rows)
    assert np.isnan(found) or found == pytest.approx(OF_COUNTS[name](labels, scores >= THRESHOLD, zero_division=0))


@given(drawn)
def test_each_card_drawn_once_gives_the_metrics_themselves(rows: Drawn) -> None:
    period, scores, _ = rows
    metrics = evaluate(period, scores, THRESHOLD, COSTS)
    for name in DRAWN:
        found, expected = measured(name, (period, scores, np.ones(5, np.int64))), metrics[name]
        assert np.isnan(found) or expected is None or found == pytest.approx(expected)


@given(drawn, st.integers(1, 6))
def test_recall_at_the_budget_of_a_draw_is_that_of_its_rows(rows: Drawn, budget: int) -> None:
    period, scores, times = rows
    often = times[period.cards]
    again = Period(*(np.repeat(each, often) for each in (period.labels, period.cards, period.times, period.amounts)))
    expected = recall_at_budget(again, np.repeat(scores, often), budget)
    costs = COSTS.model_copy(update={"alerts_per_day": budget})
    found = DRAWN["recall_at_budget"](period, scores, THRESHOLD, costs)(times[: int(period.cards.max()) + 1])
    assert np.isnan(found) if expected is None else found == pytest.approx(expected)


@given(drawn, st.integers(1, 3))
def test_many_draws_at_once_are_each_of_them_alone(rows: Drawn, cells: int) -> None:
    """However few places memory has room for at a time."""
    period, scores, times = rows
    several = np.array([times, times[::-1], np.ones(5, np.int64)])[:, : int(period.cards.max()) + 1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measures, "CELLS", cells)
        for make in DRAWN.values():
            measure = make(period, scores, THRESHOLD, COSTS)
            np.testing.assert_allclose(measure(several), [measure(one) for one in several])
