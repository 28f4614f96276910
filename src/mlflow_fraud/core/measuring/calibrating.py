"""The calibration that a model needs: fitted on validation, chosen by the calibration error that was measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mlflow_fraud.core.labels import Labels
from mlflow_fraud.core.measuring.calibration import Calibration, Method, Probabilities, logarithms, logistic
from mlflow_fraud.core.measuring.digits import rounded
from mlflow_fraud.core.measuring.metrics import Weighing, brier, calibration_error
from mlflow_fraud.core.measuring.period import Period, Whole
from mlflow_fraud.core.strict import Strict

AS_SHARP = 1.01
"""A method may be taken when its Brier score is at most so many times the smallest."""

AS_GOOD = 1.1
"""Of those, a simpler one is taken when its calibration error is at most so many times the smallest."""

Values = npt.NDArray[np.float64]

STEPS = 100
CLOSE = 1e-10
"""Newton's steps end with one whose largest change of a coefficient is below this: the next would be in no digit."""

ROUNDING = 1e-12
"""The share of a loss that is rounding, and tells no better step from a worse one."""

PLACES = 10
"""Decimal places of an isotonic calibration's knots."""

TILT = 1e-3
"""The part of the score in an isotonic calibration, so that it rises everywhere."""

APART = 1e-9
"""Knots are at least so far from the ends 0 and 1, and their probabilities so far from each other."""


class CalibrationRule(Strict):
    """The section `calibration` of `params.yaml`; `auto` chooses the method, with the cards in `folds` groups."""

    method: Literal["auto", "none", "platt", "beta", "isotonic"] = "auto"
    folds: int = Field(default=5, ge=2)


class Tried(NamedTuple):
    """What a method came to on cards that its calibration had not seen."""

    calibration_error: float
    brier: float


class Choice(NamedTuple):
    """The calibration, fitted on all of validation, and what each method came to."""

    calibration: Calibration
    tried: dict[Method, Tried]


def choose_calibration(period: Period, scores: Probabilities, rule: CalibrationRule) -> Choice:
    """Return the calibration of the rule's method, or under `auto` of the best one.

    The best has the smallest calibration error, cross-fitted by cards, among the methods with about the
    smallest Brier score: one share for all is calibrated too, and tells nothing apart. Where a simpler
    one is about as good it is taken: none, Platt, beta, isotonic.
    """
    tried = {method: _try(method, period, scores, rule.folds) for method in _FITS}
    method = best_method(tried) if rule.method == "auto" else rule.method
    return Choice(fit_calibration(method, period.labels, scores, period.stands_for), tried)


def best_method(tried: Mapping[Method, Tried]) -> Method:
    """Return the method to take; the mapping goes from the simplest to the least simple.

    >>> best_method({"none": Tried(0.0100, 0.02), "platt": Tried(0.0011, 0.02), "beta": Tried(0.0010, 0.02)})
    'platt'
    >>> best_method({"none": Tried(0.0100, 0.02), "platt": Tried(0.0011, 0.03)})  # tells less apart
    'none'
    """
    sharpest = min(found.brier for found in tried.values())
    sharp = {method: found for method, found in tried.items() if found.brier <= sharpest * AS_SHARP}
    least = min(found.calibration_error for found in sharp.values())
    return next(method for method, found in sharp.items() if found.calibration_error <= least * AS_GOOD)


def fit_calibration(method: Method, labels: Labels, scores: Probabilities, weights: Weighing = None) -> Calibration:
    """Return the calibration of a method; `none` where the scores do not rise with the share of fraud, or are none."""
    return _FITS[method](labels, scores, weights) if len(scores) else Calibration()


def cross_fitted(method: Method, period: Period, scores: Probabilities, folds: int) -> Probabilities:
    """Return each row's probability by a calibration that has not seen the row's card."""
    fold = deal_cards(period, folds)[period.cards]
    probabilities, weights = np.empty(len(scores)), period.stands_for
    for number in range(folds):
        left_out = fold == number
        each = None if weights is None else weights[~left_out]
        fitted = fit_calibration(method, period.labels[~left_out], scores[~left_out], each)
        probabilities[left_out] = fitted(scores[left_out])
    return probabilities


def deal_cards(period: Period, folds: int) -> Whole:
    """Return the fold of each card: dealt like playing cards, those with the most frauds first."""
    frauds = np.bincount(period.cards, weights=period.fraud)
    folds_of = np.empty(len(frauds), np.int64)
    folds_of[np.argsort(-frauds, kind="stable")] = np.arange(len(frauds)) % folds
    return folds_of


