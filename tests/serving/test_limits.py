"""A client gets no more than its bucket holds, and gets that."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.serving import limits
from mlflow_fraud.serving.limits import Limit

pauses = st.lists(st.tuples(st.floats(0, 3), st.integers(1, 4)), min_size=1, max_size=60)


@given(pauses, st.floats(0.1, 5), st.integers(1, 8))
def test_in_no_span_is_more_taken_than_the_bucket_and_what_came_to_it(
    steps: list[tuple[float, int]], a_second: float, most: int
) -> None:
    now, taken = 0.0, list[tuple[float, int]]()
    limit = Limit(a_second, most, clock=lambda: now)
    for pause, number in steps:
        now += pause
        if not limit.wait("a", number):
            taken.append((now, number))
    for first, (begin, _) in enumerate(taken):
        total = 0
        for at, number in taken[first:]:
            total += number
            assert total <= most + (at - begin) * a_second + 1e-6


@given(pauses, st.floats(0.1, 5), st.integers(4, 8))
def test_who_waits_as_long_as_told_gets_it(steps: list[tuple[float, int]], a_second: float, most: int) -> None:
    now = 0.0
    limit = Limit(a_second, most, clock=lambda: now)
    for pause, number in steps:
        now += pause
        wait = limit.wait("a", number)
        if wait:
            now += wait + 1e-6
            assert limit.wait("a", number) == 0


def test_one_client_takes_nothing_from_another() -> None:
    limit = Limit(1, 3, clock=lambda: 0.0)
    assert [limit.wait("a") for _ in range(4)] == [0, 0, 0, 1]
    assert limit.wait("b", 3) == 0


def test_more_than_the_bucket_holds_is_never_to_be_had() -> None:
    limit = Limit(1, 3, clock=lambda: 0.0)
    assert math.isinf(limit.wait("a", 4))
    assert limit.wait("a", 3) == 0


def test_no_more_clients_are_remembered_than_stated(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(limits, "MOST_CLIENTS", 3)
    limit = Limit(1, 1, clock=lambda: 0.0)
    for client in "abcd":
        assert limit.wait(client) == 0
    assert len(limit._buckets) == 3
    assert limit.wait("d") == 1
