"""The fraudulent payments of a plan: every kind's episodes, as rows beside the legal ones."""

from __future__ import annotations

import numpy as np
import polars as pl

from mlflow_fraud.simulation.customers import MEMORY_DAYS, Customers
from mlflow_fraud.simulation.episodes import SLOTS, Episodes, Thefts, draw_episodes
from mlflow_fraud.simulation.fraud_kinds import KINDS, NEW_KIND, Kind
from mlflow_fraud.simulation.plan import SimulationPlan
from mlflow_fraud.simulation.population import Population
from mlflow_fraud.simulation.scenarios import new_fraud_from
from mlflow_fraud.simulation.streams import Purpose, pick, scramble
from mlflow_fraud.simulation.timeline import seconds_at

LONGEST_DAYS = 20  # from an episode's beginning to its last payment, at most
REACH_DAYS = LONGEST_DAYS + MEMORY_DAYS


def commit_fraud(plan: SimulationPlan, population: Population, legal: pl.DataFrame) -> pl.DataFrame:
    """Return the fraud of the plan's days, and some around them, in the columns of `spend`, with its `kind`.

    `legal` must reach back `REACH_DAYS` before the plan's start: an episode that began earlier then
    has the same victims, and the same payments, as in a plan that began earlier.
    """
    customers = Customers(legal)
    first_day = plan.first_day - LONGEST_DAYS
    since = {name: (kind, first_day) for name, kind in KINDS.items()}
    new_from = new_fraud_from(plan)
    if new_from is not None:
        since["new"] = (NEW_KIND, max(first_day, new_from))
    committed = ((name, _commit(plan, population, customers, kind, day)) for name, (kind, day) in since.items())
    return pl.concat([rows.with_columns(pl.lit(name).alias("kind")) for name, rows in committed])


def _commit(
    plan: SimulationPlan,
    population: Population,
    customers: Customers,
    kind: Kind,
    first_day: int,
) -> pl.DataFrame:
    per_day = plan.fraud_rate * plan.pace * kind.share / kind.mean_size
    episodes = draw_episodes(plan, kind.number, per_day, first_day)
    return _as_rows(
        plan.seed,
        population,
        kind,
        episodes,
        kind.commit(population, customers, episodes),
    )


def _as_rows(seed: int, population: Population, kind: Kind, episodes: Episodes, thefts: Thefts) -> pl.DataFrame:
    done = thefts.done
    number = np.broadcast_to(episodes.number[:, None], done.shape)[done]
    slot = np.broadcast_to(np.arange(SLOTS), done.shape)[done]
    category = thefts.category[done]
    return pl.DataFrame(
        {
            "at": seconds_at(thefts.day[done]) + thefts.second[done],
            "card": thefts.card[done],
            "merchant": pick(population.popularity, category, episodes.lot("merchant")[done]),
            "category": category,
            "amount": np.maximum(thefts.amount[done], 1.0),
            "away": thefts.away[done],
            "id_high": scramble(seed, Purpose.FRAUD_IDS, 2 * kind.number, number, slot),
            "id_low": scramble(seed, Purpose.FRAUD_IDS, 2 * kind.number + 1, number, slot),
            "is_fraud": np.ones(len(category), dtype=np.int64),
        }
    )
