"""A model's scores as probabilities: the map from one to the other that ships in the release."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, FiniteFloat, model_validator

from mlflow_fraud.core.ports import Scorer
from mlflow_fraud.core.strict import Strict

Probabilities = npt.NDArray[np.float64]
Method = Literal["none", "platt", "beta", "isotonic"]

EDGE = 1e-6
"""Scores are drawn in from 0 and 1 by so much before their logarithm is taken; their order stays."""

SLOPES = {"none": 0, "platt": 1, "beta": 2, "isotonic": 0}
"""How many of a method's coefficients are slopes; one more is the intercept."""


class Calibration(Strict):
    """How scores become probabilities. All methods keep the order of scores that are at least 1e-12 apart.

    - `none`: they are probabilities already.
    - `platt`: a logistic curve of the log odds, `coefficients` (slope, intercept) (Platt, 1999).
    - `beta`: a logistic curve of log p and -log(1 - p), two slopes and an intercept (Kull et al., 2017).
    - `isotonic`: straight lines between `knots` of score and probability (Zadrozny and Elkan, 2002).

    >>> flatter = Calibration(method="platt", coefficients=(0.5, 0.0))
    >>> flatter(np.array([0.1, 0.5, 0.9])).round(3).tolist()
    [0.25, 0.5, 0.75]
    >>> Calibration.model_validate_json(flatter.model_dump_json()) == flatter
    True
    """

    method: Method = "none"
    coefficients: tuple[FiniteFloat, ...] = ()
    knots: tuple[tuple[FiniteFloat, FiniteFloat], ...] = Field(default=())

    def __call__(self, scores: Probabilities) -> Probabilities:
        """Return the probability of each score; a score alone has the one that it has among many."""
        if self.method == "none":
            return scores
        if self.method == "isotonic":
            at, values = zip(*self.knots, strict=True)
            between: Probabilities = np.interp(scores, at, values)
            return between
        below, above = logarithms(scores)
        rise, fall, start = self.coefficients if self.method == "beta" else (self.coefficients[0], *self.coefficients)
        return logistic(rise * below - fall * above + start)

    @model_validator(mode="after")
    def _keeps_the_order(self) -> Self:
        slopes = SLOPES[self.method]
        wanted = slopes + 1 if slopes else 0
        if len(self.coefficients) != wanted:
            raise ValueError(f"{self.method} has {wanted} coefficients, found {len(self.coefficients)}")
        if slopes and (min(self.coefficients[:slopes]) < 0 or max(self.coefficients[:slopes]) == 0):
            raise ValueError(f"{self.method} must rise, found the slopes {self.coefficients[:slopes]}")
        if self.method != "isotonic" and self.knots:
            raise ValueError(f"{self.method} has no knots, found {len(self.knots)}")
        if self.method == "isotonic":
            _require_rising(self.knots)
        return self


@dataclass(frozen=True)
class Calibrated:
    """A scorer whose scores are probabilities."""

    scorer: Scorer
    calibration: Calibration

    def score(self, rows: npt.NDArray[np.float32]) -> Probabilities:
        """Return each row's calibrated probability; see `Scorer`."""
        scores = self.scorer.score(rows)
        if len(scores) == 1:  # a number takes half the time of an array of one, and has the same bits
            return np.array([self.calibration(scores[0])])
        return self.calibration(scores)


def logarithms(scores: Probabilities) -> tuple[Probabilities, Probabilities]:
    """Return the logarithms of the scores and of what is missing to 1, both finite."""
    drawn_in = EDGE + (1 - 2 * EDGE) * scores
    return np.log(drawn_in), np.log1p(-drawn_in)


def logistic(odds: Probabilities) -> Probabilities:
    """Return the probabilities that have these log odds.

    >>> logistic(np.array([-1e4, 0.0, 1e4])).tolist()
    [0.0, 0.5, 1.0]
    """
    probabilities: Probabilities = np.exp(-np.logaddexp(0, -odds))
    return probabilities


def _require_rising(knots: tuple[tuple[float, float], ...]) -> None:
    if len(knots) < 2 or knots[0][0] != 0 or knots[-1][0] != 1:
        raise ValueError(f"isotonic needs knots from score 0 to score 1, found {knots[:1]} to {knots[-1:]}")
    if not all(before < after for lower, upper in pairwise(knots) for before, after in zip(lower, upper, strict=True)):
        raise ValueError("isotonic needs knots that rise in score and in probability")
    if knots[0][1] < 0 or knots[-1][1] > 1:
        raise ValueError(f"isotonic needs probabilities from 0 to 1, found {knots[0][1]} to {knots[-1][1]}")
