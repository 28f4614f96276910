"""Not one transaction moves the clock, nor what is forgotten, whatever time it states."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_fraud.core.features.clock import IN_A_ROW, STEADY, Steady, StreamClock
from mlflow_fraud.core.features.online import CardHistory
from mlflow_fraud.core.features.schema import FeatureSchema
from tests.conftest import make_transactions

DAY = timedelta(days=1)
NOON = datetime(2020, 5, 1, 12)
FAR = [datetime(2021, 3, 1), datetime(2024, 1, 1), datetime(2034, 1, 1), datetime(2099, 1, 1), datetime(2199, 12, 31)]


def running(cards: int = 20, rows: int = 100, every: timedelta = timedelta(minutes=10)) -> StreamClock:
    """Return a clock to which `rows` came, the last at noon."""
    clock = StreamClock(DAY)
    for row in range(rows):
        clock.note(row % cards, NOON - every * (rows - 1 - row))
    return clock


def test_too_few_cards_tell_no_time() -> None:
    clock = StreamClock(DAY)
    for row in range(100):
        clock.note(row % 2, NOON)
        assert clock.admits(7, row, FAR[-1])
    assert clock.now is None


@pytest.mark.parametrize("wrong", [datetime(1900, 1, 1), datetime(2199, 1, 1)])
def test_a_wrong_first_one_does_not_set_the_clock(wrong: datetime) -> None:
    clock = StreamClock(DAY)
    clock.note("wrong", wrong)
    for card in range(3):
        clock.note(card, NOON + timedelta(minutes=card))
    assert clock.now is not None
    assert abs(clock.now - NOON) < timedelta(hours=1)


@pytest.mark.parametrize("far", FAR)
def test_one_card_ahead_is_refused_however_often_it_comes(far: datetime) -> None:
    clock = running()
    for number in range(50):
        assert not clock.admits("one", number, far + timedelta(minutes=number))
    assert clock.now == running().now


@pytest.mark.parametrize("wrong", [datetime(1800, 1, 1), datetime(1970, 1, 1), NOON - timedelta(days=400)])
@pytest.mark.parametrize("number", [1, 5, 20])
def test_times_of_long_ago_do_not_widen_the_tolerance(wrong: datetime, number: int) -> None:
    clock = running()
    for row in range(number):
        assert clock.admits(f"old {row}", f"old {row}", wrong)
        clock.note(f"old {row}", wrong)
    assert clock.last == running().last
    assert not any(clock.admits("one", row, FAR[0]) for row in range(50))


def test_the_same_transactions_again_are_no_new_witnesses() -> None:
    clock = running()
    assert not any(clock.admits(number % 5, number % 5, FAR[0]) for number in range(50))


def test_the_tolerance_is_to_the_microsecond() -> None:
    last = running().last
    assert last == NOON - timedelta(minutes=20) + DAY  # the third newest card's
    assert running().admits(1, "a", last)
    assert not running().admits(1, "a", last + timedelta(microseconds=1))


def test_after_a_pause_the_clock_goes_on_once_all_say_so() -> None:
    clock, later = running(), NOON + timedelta(days=60)
    answers = [clock.admits(row % 20, row, later + timedelta(minutes=row)) for row in range(30)]
    assert answers == [False] * (IN_A_ROW - 1) + [True] * (31 - IN_A_ROW)
    assert clock.now == later


def test_one_in_time_among_them_says_that_there_was_no_pause() -> None:
    clock = running()
    for number in range(200):
        if number % (IN_A_ROW - 1) == 0:
            assert clock.admits("right", f"right {number}", NOON)
        assert not clock.admits(number % 20, number, FAR[2])


def test_transactions_that_come_seldom_are_not_taken_for_wrong_ones() -> None:
    clock = running(cards=12, rows=100, every=timedelta(days=5))
    assert clock.admits(1, "a", NOON + timedelta(days=40))
    assert not clock.admits(1, "b", FAR[2])


@given(times=st.lists(st.integers(0, 10**6), max_size=300))
def test_what_is_steady_is_the_least_of_so_many_in_a_row(times: list[int]) -> None:
    steady: Steady[int] = Steady()
    for at in times:
        steady.note(at)
    expected = [min(times[start : start + STEADY]) for start in range(len(times) - STEADY + 1)]
    assert steady.reached == max(expected, default=None)


@given(data=st.data())
@settings(max_examples=6, deadline=None)
def test_transactions_with_wrong_times_change_no_others_features(data: st.DataObject, schema: FeatureSchema) -> None:
    """They are in the past here, as those that an earlier program took: nothing is forgotten because of them."""
    rows: list[dict[str, Any]] = make_transactions(900, cards=3, days=400, seed=data.draw(st.integers(0, 9))).to_dicts()
    wrong = data.draw(st.lists(st.tuples(st.integers(0, 899), st.sampled_from(FAR)), min_size=1, max_size=40))
    without, with_them = CardHistory(schema), CardHistory(schema)
    for place, row in enumerate(rows):
        for number, far in ((number, far) for number, (after, far) in enumerate(wrong) if after == place):
            with_them.update({**row, "event_time": far, "event_id": f"wrong {number}"})
            with_them.learn({**row, "event_time": far}, 1, far)
        assert with_them.read(row) == without.read(row)
        for past in (with_them, without):
            past.update(row)
            past.learn(row, row["label"], row["event_time"] + DAY)


def test_a_card_keeps_its_last_ones_beside_many_that_are_ahead(schema: FeatureSchema) -> None:
    """Its own ones are so long ago that no window sees them, and those ahead are not the last ones of today."""
    rows = make_transactions(200, cards=1, days=30).to_dicts()
    others = make_transactions(200, cards=1, days=400, seed=2).to_dicts()[100:]
    past = CardHistory(schema)
    for row in [*rows, *({**other, "card": 7, "event_id": f"of another {n}"} for n, other in enumerate(others))]:
        past.update(row)
    late = {**rows[-1], "event_time": others[-1]["event_time"], "event_id": "late"}
    expected = past.read(late)
    for number in range(30):
        past.update({**rows[-1], "event_time": FAR[3] + timedelta(minutes=number), "event_id": f"{number} ahead"})
    assert past.read(late) == expected
    assert expected[schema.names.index("amount_of_last_2_by_card")] is not None
