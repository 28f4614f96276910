"""Windows follow each other in time, and a pool is as long as it takes to have frauds enough."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.core.watching.spans import days_between, pools_of, weeks_between

days = st.dates(date(2019, 1, 1), date(2022, 12, 31))


@given(days, st.integers(0, 60))
def test_weeks_are_whole_ones_and_days_cover_all_without_a_gap(first: date, length: int) -> None:
    last = first + timedelta(days=length)
    weeks, each = weeks_between(first, last), days_between(first, last)
    assert len(each) == length + 1
    assert all(one.until == other.since for one, other in pairwise(each))
    assert all(week.since.weekday() == 0 and week.until - week.since == timedelta(days=7) for week in weeks)
    assert all(week.since.date() >= first and week.until.date() <= last + timedelta(days=1) for week in weeks)
    assert len(weeks) >= (length + 1) // 7 - 1


@given(st.lists(st.integers(0, 9), min_size=1, max_size=20), st.integers(1, 30))
def test_a_pool_ends_with_its_week_has_enough_and_would_not_have_it_without_its_first_week(
    frauds: list[int], least: int
) -> None:
    weeks = weeks_between(date(2021, 1, 4), date(2021, 1, 3) + timedelta(weeks=len(frauds)))
    pools = pools_of(weeks, frauds, least)
    assert [pool.until for pool in pools] == sorted({pool.until for pool in pools})
    for pool in pools:
        held = [number for week, number in zip(weeks, frauds, strict=True) if pool.since <= week.since < pool.until]
        assert sum(held) >= least
        assert sum(held[1:]) < least
    assert bool(pools) == (sum(frauds) >= least)


def test_the_first_and_last_weeks_of_a_year_are_named_as_iso_has_them() -> None:
    assert [week.name for week in weeks_between(date(2020, 12, 28), date(2021, 1, 10))] == ["2020-W53", "2021-W01"]
