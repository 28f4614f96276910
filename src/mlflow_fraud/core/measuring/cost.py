"""What missed frauds and alerts cost the team."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from mlflow_fraud.core.measuring.period import Flags, Period
from mlflow_fraud.core.strict import Strict

FOUND_A_PLACE = 0.99
"""A derived budget has room for such a share of validation's frauds, each on its day."""


class CostRule(Strict):
    """The section `costs` of `params.yaml`: what alerts and frauds are to the team.

    `alert` is the cost of looking into one, in units of money; a missed fraud costs `missed_share` of its amount.
    A team can look into `alerts_per_day`; None, written `auto` or left out, lets the data say how many (`budget_of`).
    A card's frauds that are at most `burst_gap_days` apart are one burst.
    """

    alert: float = Field(ge=0)
    missed_share: float = Field(ge=0)
    alerts_per_day: int | None = Field(default=None, ge=1)
    burst_gap_days: float = Field(gt=0)

    @property
    def burst_gap(self) -> timedelta:
        """The longest quiet time inside a burst."""
        return timedelta(days=self.burst_gap_days)

    def within(self, budget: AlertBudget) -> Self:
        """Return the rule with the budget's number of alerts."""
        return self.model_copy(update={"alerts_per_day": budget.alerts_per_day})

    @field_validator("alerts_per_day", mode="before")
    @classmethod
    def _is_a_number_or_auto(cls, given: object) -> object:
        if isinstance(given, str) and given != "auto":
            raise ValueError("expected a whole number, or `auto` to let the data say how many")
        return None if given == "auto" else given


class AlertBudget(Strict):
    """How many alerts a day are looked into, and whether that was derived from the data or stated."""

    alerts_per_day: int = Field(ge=1)
    derived: bool

    def __str__(self) -> str:
        """Return the budget in words, with where it is from."""
        source = f"so that {FOUND_A_PLACE:.0%} of validation's frauds have a place on their day" if self.derived else ""
        return f"{self.alerts_per_day} alerts a day, {source or 'as `costs.alerts_per_day` states'}"


def budget_of(costs: CostRule, validation: Period) -> AlertBudget:
    """Return the stated budget, or else the smallest that has room for nearly all of validation's frauds.

    Frauds come in bursts, so a day's room is not the mean: a team that looked into the mean would find half. Validation
    is known before the test begins, and one budget serves all who are compared on that test.

    >>> at = np.array(["2020-01-01T08", "2020-01-01T09", "2020-01-02T10"], "datetime64[us]")
    >>> rows = Period(np.ones(3, np.int8), np.arange(3), at, np.full(3, 500))
    >>> budget_of(CostRule(alert=5.0, missed_share=1.0, burst_gap_days=7), rows)
    AlertBudget(alerts_per_day=2, derived=True)
    """
    if costs.alerts_per_day is not None:
        return AlertBudget(alerts_per_day=costs.alerts_per_day, derived=False)
    a_day = np.bincount(validation.day_of_row, validation.counted(validation.fraud))
    rooms = np.arange(1, int(np.ceil(a_day.max(initial=1))) + 1)
    found = np.array([np.minimum(a_day, room).sum() for room in rooms])
    return AlertBudget(alerts_per_day=int(rooms[found >= FOUND_A_PLACE * a_day.sum()][0]), derived=True)


def row_costs(period: Period, flags: Flags, costs: CostRule) -> npt.NDArray[np.float64]:
    """Return what each row costs: an alert its fixed cost, a missed fraud a share of its amount, the rest nothing."""
    missed = period.amounts * (costs.missed_share / 10**period.decimals)
    return np.where(flags, costs.alert, np.where(period.fraud, missed, 0.0))


def expected_cost(period: Period, flags: Flags, costs: CostRule) -> float | None:
    """Return the cost of a calendar day, in units of money; None where the period has no row.

    >>> at = np.array(["2020-01-01T08", "2020-01-02T09", "2020-01-02T10"], "datetime64[us]")
    >>> rows = Period(np.array([1, 1, 0], np.int8), np.array([0, 0, 1]), at, np.array([9000, 2000, 700]))
    >>> rule = CostRule(alert=5.0, missed_share=1.0, alerts_per_day=10, burst_gap_days=7)
    >>> expected_cost(rows, np.array([True, False, True]), rule)  # two alerts and a miss of 20.00 in two days
    15.0
    """
    return float(period.counted(row_costs(period, flags, costs)).sum()) / period.days if period.days else None
