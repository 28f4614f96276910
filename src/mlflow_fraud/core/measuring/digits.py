"""Numbers with the digits that arithmetic promises: on another processor, or with more threads, the same ones.

Sums in another order, and another version of the logarithm, differ from about the fifteenth digit on (single precision:
the seventh). What is written down has six, what is added up in single precision is whole, and a threshold keeps off
the scores that it parts.
"""

from __future__ import annotations

from math import floor, frexp, isfinite, log10
from typing import Any

import numpy as np
import numpy.typing as npt

DIGITS = 6

EXACT = 24
"""Binary digits of a single-precision number: sums of whole numbers up to 2 to this power are exact in any order."""

ROOM = 1e-5
"""A threshold is at most this share below the score from which on it flags."""

GOLDEN = (3 - 5**0.5) / 2
"""The golden section: no short number lies there between two others, so that its last digit is never in doubt."""


def rounded(value: float) -> float:
    """Return a figure with six significant digits; whole digits, as those of a count, stay.

    >>> rounded(0.00039852459303632077), rounded(0.1 + 0.2), rounded(1234567.891), rounded(1852394.0)
    (0.000398525, 0.3, 1234568.0, 1852394.0)
    """
    if not isfinite(value) or value == 0:
        return value
    return round(value, max(DIGITS - 1 - floor(log10(abs(value))), 0))


def in_nine_digits(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return scores with the digits that every processor finds, however small they are.

    >>> in_nine_digits(np.array([0.1 + 0.2, 1.23456789012e-12])).tolist()
    [0.3, 1.23456789e-12]
    """
    return np.array([float(f"{value:.9g}") for value in values.tolist()], np.float64)


def rounded_figures(document: Any) -> Any:
    """Return a document of JSON's kinds with every figure in it rounded.

    >>> rounded_figures({"f1": 2 / 3, "rows": 3, "bounds": (1 / 3, None)})
    {'f1': 0.666667, 'rows': 3, 'bounds': [0.333333, None]}
    """
    if isinstance(document, float):
        return rounded(document)
    if isinstance(document, dict):
        return {name: rounded_figures(value) for name, value in document.items()}
    if isinstance(document, list | tuple):
        return [rounded_figures(value) for value in document]
    return document


def grain(largest: float) -> float:
    """Return the power of two whose multiples add up exactly in single precision, while no sum is over `largest`.

    >>> grain(1.0) == 2.0**-24, grain(1.01) == 2.0**-23
    (True, True)
    """
    mantissa, exponent = frexp(largest)
    return float(2.0 ** (exponent - (mantissa == 0.5) - EXACT))


def below(score: float, lower: float | None) -> float:
    """Return a number with few digits that is under `score` and over `lower`, off both: it parts them anywhere.

    A threshold that is itself a score would pass that row on a processor that finds the last digit one lower.

    >>> below(0.43902975452354853, 0.41), below(0.6, 0.5), below(1.0, None)
    (0.439028, 0.599998, 0.999996)
    """
    least = score - ROOM * abs(score) if lower is None else max(lower, score - ROOM * abs(score))
    aim, off = score - GOLDEN * (score - least), (score - least) / 4
    short = (float(f"{aim:.{digits}g}") for digits in range(DIGITS, 18))
    return next((number for number in short if least + off < number < score - off), score)
