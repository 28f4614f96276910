"""Running totals of whole numbers, side by side: what comes late is added to all behind it at once, and exactly."""

from __future__ import annotations

from array import array
from typing import Any, TypeAlias

import numpy as np

Totals: TypeAlias = "array[int] | list[Any]"
"""Whole numbers of 64 bits; from the first one on that is none, a list of Python's own."""

LEAST, MOST = -(2**63), 2**63 - 1

FEW = 64
"""So few are added to one by one: calling numpy takes longer."""

_BEGINNING = array("q", (0,))


def begun() -> Totals:
    """Return the totals of nothing."""
    return _BEGINNING[:]


def inserted(totals: Totals, place: int, number: Any) -> Totals:
    """Return the totals with a number added before those from `place` on.

    >>> inserted(array("q", (0, 5, 7)), 1, 10)
    array('q', [0, 5, 15, 17])
    """
    totals.insert(place + 1, totals[place])
    return added(totals, place + 1, number)


def changed(totals: Totals, place: int, number: Any) -> Totals:
    """Return the totals with another number at a place.

    >>> changed(array("q", (0, 5, 15, 17)), 1, 1)
    array('q', [0, 5, 6, 8])
    """
    return added(totals, place + 1, number - (totals[place + 1] - totals[place]))


def added(totals: Totals, place: int, number: Any) -> Totals:
    """Return the totals with a number added to each from `place` on."""
    if not number:
        return totals
    if isinstance(totals, list):
        totals[place:] = [total + number for total in totals[place:]]
        return totals
    if len(totals) - place < FEW:
        try:
            totals[place:] = array("q", [total + number for total in totals[place:]])
        except (OverflowError, TypeError):
            return added(list(totals), place, number)
        return totals
    behind = np.frombuffer(totals, np.int64)[place:]
    if not isinstance(number, int) or not _fits(behind, number):
        return added(list(totals), place, number)
    behind += number
    return totals


def _fits(totals: np.ndarray[Any, np.dtype[np.int64]], number: int) -> bool:
    """Return whether a number can be added to all: numpy would begin again at the other end without a word.

    It takes none that has more bits itself, although with one of the other sign the sum may have few.
    """
    if not LEAST <= number <= MOST:
        return False
    return int(totals.max()) + number <= MOST if number > 0 else int(totals.min()) + number >= LEAST
