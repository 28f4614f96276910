"""The legal payments of a run of days: each card by its own habits."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlflow_fraud.simulation.holders import TOWNS
from mlflow_fraud.simulation.plan import SimulationPlan
from mlflow_fraud.simulation.population import Population
from mlflow_fraud.simulation.profiles import CATEGORIES, SPENDING, hour_shares, season
from mlflow_fraud.simulation.scenarios import amount_swell, volume_swell
from mlflow_fraud.simulation.streams import Floats, Ints, Purpose, cumulate, pick, scatter, scramble, stream
from mlflow_fraud.simulation.timeline import seconds_at

FAVOURITES = 4  # merchants to which a card returns, in each category
LOYALTY = 0.7  # share of payments made there
SPREES = 0.004  # share of a card's days with large purchases only
JOURNEY_DAYS, JOURNEYS = 6, 0.03  # length of a journey, share of time away from home


def spend(plan: SimulationPlan, population: Population, first_day: int, end_day: int) -> pl.DataFrame:
    """Return the legal payments of the days [first_day, end_day), a row each, in order of days.

    Columns: `at` (seconds since 1970), `card`, `merchant`, `category` (positions in the population),
    `amount` (dollars), `away` (the town where it was paid, -1 at home), `id_high`, `id_low`, `is_fraud`.
    A day's rows depend on the plan's seed, sizes, pace and scenario, and not on the other days.
    """
    day, number, chance, normal = _draw(plan, first_day, end_day)
    card = pick(population.pace, 0, chance[:, 0])
    category = pick(population.tastes, card, chance[:, 1]) - card * len(CATEGORIES)
    hour = pick(_HOURS, population.rhythm[card] * len(CATEGORIES) + category, chance[:, 5]) % 24
    second = hour * 3600 + (chance[:, 6] * 3600).astype(np.int64)
    spree = scatter(plan.seed, Purpose.SPREES, card, day) < SPREES
    amount = usual_amounts(category, chance[:, 4], normal, spree) * population.levels[card, category]
    return pl.DataFrame(
        {
            "at": seconds_at(day) + second,
            "card": card,
            "merchant": _merchant(plan.seed, population, card, category, chance),
            "category": category,
            "amount": np.maximum(amount * amount_swell(plan, day), 1.0),
            "away": _away(plan.seed, card, day),
            "id_high": scramble(plan.seed, Purpose.PAYMENT_IDS, 0, day, number),
            "id_low": scramble(plan.seed, Purpose.PAYMENT_IDS, 1, day, number),
            "is_fraud": np.zeros(len(day), dtype=np.int64),
        }
    )


def usual_amounts(category: Ints, chance: Floats, normal: Floats, spree: NDArray[np.bool_]) -> Floats:
    """Return an average card's amounts, in dollars; all purchases of a spree are large, and doubled."""
    large = (chance < _AMOUNTS[category, 0]) | spree
    median = np.where(large, _AMOUNTS[category, 3], _AMOUNTS[category, 1])
    sigma = np.where(large, _AMOUNTS[category, 4], _AMOUNTS[category, 2])
    amounts: Floats = median * np.exp(sigma * normal) * np.where(spree, 2.0, 1.0)
    return amounts


def _draw(plan: SimulationPlan, first_day: int, end_day: int) -> tuple[Ints, Ints, Floats, Floats]:
    """Return day, number within the day, seven chances and one normal for each payment."""
    days = np.arange(first_day, end_day)
    expected = plan.pace * (1 - plan.fraud_rate)
    counts = [
        int(stream(plan.seed, Purpose.VOLUME, day).poisson(expected * season(day) * volume_swell(plan, day)))
        for day in days.tolist()
    ]
    drawn = list(zip(days.tolist(), counts, strict=True))
    chance = np.concatenate([stream(plan.seed, Purpose.PAYMENTS, day).random((count, 7)) for day, count in drawn])
    normal = np.concatenate([stream(plan.seed, Purpose.AMOUNTS, day).standard_normal(count) for day, count in drawn])
    number = np.concatenate([np.arange(count) for count in counts])
    return np.repeat(days, counts), number, chance, normal


def _merchant(seed: int, population: Population, card: Ints, category: Ints, chance: Floats) -> Ints:
    slot = (chance[:, 3] * FAVOURITES).astype(np.int64)
    favourite = scatter(seed, Purpose.FAVOURITES, card, category, slot)
    return pick(population.popularity, category, np.where(chance[:, 2] < LOYALTY, favourite, chance[:, 3]))


def _away(seed: int, card: Ints, day: Ints) -> Ints:
    """Return the town of a card's journey, or -1; a journey begins on another day for each card."""
    journey = (day + card) // JOURNEY_DAYS
    travels = scatter(seed, Purpose.JOURNEYS, 0, card, journey) < JOURNEYS
    town = (scatter(seed, Purpose.JOURNEYS, 1, card, journey) * TOWNS).astype(np.int64)
    return np.where(travels, town, -1)


_HOURS = cumulate(hour_shares())
_AMOUNTS = np.array(
    [[s.large, s.small_median, s.small_sigma, s.large_median, s.large_sigma] for s in SPENDING.values()]
)
