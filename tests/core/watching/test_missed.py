"""Evidence of missed fraud grows with what is missed, and falls with payments that bring none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.core.watching.missed import DOUBT, TIMES, Promise, evidence, evidence_of_windows

PROMISE = Promise(3, 10_000)
caught = st.lists(st.booleans(), min_size=1, max_size=20)


def found(outcomes: list[bool], every: int = 500, until: int | None = None) -> float:
    paid = (np.arange(len(outcomes)) + 1) * every
    return evidence(np.array(outcomes), paid, int(paid[-1]) if until is None else until, PROMISE).value


@given(caught, st.integers(0, 19))
def test_a_burst_that_is_missed_instead_speaks_no_less(outcomes: list[bool], place: int) -> None:
    worse = [*outcomes]
    worse[place % len(worse)] = False
    assert found(worse) >= found(outcomes) >= 0


@given(caught, st.integers(1, 100_000))
def test_payments_that_bring_no_missed_fraud_take_evidence_away(outcomes: list[bool], quiet: int) -> None:
    before = found(outcomes)
    assert found(outcomes, until=len(outcomes) * 500 + quiet) <= before


def test_at_the_promised_rate_there_is_little_and_at_many_times_it_there_is_much() -> None:
    usual = round(1 / PROMISE.rate)
    assert found([False] * 12, every=usual) < 2
    assert found([False] * 12, every=usual // (2 * TIMES)) > 8


@given(caught)
def test_what_was_good_before_is_no_credit(outcomes: list[bool]) -> None:
    bad = [False] * 4
    assert found([True] * 50 + bad) == pytest.approx(found(bad), abs=1)
    assert found([*outcomes, *bad]) >= found(bad) - 1


def test_evidence_says_from_which_burst_on_it_is() -> None:
    assert evidence(np.array([False, True, False, False]), np.array([1, 9000, 9001, 9002]), 9003, PROMISE).since == 2
    assert evidence(np.array([True, True]), np.array([1, 2]), 3, PROMISE) == (0.0, 2)


def test_a_promise_that_nothing_is_missed_leaves_a_doubt() -> None:
    assert Promise(0, 1000).rate == DOUBT / 1000
    assert Promise(0, 0).rate > 0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20_000)), min_size=1, max_size=8), st.integers(0, 7))
def test_a_window_in_which_more_was_missed_speaks_no_less(windows: list[tuple[int, int]], place: int) -> None:
    missed, payments = ([each[number] for each in windows] for number in (0, 1))
    more = [number + (at == place % len(missed)) for at, number in enumerate(missed)]
    before, after = (evidence_of_windows(each, payments, PROMISE) for each in (missed, more))
    assert after.value >= before.value >= 0
    assert 0 <= before.since <= len(missed)
