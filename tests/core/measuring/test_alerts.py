"""Alerts per day: as in the Fraud Detection Handbook, and by counting."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.core.measuring.alerts import card_precision_at_k, recall_at_budget
from mlflow_fraud.core.measuring.period import Period
from tests.conftest import make_period

Judged = tuple[Period, np.ndarray]
judged = st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 80)), min_size=1, max_size=60).flatmap(
    lambda rows: st.permutations(range(len(rows))).map(lambda ranks: _judged(rows, ranks))
)


def _judged(rows: list[tuple[bool, int, int]], ranks: list[int]) -> Judged:
    """Return rows in time order with scores that are all different, as the Handbook leaves ties open."""
    hours = sorted(hour for _, _, hour in rows)
    period = make_period([int(fraud) for fraud, _, _ in rows], cards=[card for _, card, _ in rows], hours=hours)
    return period, np.array(ranks) / len(rows)


def handbook(period: Period, scores: np.ndarray, k: int) -> float:
    """Compute the mean card precision top-k as the Handbook says: group by card, sort, take k, drop detected."""
    table = pd.DataFrame({"day": period.day_of_row, "card": period.cards, "score": scores, "fraud": period.labels})
    detected: list[int] = []
    shares = []
    for day in sorted(table["day"].unique()):
        of_day = table[(table["day"] == day) & ~table["card"].isin(detected)]
        top = of_day.groupby("card").max().sort_values("score", ascending=False).head(k)
        found = top.index[top["fraud"] == 1].tolist()
        shares.append(len(found) / k)
        detected += found
    return float(np.mean(shares))


@given(judged, st.integers(1, 4))
def test_card_precision_is_that_of_the_handbook(rows: Judged, k: int) -> None:
    assert card_precision_at_k(*rows, k) == pytest.approx(handbook(*rows, k))


@given(judged)
def test_with_room_for_every_card_each_compromised_one_is_detected_once(rows: Judged) -> None:
    period, scores = rows
    compromised, days = set(period.cards[period.fraud]), set(period.day_of_row)
    assert card_precision_at_k(period, scores, 6) == pytest.approx(len(compromised) / (6 * len(days)))


def test_a_detected_card_is_blocked_on_later_days_and_makes_room() -> None:
    period = make_period([1, 1, 1], cards=[0, 0, 1], hours=[1, 25, 26])
    assert card_precision_at_k(period, np.array([0.9, 0.9, 0.5]), 1) == 1.0


def test_a_day_with_fewer_cards_than_alerts_still_divides_by_the_alerts() -> None:
    assert card_precision_at_k(make_period([1]), np.array([0.9]), 4) == 0.25


@given(judged, st.integers(1, 4))
def test_recall_in_the_budget_is_counted_by_hand(rows: Judged, k: int) -> None:
    period, scores = rows
    found = 0
    for day in set(period.day_of_row.tolist()):
        of_day = np.flatnonzero(period.day_of_row == day)
        found += int(period.labels[sorted(of_day, key=lambda row: -scores[row])[:k]].sum())
    expected = found / period.labels.sum() if period.labels.any() else None
    assert recall_at_budget(period, scores, k) == (None if expected is None else pytest.approx(expected))


def test_of_equal_scores_the_earlier_row_is_looked_at() -> None:
    assert recall_at_budget(make_period([1, 0]), np.array([0.5, 0.5]), 1) == 1.0
    assert recall_at_budget(make_period([0, 1]), np.array([0.5, 0.5]), 1) == 0.0


def test_without_rows_or_frauds_there_is_nothing_to_say() -> None:
    nothing = np.empty(0)
    assert card_precision_at_k(make_period([]), nothing, 3) is None
    assert recall_at_budget(make_period([]), nothing, 3) is None
    assert recall_at_budget(make_period([0, 0]), np.array([0.1, 0.2]), 3) is None
