"""What a way to flag saves, costs and lets go, in units of money a calendar day, for any draws of cards."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.measuring.measures import Make, Measure, count_cards
from mlflow_fraud.core.measuring.metrics import Probabilities, Thresholds
from mlflow_fraud.core.measuring.period import Flags, Period


class Money(NamedTuple):
    """Shares of the money of a period: `prevented` of flagged frauds, `missed` of the others, and of all `alerts`.

    A fraud counts `missed_share` of its amount, as `CostRule` has it, and an alert what it costs. What is prevented and
    what is missed make up the whole loss; what alerts cost and what is missed make up the cost (Elkan, 2001).
    """

    prevented: float
    alerts: float
    missed: float

    @property
    def net(self) -> float:
        """What is saved once the alerts are paid.

        >>> Money(prevented=90.0, alerts=10.0, missed=20.0).net
        80.0
        """
        return self.prevented - self.alerts


def money_of(period: Period, flags: Flags, costs: CostRule) -> Money:
    """Return the money of a day; the period has a row.

    >>> at = np.array(["2020-01-01T08", "2020-01-02T09", "2020-01-02T10"], "datetime64[us]")
    >>> rows = Period(np.array([1, 1, 0], np.int8), np.array([0, 0, 1]), at, np.array([9000, 2000, 700]))
    >>> money_of(rows, np.array([True, False, True]), CostRule(alert=5.0, missed_share=1.0, burst_gap_days=7))
    Money(prevented=45.0, alerts=5.0, missed=10.0)
    """
    once = np.ones(count_cards(period))
    scores = flags.astype(np.float64)
    return Money(*(float(MONEY[name](period, scores, 0.5, costs)(once)) for name in PARTS))


def _a_day(part: str, period: Period, scores: Probabilities, threshold: Thresholds, costs: CostRule) -> Measure:
    """Return the measure of one part of the money."""
    flags, days = scores >= threshold, period.days
    share = costs.missed_share / 10**period.decimals
    kept = {"loss_prevented": flags & period.fraud, "loss_missed": ~flags & period.fraud}
    if part in kept:
        sums, unit = _per_card(period, np.where(kept[part], period.amounts, 0)), share
    else:
        sums, unit = _per_card(period, flags), costs.alert
    return lambda times: (times @ sums) * unit / days


def _net(period: Period, scores: Probabilities, threshold: Thresholds, costs: CostRule) -> Measure:
    prevented, alerts = (_a_day(part, period, scores, threshold, costs) for part in ("loss_prevented", "alert_cost"))
    return lambda times: prevented(times) - alerts(times)


def _per_card(period: Period, values: npt.NDArray[np.int64] | Flags) -> npt.NDArray[np.float64]:
    """Return the sum of each card, in whole minor units, so that no order of the rows matters."""
    return np.bincount(period.cards, period.counted(values), minlength=count_cards(period)).astype(np.float64)


PARTS = ("loss_prevented", "alert_cost", "loss_missed")
MONEY: dict[str, Make] = {"net_saved": _net, **{part: partial(_a_day, part) for part in PARTS}}
"""By name, what can be computed for draws: the net, and its parts."""
