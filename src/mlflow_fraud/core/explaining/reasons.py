"""What each reason adds to the log odds of a score: contributions of features, added up by code, strongest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field, FiniteFloat

from mlflow_fraud.core.explaining.vocabulary import Vocabulary
from mlflow_fraud.core.measuring.digits import rounded
from mlflow_fraud.core.strict import Strict

Row = npt.NDArray[np.float32]
"""The features of one payment as they were served, shape (features,), NaN for missing."""

MOST = 10
"""So many reasons of one score are given at most, and kept."""

ADDITIVE = 1e-4
"""`base` and all contributions add up to the log odds of the model's graph but for this: both are single precision."""


class Contributions(NamedTuple):
    """What each feature adds to `base`, in log odds before calibration, shape (features,); together they are these.

    `base` is where the model begins: for trees what it gives on average over the rows that it learned from, for a
    linear model what it gives to a payment that is typical in each feature.
    """

    base: float
    of_features: npt.NDArray[np.float64]

    @property
    def log_odds(self) -> float:
        """What they add up to."""
        return self.base + float(self.of_features.sum())


class Explainer(Protocol):
    """What says why a model gave a row its score."""

    def contributions(self, row: Row) -> Contributions:
        """Return what each feature added; one thread asks at a time."""


class Reason(Strict):
    """A code, its words, and what its features add to the log odds together: above 0 towards fraud."""

    code: str
    en: str
    fr: str
    contribution: FiniteFloat

    @property
    def direction(self) -> Literal["raises", "lowers"]:
        """Which way it counted."""
        return "raises" if self.contribution > 0 else "lowers"


class Reasons(Strict):
    """The strongest reasons of a score, by what they add; `base`, all of them and `others` add up to its log odds.

    The log odds are those before calibration, whose map is not additive. Each figure has six digits.
    """

    base: FiniteFloat
    strongest: Annotated[tuple[Reason, ...], Field(max_length=MOST)]
    others: FiniteFloat

    @property
    def log_odds(self) -> float:
        """What all of it adds up to."""
        return self.base + sum(each.contribution for each in self.strongest) + self.others

    def first(self, number: int) -> Reasons:
        """Return the same with so many reasons at most; the rest is among the others."""
        rest = sum(each.contribution for each in self.strongest[number:])
        return Reasons(base=self.base, strongest=self.strongest[:number], others=rounded(self.others + rest))


def reasons_of(found: Contributions, vocabulary: Vocabulary, names: Sequence[str]) -> Reasons:
    """Return the reasons of a score from what its features, by their `names`, added to it.

    Raises `ArithmeticError` where that is no number.
    """
    if not (np.isfinite(found.base) and np.isfinite(found.of_features).all()):
        raise ArithmeticError("a contribution is no number")
    places = [vocabulary.place_of[name] for name in names]
    by_code = np.bincount(places, found.of_features, len(vocabulary.codes))
    order = [int(place) for place in np.argsort(-np.abs(by_code), kind="stable")[:MOST] if by_code[place] != 0]
    strongest = [
        Reason(code=code.code, en=code.en, fr=code.fr, contribution=rounded(float(by_code[place])))
        for place, code in ((place, vocabulary.codes[place]) for place in order)
    ]
    return Reasons(
        base=rounded(found.base),
        strongest=tuple(strongest),
        others=rounded(found.log_odds - found.base - sum(float(by_code[place]) for place in order)),
    )
