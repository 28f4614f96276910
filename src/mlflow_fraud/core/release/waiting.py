"""When there will be frauds enough to judge, where there are too few."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil


@dataclass(frozen=True)
class Waiting:
    """Until which day a contest waits, None where waiting brings nothing, and what to do in a sentence."""

    until: date | None
    sentence: str


NO_ROW = Waiting(
    None,
    "no row of the test is left for which both sides have an honest score: the live release has learned it all and "
    "brings no score of before; compare again when newer rows are mature",
)
"""Where a contest is on nothing at all."""


def wait_for(
    frauds: float, needed: int, *, days: float, at_most: float, newest: datetime, horizon: timedelta
) -> Waiting:
    """Return when a contest of `days` days with so many `frauds` will have the `needed` ones, at the rate that it has.

    It grows with the data, to the `at_most` days that the test has; rows count when they are `horizon` old. `newest`
    is its newest row.

    >>> wait_for(30, 50, days=30, at_most=90, newest=datetime(2020, 12, 1), horizon=timedelta(days=14)).sentence
    'at 30 in 30 days there will be enough on 2021-01-04'
    >>> wait_for(30, 50, days=90, at_most=90, newest=datetime(2020, 12, 1), horizon=timedelta(days=14)).sentence
    'at 30 in 90 days a test of 150 days has enough: make test_days longer, or min_frauds less'
    """
    if not frauds > 0:
        return Waiting(None, "it has none, so nothing tells when there will be enough")
    rate = f"at {frauds:.0f} in {days:.0f} days"
    whole = ceil(needed * days / frauds)
    if whole > at_most:
        return Waiting(None, f"{rate} a test of {whole} days has enough: make test_days longer, or min_frauds less")
    until = (newest + timedelta(days=whole - days) + horizon).date()
    return Waiting(until, f"{rate} there will be enough on {until}")
