"""What comes late, is changed or is forgotten leaves a track as its events in order make it, of numbers of any size."""

from __future__ import annotations

from array import array
from itertools import combinations_with_replacement

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.core.features import totals
from mlflow_fraud.core.features.event import Event, Gone, gone
from mlflow_fraud.core.features.track import Kept, Track

KEPT = st.builds(Kept, st.booleans(), st.booleans(), st.booleans(), st.booleans())
ENDS = st.sampled_from([0, 2**31, 3 * 10**9, 2**62, 2**63 - 1, 2**63])
"""Numbers whose squares, or they themselves, or a few of them together have about 64 bits."""

VALUES = st.none() | st.builds(
    lambda end, off, sign: sign * (end + off), ENDS, st.integers(-2, 2), st.sampled_from([-1, 1])
)
STEPS = st.lists(
    st.tuples(st.sampled_from("append insert change drop".split()), VALUES, st.integers(0, 30), st.booleans()),
    max_size=16,
)
ONE_BY_ONE, AT_ONCE = totals.FEW, 0


WHOLE = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=8)


def event(value: int | None) -> Event:
    return Event(0, None, {"amount": value}, {})


def seen(of: Event) -> int | None:
    return None if isinstance(of, Gone) else of.row["amount"]


def assert_made_of(track: Track, kept: Kept, events: list[Event]) -> None:
    """Look at every window; None among the counts stands for as many as there are places."""
    values = [seen(each) for each in events]
    assert not kept.values or track.values == values
    for first, last in combinations_with_replacement(range(len(events) + 1), 2):
        there = [value for value in values[first:last] if value is not None]
        if kept.counts:
            counts = range(len(events) + 1) if track.counts is None else track.counts
            assert counts[last] - counts[first] == len(there)
        assert not kept.sums or track.sums[last] - track.sums[first] == sum(there)
        assert not kept.squares or track.squares[last] - track.squares[first] == sum(value * value for value in there)


@given(kept=KEPT, steps=STEPS, few=st.sampled_from([ONE_BY_ONE, AT_ONCE]))
def test_a_track_is_what_its_events_in_order_make_it_whatever_came_late_and_only_what_came_is_looked_at(
    kept: Kept, steps: list[tuple[str, int | None, int, bool]], few: int
) -> None:
    looked_at: list[Event] = []

    def view(of: Event) -> int | None:
        looked_at.append(of)
        return seen(of)

    track, events = Track(view, kept), list[Event]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(totals, "FEW", few)
        for kind, value, number, is_gone in steps:
            looked_at.clear()
            came = gone(event(value)) if is_gone and kind in ("insert", "change") else event(value)
            place = number % (len(events) + (kind in ("insert", "drop"))) if events else 0
            if kind == "drop":
                track.drop(place)
                del events[:place]
            elif kind == "insert" and events:
                track.insert(place, came)
                events.insert(place, came)
            elif kind == "change" and events:
                track.change(place, came)
                events[place] = came
            else:
                came = event(value)
                track.append(came)
                events.append(came)
            assert looked_at == ([] if kind == "drop" or isinstance(came, Gone) else [came])
            assert_made_of(track, kept, events)


@given(
    of=WHOLE, number=st.integers(-(2**64), 2**64), place=st.integers(0, 7), few=st.sampled_from([ONE_BY_ONE, AT_ONCE])
)
def test_a_number_of_any_size_is_added_to_each_total_from_a_place_on(
    of: list[int], number: int, place: int, few: int
) -> None:
    first = place % len(of)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(totals, "FEW", few)
        found = totals.added(array("q", of), first, number)
    assert list(found) == of[:first] + [each + number for each in of[first:]]


@pytest.mark.parametrize("few", [ONE_BY_ONE, AT_ONCE])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_number_that_fits_is_added_where_the_totals_lie_and_one_more_makes_them_pythons_own(
    few: int, sign: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "FEW", few)
    room = 2**63 - 1 if sign > 0 else 2**63
    of = array("q", [0, 5 * sign, 2 * sign])  # the one that is furthest is not the last
    assert totals.added(of, 1, sign * (room - 5)) is of
    assert list(of) == [0, sign * room, sign * (room - 3)]
    wider = totals.added(of, 1, sign)
    assert wider == [0, sign * (room + 1), sign * (room - 2)]
    assert list(of) == [0, sign * room, sign * (room - 3)]


@pytest.mark.parametrize("few", [ONE_BY_ONE, AT_ONCE])
@pytest.mark.parametrize("total", [-(2**63), 2**63 - 1])
def test_a_number_of_more_bits_is_added_also_where_the_sum_has_few(
    total: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "FEW", few)
    for number in (2**63, -(2**63) - 1):
        assert list(totals.added(array("q", [0, total]), 1, number)) == [0, total + number]


def test_totals_of_pythons_own_numbers_stay_exact() -> None:
    track = Track(lambda of: of.row["amount"], Kept(sums=True, squares=True))
    for value in (2**63, 1, -(2**63)):
        track.append(event(value))
    track.insert(1, event(7))
    assert track.sums == [0, 2**63, 2**63 + 7, 2**63 + 8, 8]
    assert track.squares == [0, 2**126, 2**126 + 49, 2**126 + 50, 2**127 + 50]


def test_a_track_counts_nothing_until_a_value_is_missing() -> None:
    track = Track(lambda of: of.row["amount"], Kept(counts=True, sums=True))
    for value in (3, 4):
        track.append(event(value))
    assert track.counts is None
    track.insert(1, event(None))
    assert list(track.counts or ()) == [0, 1, 1, 2]
