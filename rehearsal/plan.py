"""What is played: how long, how much, and what happens when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from benchmarks import businesses


@dataclass(frozen=True)
class Plan:
    """A stretch of a business that is played through, after a history that is pinned at its beginning.

    `payments` are those of a day on average. A fraud is told `told_days` later, silence counts after `horizon_days`.
    From day `new_from` on a kind of fraud comes that was never seen; on the days `broken` amounts come in cents. Every
    `look_days` monitoring looks at the record. Days are counted from 0, the first one that is played.
    """

    name: str
    start: date
    history_days: int
    days: int
    payments: int
    cards: int
    merchants: int
    validation_days: int
    test_days: int
    horizon_days: int
    told_days: tuple[int, int]
    new_from: int
    broken: tuple[int, int]
    look_days: int
    window_days: int
    """Over so many days the timeline counts."""
    seed: int = 7

    @property
    def first(self) -> date:
        """The first day that is played."""
        return self.start + timedelta(days=self.history_days)

    def day(self, number: int) -> date:
        """Return a day that is played."""
        return self.first + timedelta(days=number)

    def looks(self) -> list[date]:
        """Return the days at whose end monitoring looks."""
        return [self.day(number) for number in range(self.days) if (number + 1) % self.look_days == 0]

    def params(self, shipped: dict[str, Any]) -> dict[str, Any]:
        """Return the shipped parameters with this business in them, and less of a forest: it never ships here."""
        found = {**shipped, "dataset": "simulated"}
        found["simulation"] = {
            "seed": self.seed,
            "start": str(self.start),
            "days": self.history_days,
            "transactions": self.payments * self.history_days,
            "cards": self.cards,
            "merchants": self.merchants,
        }
        simulated = found["datasets"]["simulated"]
        simulated["split"] = {
            "protocol": "holdout",
            "validation_days": self.validation_days,
            "test_days": self.test_days,
            "label_delay_days": self.told_days[1],
            "label_horizon_days": self.horizon_days,
        }
        found["train"]["forest"] |= {"trees": 10, "max_depth": 8}
        found["train"]["logistic"] |= {"bins": 6}
        found["train"]["xgboost"] |= BOOSTER
        found["compare"] |= {"min_frauds": 20, "floors": {"average_precision": 0.2}}
        return found


FITS = ("eta", "max_depth", "min_child_weight", "subsample", "colsample_bytree", "reg_lambda")
BOOSTER = {name: businesses.BOOSTER[name] for name in FITS} | {"rounds": 120, "early_stopping_rounds": 30}
"""Cheaper fits than those that are shipped, the ones of `make bench-freshness`: refreshing by hand is by them, too."""

YEAR = Plan(
    name="year",
    start=date(2019, 1, 1),
    history_days=365,
    days=366,
    payments=200,
    cards=250,
    merchants=500,
    validation_days=90,
    test_days=84,
    horizon_days=21,
    told_days=(3, 20),
    new_from=121,  # the first of May
    broken=(250, 253),
    look_days=7,
    window_days=28,
)

WEEKS = Plan(
    name="weeks",
    start=date(2019, 9, 1),
    history_days=240,
    days=28,
    payments=150,
    cards=200,
    merchants=100,
    validation_days=60,
    test_days=60,
    horizon_days=7,
    told_days=(1, 6),
    new_from=0,
    broken=(16, 19),
    look_days=28,
    window_days=7,
)
PLANS = {plan.name: plan for plan in (YEAR, WEEKS)}
