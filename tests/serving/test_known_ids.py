"""What is said to be new is new, however much was forgotten."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.serving.known_ids import KnownIds

BEGIN = datetime(2020, 1, 1)


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 100)), max_size=80, unique_by=lambda each: each[0]),
    st.integers(1, 10),
)
def test_no_id_that_came_is_ever_called_new(came: list[tuple[int, int]], kept: int) -> None:
    known = KnownIds(kept=kept)
    for number, hour in came:
        known.add(("cards", number), BEGIN + timedelta(hours=hour))
    assert all(known.may_have(("cards", number), BEGIN + timedelta(hours=hour)) for number, hour in came)


def test_what_is_later_than_all_that_is_forgotten_is_new() -> None:
    known = KnownIds(kept=3)
    for hour in range(10):
        known.add(("cards", hour), BEGIN + timedelta(hours=hour))
    assert not known.may_have(("cards", "another"), BEGIN + timedelta(hours=10))
    assert not known.may_have(("transfers", 9), BEGIN + timedelta(hours=10))
    assert known.may_have(("cards", "another"), BEGIN)
