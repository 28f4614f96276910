"""What ships is a twin of the last judged model, or there is something against it: what cannot be told is."""

from __future__ import annotations

import numpy as np
import pytest

from mlflow_fraud.core.release.twin import Twin, TwinRule, compare_twins

RULE = TwinRule(rank=0.4, alerts=3.0, mean=8.0)
SCORES = np.linspace(0.001, 0.4, 1000)
HALF = (0.5, 0.5)


def with_alerts(number: int) -> np.ndarray:
    """Return scores of which so many are alerts."""
    return np.where(np.arange(1000) >= 1000 - number, 0.9, SCORES)


def test_models_that_differ_a_little_are_twins() -> None:
    noise = np.random.default_rng(0).normal(0, 0.02, 1000)
    assert compare_twins(with_alerts(9), np.abs(SCORES + noise), HALF).against(RULE) != ()  # it never alerts
    assert compare_twins(with_alerts(9), np.abs(with_alerts(14) + noise), HALF).against(RULE) == ()


@pytest.mark.parametrize(
    ("judged", "shipped", "said"),
    [
        pytest.param(with_alerts(9), with_alerts(0), "alerts 9 and 0", id="a file that never alerts"),
        pytest.param(with_alerts(5), with_alerts(60), "alerts 5 and 60", id="twelve times the alerts"),
        pytest.param(SCORES, SCORES[::-1], "rank correlation -1.00", id="upside down"),
        pytest.param(SCORES, SCORES / 10, "mean probability", id="a tenth of the probability"),
        pytest.param(SCORES, np.full(1000, 0.2), "rank correlation cannot be told", id="one score for all"),
        pytest.param(SCORES, np.where(SCORES > 0.2, np.nan, SCORES), "cannot be told", id="no number"),
        pytest.param(SCORES[:0], SCORES[:0], "there is no row", id="no row"),
    ],
)
def test_what_is_no_twin_or_cannot_be_told_is_against_it(judged: np.ndarray, shipped: np.ndarray, said: str) -> None:
    against = compare_twins(judged, shipped, HALF).against(RULE)
    assert any(said in sentence for sentence in against), against


def test_a_threshold_that_is_no_number_leaves_nothing_to_tell() -> None:
    assert compare_twins(SCORES, SCORES, (0.5, float("nan"))).against(RULE) != ()


def test_a_few_alerts_more_or_less_are_chance() -> None:
    assert compare_twins(with_alerts(4), with_alerts(0), HALF).against(RULE) == ()


def test_a_twin_is_read_as_it_was_written() -> None:
    twin = compare_twins(with_alerts(9), with_alerts(14), HALF)
    assert Twin.model_validate_json(twin.model_dump_json()) == twin
