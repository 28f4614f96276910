"""What missed frauds and alerts cost the team."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mlflow_fraud.core.measuring.period import Flags, Period
from mlflow_fraud.core.strict import Strict


class CostRule(Strict):
    """The section `costs` of `params.yaml`: what alerts and frauds are to the team.

    `alert` is the cost of looking into one, in units of money; a missed fraud costs `missed_share` of its amount.
    A team can look into `alerts_per_day`; a card's frauds that are at most `burst_gap_days` apart are one burst.
    """

    alert: float = Field(ge=0, allow_inf_nan=False)
    missed_share: float = Field(ge=0, allow_inf_nan=False)
    alerts_per_day: int = Field(ge=1)
    burst_gap_days: float = Field(gt=0, allow_inf_nan=False)

    @property
    def burst_gap(self) -> timedelta:
        """The longest quiet time inside a burst."""
        return timedelta(days=self.burst_gap_days)


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
    return float(row_costs(period, flags, costs).sum()) / period.days if period.days else None
