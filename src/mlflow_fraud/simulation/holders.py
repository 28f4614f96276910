"""The card holders: made-up people in made-up towns, in the columns of the Kaggle files."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlflow_fraud.simulation import words
from mlflow_fraud.simulation.streams import Ints, Purpose, stream
from mlflow_fraud.simulation.timeline import EPOCH_DAY

TOWNS = 400
# First digits of card numbers and how many digits follow.
CARD_NUMBERS = [("4", 15), ("4", 12), ("5", 15), ("37", 13), ("6011", 12), ("35", 14), ("30", 12), ("5018", 8)]


def make_towns(seed: int) -> pl.DataFrame:
    """Return a row for each town: its name, state, postal code, place and inhabitants."""
    chance = stream(seed, Purpose.TOWNS)
    state = chance.integers(0, len(words.STATES), TOWNS)
    tails = len(words.TOWN_TAILS)
    names = chance.permutation(len(words.TOWN_HEADS) * tails)[:TOWNS]
    code, latitude, longitude, postal = (np.array(column)[state] for column in zip(*words.STATES, strict=True))
    return pl.DataFrame(
        {
            "city": [words.TOWN_HEADS[name // tails] + words.TOWN_TAILS[name % tails] for name in names],
            "state": code,
            "zip": [f"{head}{tail:03d}" for head, tail in zip(postal, chance.integers(0, 1000, TOWNS), strict=True)],
            "lat": np.round(latitude + chance.uniform(-1.2, 1.2, TOWNS), 4),
            "long": np.round(longitude + chance.uniform(-1.2, 1.2, TOWNS), 4),
            "city_pop": np.clip(np.exp(7.8 + 2.1 * chance.standard_normal(TOWNS)), 23, 2_900_000).astype(np.int64),
        }
    )


def make_holders(seed: int, cards: int, towns: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each card; the words are gathered by position, without a loop over cards."""
    chance = stream(seed, Purpose.PEOPLE)
    woman = chance.random(cards) < 0.5
    first = np.where(woman, _some(chance, words.WOMEN, cards), _some(chance, words.MEN, cards))
    born = date(2019, 1, 1).toordinal() - (365.25 * (18 + 70 * chance.beta(1.6, 2.4, cards))).astype(np.int64)
    number = chance.integers(10, 99_999, cards).astype(np.str_)
    street = [number, _some(chance, words.STREETS, cards), _some(chance, words.WAYS, cards)]
    person = pl.DataFrame(
        {
            "cc_num": _card_numbers(chance, cards),
            "first": first,
            "last": _some(chance, words.SURNAMES, cards),
            "gender": np.where(woman, "F", "M"),
            "street": pl.select(pl.concat_str(map(pl.lit, map(pl.Series, street)), separator=" ")).to_series(),
            "job": _some(chance, words.JOBS, cards),
            "dob": pl.Series(born - EPOCH_DAY).cast(pl.Int32).cast(pl.Date).dt.to_string("%Y-%m-%d"),
        }
    )
    return person.hstack(towns[chance.integers(0, TOWNS, cards)])


def _some(chance: np.random.Generator, choices: list[str], size: int) -> NDArray[np.str_]:
    return np.array(choices)[chance.integers(0, len(choices), size)]


def _card_numbers(chance: np.random.Generator, cards: int) -> Ints:
    """Return made-up numbers of 12 to 16 digits, each of them once."""
    card = np.arange(cards)
    numbers = np.zeros(cards, dtype=np.int64)
    for place, (head, digits) in enumerate(CARD_NUMBERS):
        # A step that is a multiple of neither 2 nor 5 visits all numbers before one returns.
        widest = 10 ** min(digits - 1, 11)  # a million cards stay within 64 bits
        step, offset = 10 * int(chance.integers(widest // 10, widest)) + 7, int(chance.integers(0, 10**digits))
        here = int(head) * 10**digits + (offset + card * step) % 10**digits
        numbers = np.where(card % len(CARD_NUMBERS) == place, here, numbers)
    return numbers
