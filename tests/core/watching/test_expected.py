"""What probabilities expect is what comes, where they are honest; sums of days are sums of the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.core.watching.expected import Expected, estimates, expect, together


def drawn(seed: int, rows: int = 3000) -> np.ndarray:
    return np.random.default_rng(seed).beta(0.05, 1.5, rows)


def figures(labels: np.ndarray, flags: np.ndarray) -> dict[str, float]:
    hits = float((labels & flags).sum())
    return {
        "precision": hits / flags.sum(),
        "recall": hits / labels.sum(),
        "f1": 2 * hits / (labels.sum() + flags.sum()),
    }


@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_an_interval_holds_what_comes_nineteen_times_of_twenty_where_probabilities_are_honest(name: str) -> None:
    draw, held = np.random.default_rng(0), 0
    for seed in range(400):
        scores = drawn(seed)
        found = estimates(expect(scores, 0.5, np.arange(len(scores))))[name]
        seen = figures(draw.random(len(scores)) < scores, scores >= 0.5)[name]
        assert found is not None
        held += found.lower <= seen <= found.upper
    assert 0.93 <= held / 400 <= 1


def test_frauds_that_come_by_the_card_make_an_estimate_less_sure() -> None:
    scores = drawn(1)
    alone = estimates(expect(scores, 0.5, np.arange(3000)))["recall"]
    by_card = estimates(expect(np.sort(scores), 0.5, np.arange(3000) // 30))["recall"]
    assert alone is not None
    assert by_card is not None
    assert by_card.upper - by_card.lower > alone.upper - alone.lower


def test_a_kind_of_fraud_that_the_model_takes_for_genuine_is_not_seen() -> None:
    """The limit of it, which the page states: the model is who says so."""
    scores = drawn(2)
    before = estimates(expect(scores, 0.5, np.arange(3000)))["recall"]
    with_new_fraud = np.append(scores, np.full(50, 0.001))
    after = estimates(expect(with_new_fraud, 0.5, np.arange(3050)))["recall"]
    assert before is not None
    assert after is not None
    assert after.value == pytest.approx(before.value, abs=0.01)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.integers(0, 30))
def test_the_sums_of_parts_with_cards_of_their_own_are_those_of_the_whole(values: list[float], cut: int) -> None:
    scores, cards = np.array(values), np.arange(len(values))
    parts = [expect(scores[:cut], 0.5, cards[:cut]), expect(scores[cut:], 0.5, np.arange(len(values[cut:])))]
    np.testing.assert_allclose(together(parts), expect(scores, 0.5, cards))


def test_without_an_alert_or_a_fraud_nothing_is_estimated() -> None:
    assert estimates(Expected()) == {"precision": None, "recall": None, "f1": None}
    quiet = estimates(expect(np.array([0.1, 0.2]), 0.5, np.arange(2)))
    assert quiet["precision"] is None
