"""The kinds of fraud: whom an episode hits, when, and what is taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from mlflow_fraud.simulation.customers import Customers
from mlflow_fraud.simulation.episodes import SLOTS, Episodes, Thefts
from mlflow_fraud.simulation.holders import TOWNS
from mlflow_fraud.simulation.population import Population
from mlflow_fraud.simulation.profiles import (
    CATEGORIES,
    FRAUD_SPENDING,
    SPENDING,
    night_shares,
)
from mlflow_fraud.simulation.streams import Floats, Ints, cumulate, pick

THEFTS = 4  # payments with each of a leak's cards, at most
FAR_AWAY = 0.3  # share of leaks and takeovers that are used in another town

Commit = Callable[[Population, Customers, Episodes], Thefts]


@dataclass(frozen=True)
class Kind:
    """A kind of fraud: its share of the frauds and the mean number of payments in an episode.

    `number` is part of the data's definition, as `Purpose` is.
    """

    number: int
    share: float
    mean_size: float
    commit: Commit


def card_burst(population: Population, customers: Customers, episodes: Episodes) -> Thefts:
    """About ten payments with one card within two days, mostly at night."""
    size = np.clip(np.rint(10 + 3 * episodes.normals[:, :1, 1]), 2, SLOTS)
    days = np.where(episodes.once("mood") < 0.15, 1, 2)
    category = pick(_BURST, 0, episodes.lot("category"))
    return Thefts(
        done=np.arange(SLOTS) < size,
        card=_one_card(population, episodes),
        day=episodes.first_day + (episodes.lot("day") * days).astype(np.int64),
        second=_seconds(_NIGHT, episodes),
        category=category,
        amount=_stolen_amounts(category, episodes),
        away=np.full(category.shape, -1),
    )


def compromised_merchant(population: Population, customers: Customers, episodes: Episodes) -> Thefts:
    """Card numbers leak from a merchant; two to sixteen days later each is used for a night."""
    merchant = pick(population.crowd, 0, episodes.once("merchant")[:, 0])
    victims = customers.last(merchant, episodes.begin, SLOTS // THEFTS)
    card = np.repeat(victims, THEFTS, axis=1)
    size = _THEFTS_SIZES[(_by_victim(episodes, "size") * len(_THEFTS_SIZES)).astype(np.int64)]
    category = pick(_BURST, 0, episodes.lot("category"))
    by_night = _by_victim(episodes, "hour") < 0.75
    return Thefts(
        done=(card >= 0) & (np.arange(SLOTS) % THEFTS < size),
        card=np.maximum(card, 0),
        day=episodes.first_day + 2 + (_by_victim(episodes, "day") * 15).astype(np.int64),
        second=np.where(by_night, _seconds(_NIGHT, episodes), _seconds(_DAYTIME, episodes)),
        category=category,
        amount=_stolen_amounts(category, episodes) * (0.6 + 0.4 * _by_victim(episodes, "mood")),
        away=_somewhere(episodes),
    )


def account_takeover(population: Population, customers: Customers, episodes: Episodes) -> Thefts:
    """Some days on which a stranger spends, at any hour, more and more over the card's usual amounts."""
    size = np.clip(np.rint(9 + 2 * episodes.normals[:, :1, 1]), 3, SLOTS)
    progress = np.arange(SLOTS) / size
    card, category = (
        _one_card(population, episodes),
        pick(_TAKEOVER, 0, episodes.lot("category")),
    )
    drift = (3 + 4 * progress) * np.exp(0.4 * episodes.normals[:, :, 0])
    return Thefts(
        done=np.arange(SLOTS) < size,
        card=card,
        day=episodes.first_day + (progress * 4 + episodes.lot("day")).astype(np.int64),
        second=np.where(
            episodes.lot("mood") < 0.35,
            _seconds(_NIGHT, episodes),
            _seconds(_DAYTIME, episodes),
        ),
        category=category,
        amount=_USUAL[category] * population.levels[card, category] * drift,
        away=_somewhere(episodes),
    )


def small_tickets(population: Population, customers: Customers, episodes: Episodes) -> Thefts:
    """Two to four everyday amounts by day within three quarters of an hour, with one of many cards."""
    begin = (9 + 8 * episodes.once("hour")) * 3600
    category = pick(_SMALL_TICKETS, 0, episodes.lot("category"))
    return Thefts(
        done=np.arange(SLOTS) < 2 + (episodes.once("size") * 3).astype(np.int64),
        card=_one_card(population, episodes),
        day=np.broadcast_to(episodes.first_day, category.shape),
        second=(begin + 2700 * episodes.lot("second")).astype(np.int64),
        category=category,
        amount=14 + 34 * episodes.lot("mood"),
        away=np.full(category.shape, -1),
    )


KINDS = {
    "card burst": Kind(0, 0.65, 10.0, card_burst),
    "compromised merchant": Kind(1, 0.15, 12.0, compromised_merchant),
    "account takeover": Kind(2, 0.20, 9.0, account_takeover),
}
NEW_KIND = Kind(3, 1.0, 3.0, small_tickets)  # as much again as all others


def _one_card(population: Population, episodes: Episodes) -> Ints:
    card = (episodes.once("card") * population.holders.height).astype(np.int64)
    return np.broadcast_to(card, episodes.lot("card").shape)


def _by_victim(episodes: Episodes, name: str) -> Floats:
    """Return chances that all payments with the same of a leak's cards share."""
    return np.repeat(episodes.lot(name)[:, ::THEFTS], THEFTS, axis=1)


def _seconds(hours: Floats, episodes: Episodes) -> Ints:
    return pick(hours, 0, episodes.lot("hour")) * 3600 + (episodes.lot("second") * 3600).astype(np.int64)


def _stolen_amounts(category: Ints, episodes: Episodes) -> Floats:
    amounts: Floats = _STOLEN[category, 0] + _STOLEN[category, 1] * episodes.normals[:, :, 0]
    return amounts


def _somewhere(episodes: Episodes) -> Ints:
    """Return another town for some episodes, -1 (near the holder's home) for the others."""
    chance = episodes.once("place")
    town = np.where(chance < FAR_AWAY, (chance / FAR_AWAY * TOWNS).astype(np.int64), -1)
    return np.broadcast_to(town, episodes.lot("place").shape)


def _shares(weights: Mapping[str, float]) -> Floats:
    return cumulate(np.array([[weights.get(category, 0.0) for category in CATEGORIES]]))


_THEFTS_SIZES = np.array([1, 2, 2, 3, 4])  # equally likely, mean 2.4
_BURST = _shares({category: share for category, (share, _, _) in FRAUD_SPENDING.items()})
_STOLEN = np.array([[mean, deviation] for _, mean, deviation in FRAUD_SPENDING.values()])
_USUAL = np.array([spending.mean for spending in SPENDING.values()])
_TAKEOVER = _shares(
    {
        "shopping_net": 30,
        "misc_net": 25,
        "shopping_pos": 12,
        "entertainment": 10,
        "travel": 10,
        "home": 8,
        "grocery_net": 5,
    }
)
_SMALL_TICKETS = _shares({"food_dining": 4, "kids_pets": 3, "personal_care": 2, "health_fitness": 1})
_NIGHT = cumulate(night_shares()[None, :])
_DAYTIME = cumulate(np.array([[0.3] * 8 + [1.0] * 14 + [0.6] * 2]))
