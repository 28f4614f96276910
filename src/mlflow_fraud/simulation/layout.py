"""Payments as the Kaggle files lay them out: columns, order, names and text formats."""

from __future__ import annotations

import numpy as np
import polars as pl

from mlflow_fraud.simulation.population import Population
from mlflow_fraud.simulation.profiles import CATEGORIES
from mlflow_fraud.simulation.streams import Floats, Ints, Purpose, Words, scatter

COLUMNS = (
    "", "trans_date_trans_time", "cc_num", "merchant", "category", "amt", "first", "last", "gender", "street", "city",
    "state", "zip", "lat", "long", "city_pop", "job", "dob", "trans_num", "unix_time", "merch_lat", "merch_long",
    "is_fraud",
)  # fmt: skip
OUTLET_DEGREES = 1.0  # a merchant's outlet lies so far from the payer's town, at most


def lay_out(seed: int, population: Population, payments: pl.DataFrame) -> pl.DataFrame:
    """Return the payments, in the order given, with the columns of the Kaggle files.

    Dollars have two decimals, `unix_time` is the wall clock's, `zip` is text with its zeros.
    """
    card, merchant = payments["card"].to_numpy(), payments["merchant"].to_numpy()
    latitude, longitude = _outlets(seed, population, card, merchant, payments["away"].to_numpy())
    own = pl.DataFrame(
        {
            "": np.arange(payments.height),
            "trans_date_trans_time": pl.from_epoch(payments["at"]).dt.to_string("%Y-%m-%d %H:%M:%S"),
            "merchant": population.merchants["merchant"][merchant],
            "category": pl.Series(CATEGORIES)[payments["category"]],
            "amt": payments["amount"].round(2),
            "trans_num": hexadecimal(payments["id_high"].to_numpy(), payments["id_low"].to_numpy()),
            "unix_time": payments["at"],
            "merch_lat": latitude.round(6),
            "merch_long": longitude.round(6),
            "is_fraud": payments["is_fraud"],
        }
    )
    return own.hstack(population.holders[card]).select(COLUMNS)


def hexadecimal(high: Words, low: Words) -> pl.Series:
    """Return 32 hexadecimal digits for each pair of words.

    >>> hexadecimal(np.array([1], dtype=np.uint64), np.array([255], dtype=np.uint64)).to_list()
    ['000000000000000100000000000000ff']
    """
    octets = np.stack([high, low], axis=1).astype(">u8").view(np.uint8)
    return pl.Series(_DIGITS[octets].view("S32").ravel()).cast(pl.String)


def _outlets(seed: int, population: Population, card: Ints, merchant: Ints, away: Ints) -> tuple[Floats, Floats]:
    """Return where the outlet stands at which a card pays a merchant: always the same one in a town."""
    places = []
    for axis, name in enumerate(("lat", "long")):
        home, town = (
            population.holders[name].to_numpy()[card],
            population.towns[name].to_numpy()[away],
        )
        offset = scatter(seed, Purpose.OUTLETS, axis, card, merchant, away + 1)
        places.append(np.where(away < 0, home, town) + OUTLET_DEGREES * (2 * offset - 1))
    return places[0], places[1]


_DIGITS = np.array([f"{octet:02x}".encode() for octet in range(256)])
