"""The cards, with their holders and habits, and the merchants: the same for every period of a business."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from mlflow_fraud.simulation import words
from mlflow_fraud.simulation.holders import make_holders, make_towns
from mlflow_fraud.simulation.profiles import CATEGORIES, RHYTHMS, SPENDING
from mlflow_fraud.simulation.streams import Floats, Ints, Purpose, cumulate, stream


@dataclass(frozen=True)
class Population:
    """Cards are rows of `holders`, merchants rows of `merchants`, places rows of `towns`.

    Made for `streams.pick`: `pace` are the cards by how much they are used, `tastes` the categories by
    card, `popularity` the merchants by category, `crowd` the merchants by all that pay there. `levels`
    is a card's usual amount in a category against the average card's; `rhythm` its preferred hours.
    """

    holders: pl.DataFrame
    merchants: pl.DataFrame
    towns: pl.DataFrame
    pace: Floats
    tastes: Floats
    levels: Floats
    rhythm: Ints
    popularity: Floats
    crowd: Floats


def populate(seed: int, cards: int, merchants: int) -> Population:
    """Return the population, which depends on these three values only."""
    towns = make_towns(seed)
    chance = stream(seed, Purpose.HABITS)
    shares = np.array([spending.share for spending in SPENDING.values()])
    levels = np.exp(0.1 * chance.standard_normal((cards, 1)) + 0.1 * chance.standard_normal((cards, len(shares))))
    kind = _merchant_categories(seed, merchants)
    popularity = _popularity(kind)
    return Population(
        holders=make_holders(seed, cards, towns),
        merchants=_merchants(seed, kind),
        towns=towns,
        pace=cumulate(chance.gamma(2.2, 1.0, (1, cards)) + 0.1),
        tastes=cumulate(shares * chance.gamma(3.0, 1.0, (cards, len(shares)))),
        levels=levels,
        rhythm=chance.integers(0, RHYTHMS, cards),
        popularity=popularity,
        crowd=cumulate(np.diff(popularity, prepend=0.0)[None, :] * shares[kind]),
    )


def _merchant_categories(seed: int, merchants: int) -> Ints:
    """Return each merchant's category, in rising order; each category has at least one merchant."""
    shares = cumulate(np.array([[spending.share for spending in SPENDING.values()]]))
    drawn = np.searchsorted(shares, stream(seed, Purpose.MERCHANTS, 1).random(merchants - len(CATEGORIES)))
    return np.sort(np.concatenate([np.arange(len(CATEGORIES)), drawn])).astype(np.int64)


def _merchants(seed: int, kind: Ints) -> pl.DataFrame:
    """Return each merchant's name, all different, and category."""
    names, many = words.SURNAMES, len(words.SURNAMES)
    patterns = ("fraud_{}, {} and Sons", "fraud_{}-{}", "fraud_{} and {} Inc")
    codes = stream(seed, Purpose.MERCHANTS, 0).permutation(len(patterns) * many * many)[: len(kind)]
    made = [patterns[code // many**2].format(names[code // many % many], names[code % many]) for code in codes]
    return pl.DataFrame({"merchant": made, "category": np.array(CATEGORIES)[kind]})


def _popularity(kind: Ints) -> Floats:
    """Return the merchants' shares of their category's payments, by Zipf's law with exponent 0.7."""
    rank = np.arange(len(kind)) - np.searchsorted(kind, kind)
    weight = (rank + 1.0) ** -0.7
    total = np.bincount(kind, weight)[kind]
    before = np.cumsum(weight) - weight
    inside = before - before[np.searchsorted(kind, kind)] + weight
    last = np.append(kind[1:] != kind[:-1], True)
    return np.where(last, 1.0, inside / total) + kind
