"""A contest that waits says until when, and by then there are frauds enough at the rate that it has."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.core.release.waiting import wait_for

NEWEST, MIDNIGHT = datetime(2020, 12, 1), datetime.min.time()


@given(
    frauds=st.integers(1, 200),
    needed=st.integers(2, 400),
    days=st.integers(1, 120),
    horizon=st.integers(0, 60),
    at_most=st.integers(1, 400),
)
def test_on_that_day_and_not_before_there_are_enough(
    frauds: int, needed: int, days: int, horizon: int, at_most: int
) -> None:
    needed = max(needed, frauds + 1)
    late = timedelta(days=horizon)
    waiting = wait_for(frauds, needed, days=days, at_most=at_most, newest=NEWEST, horizon=late)
    if waiting.until is None:
        assert frauds / days * at_most < needed
        return
    known = (datetime.combine(waiting.until, MIDNIGHT) - late - NEWEST) / timedelta(days=1)
    assert days + known <= at_most
    assert frauds / days * (days + known) >= needed * (1 - 1e-9)
    assert frauds / days * (days + known - 1) < needed


def test_without_a_fraud_nothing_tells_when() -> None:
    waiting = wait_for(0, 50, days=30, at_most=90, newest=NEWEST, horizon=timedelta())
    assert waiting.until is None
    assert "nothing tells" in waiting.sentence
