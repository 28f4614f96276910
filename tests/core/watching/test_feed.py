"""What can be said of a feed before anybody knows a label."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.core.watching.feed import (
    LABELS_BACK,
    against_weekday,
    days_without,
    lag_of,
    longest_silence,
    silence_of_labels,
)

MONDAY = date(2021, 1, 4)


def volumes(weeks: int, weekend: int = 40) -> dict[date, int]:
    days = (MONDAY + timedelta(days=number) for number in range(7 * weeks))
    return {day: weekend if day.weekday() >= 5 else 100 for day in days}


START = datetime(2021, 1, 4)


def came_on(days: list[int], now: float) -> float | None:
    """Return after how many days a feed is silent that spoke on these, at a day; None where it is not."""
    times = [START + timedelta(days=day) for day in days]
    newest = [time.date() for time in times if time > times[-1] - LABELS_BACK]
    found = silence_of_labels(newest, times[0], times[-1], START + timedelta(days=now))
    return found and found.days


@pytest.mark.parametrize(
    ("days", "silent_after"),
    [
        pytest.param(list(range(120)), 7, id="each day"),
        pytest.param([day for day in range(120) if day % 7 < 5], 10, id="on workdays"),
        pytest.param(list(range(0, 120, 7)), 48, id="a file a week"),
        pytest.param(list(range(20)), 7, id="a feed that is young"),
    ],
)
def test_a_feed_of_labels_is_silent_after_longer_than_its_own_past_makes_plausible(
    days: list[int], silent_after: int
) -> None:
    assert came_on(days, days[-1] + silent_after - 1) is None
    assert came_on(days, days[-1] + silent_after + 1) == silent_after + 1


@given(st.lists(st.integers(0, 200), max_size=4, unique=True).map(sorted), st.floats(0, 1000))
def test_of_labels_on_a_few_days_nobody_can_tell(days: list[int], later: float) -> None:
    assert silence_of_labels([START.date()] * len(days), START, START, START + timedelta(days=later)) is None


def test_a_sunday_is_held_against_sundays() -> None:
    sunday = MONDAY + timedelta(days=34)
    assert against_weekday(volumes(6), sunday) == 1
    assert against_weekday({**volumes(6), sunday: 10}, sunday) == 0.25


def test_a_day_on_which_nothing_came_is_none_of_the_usual_and_no_division_by_nothing() -> None:
    assert against_weekday(volumes(6), MONDAY + timedelta(weeks=6)) == 0
    assert against_weekday({}, MONDAY) is None


def test_only_days_between_the_first_and_the_last_payment_are_missing() -> None:
    day = MONDAY + timedelta(days=2)
    gone = {each: number for each, number in volumes(1).items() if each != day}
    asked = [MONDAY + timedelta(days=number) for number in range(-3, 12)]
    assert days_without(gone, asked) == [day]


def test_of_one_payment_there_is_no_silence_and_without_a_label_no_lag() -> None:
    assert longest_silence(np.array(["2021-01-04T08"], "datetime64[us]")) is None
    nothing = np.empty(0, "datetime64[us]")
    assert lag_of(nothing, nothing) is None
