"""A calibration keeps the order of the scores, scores one as many, and survives JSON."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mlflow_fraud.core.measuring.calibration import Calibrated, Calibration

CALIBRATIONS = [
    Calibration(),
    Calibration(method="platt", coefficients=(0.83, 1.2)),
    Calibration(method="beta", coefficients=(0.8, 2.1, -0.4)),
    Calibration(method="beta", coefficients=(0.0, 2.1, -0.4)),
    Calibration(method="isotonic", knots=((0.0, 0.0), (0.2, 0.01), (0.7, 0.8), (1.0, 1.0))),
]
each = pytest.mark.parametrize("calibration", CALIBRATIONS, ids=lambda c: f"{c.method}{len(c.coefficients)}")
scores = st.lists(st.integers(0, 10**12), min_size=2, max_size=40).map(lambda found: np.array(sorted(found)) / 1e12)


@each
@given(ranked=scores)
def test_the_order_stays_and_nothing_leaves_the_scale(calibration: Calibration, ranked: np.ndarray) -> None:
    probabilities = calibration(ranked)
    assert (np.diff(probabilities) >= 0).all()
    assert probabilities.min() >= 0
    assert probabilities.max() <= 1


@each
def test_scores_that_a_model_can_tell_apart_stay_apart(calibration: Calibration) -> None:
    ranked = np.unique(np.concatenate([np.geomspace(1e-12, 0.5, 3000), 1 - np.geomspace(6e-8, 0.5, 3000)]))
    assert (np.diff(calibration(ranked)) > 0).all()


@each
def test_a_score_alone_has_the_probability_that_it_has_among_many(calibration: Calibration) -> None:
    many = np.random.default_rng(0).random(1000)
    alone = np.concatenate([calibration(many[[place]]) for place in range(len(many))])
    np.testing.assert_array_equal(alone, calibration(many))
    numbers = [calibration(score) for score in many]  # as one payment's is, without an array
    np.testing.assert_array_equal(numbers, alone)


@each
def test_json_gives_the_same_calibration(calibration: Calibration) -> None:
    assert Calibration.model_validate_json(calibration.model_dump_json()) == calibration


def test_none_changes_nothing_and_a_slope_of_one_next_to_nothing() -> None:
    many = np.linspace(0, 1, 101)
    np.testing.assert_array_equal(Calibration()(many), many)
    np.testing.assert_allclose(Calibration(method="platt", coefficients=(1.0, 0.0))(many), many, atol=2e-6)


class Halves:
    def score(self, rows: np.ndarray) -> np.ndarray:
        return np.full(len(rows), 0.5)


def test_a_calibrated_scorer_scores_probabilities() -> None:
    calibrated = Calibrated(Halves(), Calibration(method="platt", coefficients=(1.0, -2.0)))
    np.testing.assert_allclose(calibrated.score(np.zeros((3, 1), np.float32)), 1 / (1 + np.exp(2)), rtol=1e-5)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param({"method": "platt", "coefficients": [1.0]}, "platt has 2 coefficients, found 1", id="too few"),
        pytest.param({"method": "none", "coefficients": [1.0]}, "none has 0 coefficients, found 1", id="none with one"),
        pytest.param({"method": "platt", "coefficients": [-1.0, 0.0]}, "platt must rise", id="falling"),
        pytest.param({"method": "beta", "coefficients": [0.0, 0.0, 1.0]}, "beta must rise", id="flat"),
        pytest.param({"method": "platt", "coefficients": [float("nan"), 0.0]}, "finite number", id="not a number"),
        pytest.param({"method": "isotonic"}, "from score 0 to score 1", id="no knots"),
        pytest.param({"method": "isotonic", "knots": [[0, 0], [0.5, 1]]}, "from score 0 to score 1", id="open end"),
        pytest.param({"method": "isotonic", "knots": [[0, 0.2], [0.5, 0.2], [1, 1]]}, "that rise", id="a plateau"),
        pytest.param({"method": "isotonic", "knots": [[0, 0.2], [1, 1.2]]}, "from 0 to 1", id="over one"),
        pytest.param({"method": "none", "knots": [[0, 0], [1, 1]]}, "none has no knots", id="knots of another"),
        pytest.param({"method": "spline"}, "'isotonic'", id="unknown method"),
    ],
)
def test_a_calibration_that_is_none_is_refused(content: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Calibration.model_validate(content)
