"""Where chance comes from: one reproducible stream for each purpose and number (a day, an episode)."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class Purpose(IntEnum):
    """What chance is asked for. Numbers are part of the data's definition: never reuse one."""

    TOWNS = 1
    PEOPLE = 2
    HABITS = 3
    MERCHANTS = 4
    VOLUME = 10
    PAYMENTS = 11
    AMOUNTS = 12
    FAVOURITES = 13
    SPREES = 14
    OUTLETS = 15
    JOURNEYS = 16
    PAYMENT_IDS = 17
    EPISODES = 20
    FRAUDS = 21
    FRAUD_AMOUNTS = 22
    FRAUD_IDS = 23
    FAULTS = 30
    TERMINAL_PAYMENTS = 40
    COMPROMISES = 41


def stream(seed: int, purpose: Purpose, *numbers: int) -> np.random.Generator:
    """Return the generator for a purpose and numbers; what others draw does not move it."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(purpose, *numbers))))


def scramble(seed: int, purpose: Purpose, *keys: ArrayLike) -> Words:
    """Return a 64-bit hash of each row of keys: chance that can be asked for again.

    The mixing step is SplitMix64's (Steele, Lea and Flood, 2014).
    """
    state = _mix(np.array([seed, purpose], dtype=np.uint64))
    state = _mix(state[:1] * _GOLDEN + state[1:])
    for key in keys:
        state = _mix(state * _GOLDEN + np.atleast_1d(np.asarray(key)).astype(np.uint64))
    return state


def scatter(seed: int, purpose: Purpose, *keys: ArrayLike) -> Floats:
    """Return a number in [0, 1) for each row of keys, always the same one.

    >>> bool(scatter(7, Purpose.SPREES, [1, 2])[1] == scatter(7, Purpose.SPREES, 2)[0])
    True
    """
    return (scramble(seed, purpose, *keys) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def cumulate(shares: Floats) -> Floats:
    """Return rows of shares as one rising sequence for `pick`: row i ends at exactly i + 1."""
    rows = np.cumsum(shares, axis=1) / shares.sum(axis=1, keepdims=True)
    rows[:, -1] = 1.0
    rising: Floats = (rows + np.arange(len(shares))[:, None]).ravel()
    return rising


def pick(cumulated: Floats, row: ArrayLike, chance: Floats) -> Ints:
    """Return positions in `cumulated` drawn by the shares of each `row`.

    >>> pick(cumulate(np.array([[0.5, 0.5], [0.1, 0.9]])), np.array([0, 1]), np.array([0.7, 0.05]))
    array([1, 2])
    """
    # A chance next to 1 must not be rounded into the next row.
    found: Ints = np.searchsorted(cumulated, np.asarray(row) + chance * (1 - 1e-9), side="right").astype(np.int64)
    return found


def _mix(word: Words) -> Words:
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))