def _try(method: Method, period: Period, scores: Probabilities, folds: int) -> Tried:
    probabilities = cross_fitted(method, period, scores, folds)
    seen = (period.labels, probabilities, period.stands_for)
    return Tried(calibration_error(*seen), brier(*seen))


def _fit_none(labels: Labels, scores: Probabilities, weights: Weighing) -> Calibration:
    return Calibration()


def _fit_platt(labels: Labels, scores: Probabilities, weights: Weighing) -> Calibration:
    below, above = logarithms(scores)
    columns = np.stack([below - above, np.ones_like(below)], axis=1)
    return _rising("platt", _logistic(columns, labels, weights, np.array([1.0, 0.0])))


def _fit_beta(labels: Labels, scores: Probabilities, weights: Weighing) -> Calibration:
    """Fit both slopes; one that would fall is held at 0 and the other fitted again."""
    below, above = logarithms(scores)
    columns = np.stack([below, -above, np.ones_like(below)], axis=1)
    found = _logistic(columns, labels, weights, np.array([1.0, 1.0, 0.0]))
    falling = found[:2] < 0
    if falling.any():
        kept = np.append(~falling, True)
        again = _logistic(columns[:, kept], labels, weights, np.array([1.0, 1.0, 0.0])[kept])
        found = np.zeros(3)
        found[kept] = again
    return _rising("beta", found)


def _fit_isotonic(labels: Labels, scores: Probabilities, weights: Weighing) -> Calibration:
    """Fit steps that do not fall, and draw lines between their middles; the score itself gives the lines a tilt."""
    from sklearn.isotonic import isotonic_regression

    order = np.argsort(scores, kind="stable")
    ranked, share = np.unique(scores[order], return_index=True)
    each = np.ones(len(scores)) if weights is None else weights[order]
    masses = np.add.reduceat(each, share)
    means = np.add.reduceat(labels[order] * each, share) / masses
    steps = isotonic_regression(means, sample_weight=masses, y_min=0, y_max=1)
    starts = np.flatnonzero(np.append(True, np.diff(steps) > APART))
    mass = np.add.reduceat(masses, starts)
    middles = np.add.reduceat(ranked * masses, starts) / mass
    inside = (middles > APART) & (middles < 1 - APART)
    at = np.concatenate([[0.0], middles[inside], [1.0]])
    values = np.concatenate([[0.0], steps[starts][inside], [1.0]])
    knots = np.stack([at, (1 - TILT) * values + TILT * at], axis=1).round(PLACES)
    inside = (np.diff(knots, axis=0, prepend=0) > 0) & (knots < 1)
    rising = inside[:, 0] & inside[:, 1]
    rising[[0, -1]] = True
    return Calibration(method="isotonic", knots=tuple((score, share) for score, share in knots[rising].tolist()))


_FITS: dict[Method, Callable[[Labels, Probabilities, Weighing], Calibration]] = {
    "none": _fit_none,
    "platt": _fit_platt,
    "beta": _fit_beta,
    "isotonic": _fit_isotonic,
}


def _logistic(columns: Values, labels: Labels, weights: Weighing, start: Values) -> Values:
    """Return the coefficients by Newton's method, held near `start` by the weight of one row each.

    The hold keeps them finite where the scores part the classes without a mistake. A step that would
    make the fit worse is halved until it does not. It goes on to the last digits: what is left of them is rounding.
    Sums are taken in one order, however many cores there are.
    """

    def counted(values: Values) -> Values:
        return values if weights is None else values * weights

    def loss(coefficients: Values) -> float:
        odds = columns @ coefficients
        held = float(np.sum((coefficients - start) ** 2)) / 2
        return float(np.sum(counted(np.logaddexp(0, odds) - labels * odds))) + held

    found, least = start, loss(start)
    for _ in range(STEPS):
        probabilities = logistic(columns @ found)
        slope = np.einsum("ij,i->j", columns, counted(labels - probabilities)) - (found - start)
        spread = counted(probabilities * (1 - probabilities))
        bend = np.einsum("ij,i,ik->jk", columns, spread, columns) + np.eye(len(start))
        step = np.linalg.solve(bend, slope)
        while float(np.abs(step).max()) >= CLOSE and loss(found + step) > least * (1 + ROUNDING):
            step = step / 2
        found, least = found + step, loss(found + step)
        if float(np.abs(step).max()) < CLOSE:
            break
    return found


def _rising(method: Method, found: Values) -> Calibration:
    """Return the calibration where it rises; rounded, so that another processor's last bits are not another release."""
    slopes = found[:-1]
    if slopes.min() < 0 or slopes.max() <= 0:
        return Calibration()
    return Calibration(method=method, coefficients=tuple(rounded(float(value)) for value in found))
