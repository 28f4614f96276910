"""A burst ends with a quiet time, and what comes before its first alert is lost."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.core.measuring.compromise import burst_metrics, find_bursts
from mlflow_fraud.core.measuring.period import Period
from tests.conftest import make_period

GAP = timedelta(hours=10)
rows = st.lists(
    st.tuples(st.booleans(), st.integers(0, 2), st.integers(0, 60), st.integers(1, 500), st.booleans()), max_size=40
).map(lambda found: sorted(found, key=lambda row: row[2]))


def bursts_by_hand(found: list[tuple[bool, int, int, int, bool]]) -> list[list[tuple[int, int, bool]]]:
    """Return the bursts as lists of (hour, amount, flagged), card by card."""
    bursts: list[list[tuple[int, int, bool]]] = []
    for card in range(3):
        last = None
        for fraud, of, hour, amount, flagged in found:
            if not fraud or of != card:
                continue
            if last is None or hour - last > 10:
                bursts.append([])
            bursts[-1].append((hour, amount, flagged))
            last = hour
    return bursts


def period_of(found: list[tuple[bool, int, int, int, bool]]) -> tuple[Period, np.ndarray]:
    period = make_period(
        [int(row[0]) for row in found],
        cards=[row[1] for row in found],
        hours=[row[2] for row in found],
        amounts=[row[3] for row in found],
    )
    return period, np.array([row[4] for row in found], np.bool_)


@given(rows)
def test_the_bursts_are_those_found_by_hand(found: list[tuple[bool, int, int, int, bool]]) -> None:
    expected = bursts_by_hand(found)
    bursts = find_bursts(*period_of(found), GAP)
    assert bursts.caught.tolist() == [any(flagged for _, _, flagged in burst) for burst in expected]
    before = [burst[: next((i for i, row in enumerate(burst) if row[2]), len(burst))] for burst in expected]
    assert bursts.lost.tolist() == [len(lost) for lost in before]
    assert bursts.money.tolist() == [sum(amount for _, amount, _ in burst) for burst in expected]
    assert bursts.money_lost.tolist() == [sum(amount for _, amount, _ in lost) for lost in before]


@given(rows)
def test_more_alerts_never_lose_more(found: list[tuple[bool, int, int, int, bool]]) -> None:
    period, flags = period_of(found)
    some, all_of_them = (burst_metrics(period, which, GAP) for which in (flags, np.ones_like(flags)))
    for name, sign in (
        ("bursts_caught", 1),
        ("money_saved", 1),
        ("frauds_before_alert", -1),
        ("money_before_alert", -1),
    ):
        before, after = some[name], all_of_them[name]
        assert (before is None) == (after is None)
        if before is not None and after is not None:
            assert sign * (after - before) >= 0


def test_an_alert_on_a_legal_transaction_catches_no_burst() -> None:
    period = make_period([1, 0, 1], cards=[0, 0, 0])
    assert burst_metrics(period, np.array([False, True, False]), GAP)["bursts_caught"] == 0.0


def test_exactly_the_gap_apart_is_one_burst_and_a_second_more_are_two() -> None:
    together, apart = (make_period([1, 1], cards=[0, 0], hours=[0, hours]) for hours in (10, 10 + 1 / 3600))
    nothing = np.zeros(2, np.bool_)
    assert burst_metrics(together, nothing, GAP)["bursts"] == 1
    assert burst_metrics(apart, nothing, GAP)["bursts"] == 2


def test_without_fraud_there_is_no_burst_and_nothing_to_say_of_it() -> None:
    assert burst_metrics(make_period([0, 0]), np.ones(2, np.bool_), GAP) == {
        "bursts": 0,
        "bursts_caught": None,
        "frauds_before_alert": None,
        "money_before_alert": None,
        "money_saved": None,
    }


def test_frauds_of_no_money_have_no_share_of_money_saved() -> None:
    found = burst_metrics(make_period([1], amounts=[0]), np.ones(1, np.bool_), GAP)
    assert found["money_saved"] is None
    assert found["bursts_caught"] == pytest.approx(1.0)
