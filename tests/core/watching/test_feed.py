"""What can be said of a feed before anybody knows a label."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from mlflow_fraud.core.watching.feed import against_weekday, days_without, lag_of, longest_silence

MONDAY = date(2021, 1, 4)


def volumes(weeks: int, weekend: int = 40) -> dict[date, int]:
    days = (MONDAY + timedelta(days=number) for number in range(7 * weeks))
    return {day: weekend if day.weekday() >= 5 else 100 for day in days}


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
