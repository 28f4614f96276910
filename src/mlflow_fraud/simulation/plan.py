"""What to simulate: `SimulationPlan`, a frozen value that is right once it exists."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from mlflow_fraud.core.errors import SettingsError, nearest

SCENARIOS = {
    "stable": "nothing changes",
    "new-pattern": "a kind of fraud that was never seen before appears; the fraud rate doubles",
    "seasonal": "volumes and amounts swell over two weeks, without more fraud",
    "broken-feed": "for a week: amounts in cents, then categories missing, then hours missing",
}
LIMITS: dict[str, tuple[float, float]] = {
    "seed": (0, 2**63 - 1),
    "days": (1, 10_000),
    "transactions": (1, 100_000_000),
    "cards": (1, 1_000_000),
    "merchants": (14, 10_000),  # one for each category at least; names for the most
    "fraud_rate": (0, 0.2),
}
WHOLE = ("seed", "days", "cards", "merchants")


@dataclass(frozen=True)
class SimulationPlan:
    """A stretch of a simulated card business.

    `transactions` is the number expected in `days` days of an average year, so a plan for a December
    gives about twice, one for a January two thirds of it. `fraud_rate` is the share of these that is
    fraud in the stable business. The cards and merchants depend on `seed`, `cards` and `merchants`
    only, and a day's rows besides on the pace `transactions / days`, on `fraud_rate` and on the
    scenario: two stretches in a row are one long stretch. The scenario's change acts from
    `scenario_from` on (None: from `start`).

    Raises `SettingsError` for a value out of its limits.

    >>> SimulationPlan(days=0)
    Traceback (most recent call last):
    mlflow_fraud.core.errors.SettingsError: simulation: days must be between 1 and 10000, found 0
    """

    seed: int = 7
    start: date = date(2019, 1, 1)
    days: int = 730
    transactions: float = 150_000
    cards: int = 250
    merchants: int = 500
    fraud_rate: float = 0.005
    scenario: str = "stable"
    scenario_from: date | None = None

    def __post_init__(self) -> None:
        for name, (low, high) in LIMITS.items():
            _check_number(name, getattr(self, name), low, high)
        _check_date("start", self.start)
        if self.scenario_from is not None:
            _check_date("scenario_from", self.scenario_from)
        if self.scenario not in SCENARIOS:
            hint = nearest(str(self.scenario), SCENARIOS)
            raise SettingsError(f"simulation: scenario {self.scenario!r} is not known, {hint}")

    @property
    def first_day(self) -> int:
        """The first day, counted as `date.toordinal` does."""
        return self.start.toordinal()

    @property
    def end_day(self) -> int:
        """The day after the last."""
        return self.first_day + self.days

    @property
    def change_day(self) -> int:
        """The day from which the scenario's change acts."""
        return self.first_day if self.scenario_from is None else self.scenario_from.toordinal()

    @property
    def pace(self) -> float:
        """Transactions on an average day; rounded, so that parts of a plan have exactly its pace."""
        return round(self.transactions / self.days, 6)

    def following(self, days: int) -> SimulationPlan:
        """Return the plan of the next `days` days of the same business, its scenario included.

        >>> SimulationPlan(days=31, transactions=3100).following(28)  # doctest: +ELLIPSIS
        SimulationPlan(seed=7, start=datetime.date(2019, 2, 1), days=28, transactions=2800.0, ...)
        """
        return replace(
            self,
            start=self.start + timedelta(days=self.days),
            days=days,
            transactions=self.pace * days,
            scenario_from=date.fromordinal(self.change_day),
        )


def _check_number(name: str, value: Any, low: float, high: float) -> None:
    kinds = (int,) if name in WHOLE else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds):
        kind = "a whole number" if name in WHOLE else "a number"
        raise SettingsError(f"simulation: {name} must be {kind}, found {value!r}")
    if not low <= value <= high:
        raise SettingsError(f"simulation: {name} must be between {low} and {high}, found {value}")


def _check_date(name: str, value: Any) -> None:
    if type(value) is not date:
        raise SettingsError(f"simulation: {name} must be a date, such as 2019-01-01, found {value!r}")
    if not 1980 <= value.year <= 2100:
        raise SettingsError(f"simulation: {name} must lie in the years 1980 to 2100, found {value}")
