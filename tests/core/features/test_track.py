"""A late event changes a track as if it had come in time, and is all that is looked at."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.core.features.event import Event, gone
from mlflow_fraud.core.features.track import Kept, Track

KEPT = st.builds(Kept, st.booleans(), st.booleans(), st.booleans(), st.booleans())
VALUES = st.lists(st.one_of(st.none(), st.integers(-(10**15), 10**15)), min_size=1, max_size=12)


def event(value: int | None) -> Event:
    return Event(0, None, {"amount": value}, {})


@given(kept=KEPT, values=VALUES, late=st.integers(0, 11), is_gone=st.booleans())
def test_a_late_event_is_as_if_it_had_come_in_time_and_no_other_is_looked_at(
    kept: Kept, values: list[int | None], late: int, is_gone: bool
) -> None:
    place = late % len(values)
    events = [event(value) for value in values]
    came = gone(events[place]) if is_gone else events[place]
    looked_at: list[Event] = []

    def view(of: Event) -> int | None:
        looked_at.append(of)
        return of.row["amount"]  # type: ignore[no-any-return]

    track, in_time = Track(view, kept), Track(view, kept)
    for each in events[:place] + events[place + 1 :]:
        track.append(each)
    looked_at.clear()
    track.insert(place, came)
    assert looked_at == ([] if is_gone else [came])
    in_time.rebuild([*events[:place], came, *events[place + 1 :]], 0)
    for name in ("values", "counts", "sums", "squares"):
        assert getattr(track, name) == getattr(in_time, name)
