"""What is written down, added up or cut at is the same where arithmetic differs in its last digits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mlflow_fraud.core.measuring.digits import below, grain, rounded, rounded_figures
from mlflow_fraud.core.measuring.threshold import in_few_digits

figures = st.floats(-1e9, 1e9, allow_subnormal=False)


@given(figures)
def test_a_figure_keeps_six_digits_and_is_the_same_when_it_is_rounded_again(value: float) -> None:
    assert rounded(value) == pytest.approx(value, rel=5.1e-6)
    assert rounded(rounded(value)) == rounded(value)


@given(st.integers(-(10**12), 10**12))
def test_a_count_keeps_all_its_digits(count: int) -> None:
    assert rounded(float(count)) == count


def test_what_is_no_finite_figure_stays_as_it_is() -> None:
    document = {"a": None, "b": [True, "0.123456789", 7], "c": float("inf")}
    assert rounded_figures(document) == document


@given(st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=80), st.randoms())
def test_multiples_of_the_grain_add_up_alike_in_any_order(values: list[float], chance: object) -> None:
    size = grain(max(sum(abs(value) for value in values), 1e-3) * 1.001)
    whole = (np.rint(np.array(values) / size) * size).astype(np.float32)
    order = np.array(values).argsort(kind="stable")
    sums = [np.cumsum(each, dtype=np.float32)[-1] for each in (whole, whole[::-1], whole[order], whole[order][::-1])]
    assert len({float(each) for each in sums}) == 1
    assert sums[0] == np.sum(whole.astype(np.float64))


@given(st.floats(1e-9, 1), st.floats(0, 1))
def test_a_number_below_a_score_is_off_the_score_and_off_the_next_lower_one(score: float, lower: float) -> None:
    assume(lower < score * (1 - 1e-12))
    found = below(score, lower)
    assert lower < found < score
    assert min(score - found, found - lower) > 1e-15 * score


def test_scores_that_nothing_lies_between_are_parted_by_the_upper_one() -> None:
    score = 0.5
    assert below(score, float(np.nextafter(score, 0))) == score


scored = st.lists(st.integers(0, 10**6), min_size=1, max_size=50)


@given(scored, st.data())
def test_a_threshold_flags_the_same_rows_where_the_last_digits_of_scores_are_others(
    numbers: list[int], data: st.DataObject
) -> None:
    scores = np.array(numbers) / 10**6
    threshold = data.draw(st.sampled_from([*scores.tolist(), float(np.nextafter(scores.max(), np.inf))]))
    found = in_few_digits(threshold, scores)
    up, down = (scores * (1 + part * 3e-16) for part in (1, -1))
    for seen in (scores, up, down):
        np.testing.assert_array_equal(seen >= found, scores >= threshold)
    assert in_few_digits(threshold, scores) == pytest.approx(threshold, rel=2e-5)


@given(scored)
def test_a_threshold_is_the_same_number_where_the_last_digits_of_scores_are_others(numbers: list[int]) -> None:
    scores = np.array(numbers) / 10**6
    least, up = float(scores.min()), scores * (1 + 3e-16)
    assert in_few_digits(least, scores) == in_few_digits(float(up.min()), up)
