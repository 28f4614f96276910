"""Fraud comes in episodes: when they begin, and the chances each of their payments is made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlflow_fraud.simulation.plan import SimulationPlan
from mlflow_fraud.simulation.streams import Floats, Ints, Purpose, scatter, stream

SLOTS = 20  # payments that an episode may have
LOTS = (
    "category",
    "day",
    "hour",
    "second",
    "merchant",
    "card",
    "size",
    "mood",
    "place",
)


@dataclass(frozen=True)
class Episodes:
    """The episodes of one kind: `number`, `begin` in days (with fraction), chances for every slot."""

    number: Ints
    begin: Floats
    chances: Floats  # episode x slot x lot, in [0, 1)
    normals: Floats  # episode x slot x 2

    def lot(self, name: str) -> Floats:
        """Return an episode x slot table of chances."""
        return self.chances[:, :, LOTS.index(name)]

    def once(self, name: str) -> Floats:
        """Return one chance for each whole episode, as a column."""
        return self.lot(name)[:, :1]

    @property
    def first_day(self) -> Ints:
        """The first day, as a column."""
        return self.begin.astype(np.int64)[:, None]


@dataclass(frozen=True)
class Thefts:
    """Episode x slot tables of payments; those where `done` is false do not happen."""

    done: NDArray[np.bool_]
    card: Ints
    day: Ints
    second: Ints
    category: Ints
    amount: Floats
    away: Ints


def draw_episodes(plan: SimulationPlan, kind: int, per_day: float, first_day: int) -> Episodes:
    """Return the episodes that begin on [first_day, the plan's end).

    Time is cut into equal spans with one episode in each, at a random moment, so that a short period
    has its share of fraud too, and any period can be made alone.
    """
    if per_day <= 0 or first_day >= plan.end_day:
        return Episodes(
            np.zeros(0, np.int64),
            np.zeros(0),
            np.zeros((0, SLOTS, len(LOTS))),
            np.zeros((0, SLOTS, 2)),
        )
    number = np.arange(int(per_day * first_day), int(per_day * plan.end_day) + 1)
    begin = (number + scatter(plan.seed, Purpose.EPISODES, kind, number)) / per_day
    inside = (begin >= first_day) & (begin < plan.end_day)
    number, begin = number[inside], begin[inside]
    chances, normals = (
        np.empty((len(number), SLOTS, len(LOTS))),
        np.empty((len(number), SLOTS, 2)),
    )
    for place, episode in enumerate(number.tolist()):
        stream(plan.seed, Purpose.FRAUDS, kind, episode).random(out=chances[place])
        stream(plan.seed, Purpose.FRAUD_AMOUNTS, kind, episode).standard_normal(out=normals[place])
    return Episodes(number, begin, chances, normals)
