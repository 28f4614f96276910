"""What a challenger must show by itself: numbers, enough frauds, floors and ceilings."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import NamedTuple

from mlflow_fraud.core.measuring.evaluation import LOWER_IS_BETTER, gain
from mlflow_fraud.core.measuring.metrics import Metrics, defined
from mlflow_fraud.core.release.in_words import named, number


class _Limit(NamedTuple):
    """What is said of a metric that is missing, and of one on the wrong side."""

    wanted: str
    broken: str


_FLOOR = _Limit("at least {} is needed", "below the floor")
_CEILING = _Limit("at most {} is allowed", "above the ceiling")


def no_numbers(challenger: Metrics, champion: Metrics) -> list[str]:
    """Return a sentence for each metric that has a value which is no number, whether a limit asks for it or not."""
    return [
        f"the {role}'s {named(name)} is {value}, which is no number to judge by"
        for role, metrics in (("challenger", challenger), ("champion", champion))
        for name, value in metrics.items()
        if value is not None and defined(value) is None
    ]


def not_measured(metric: str, *contestants: Metrics) -> list[str]:
    """Return a sentence where one of the contestants lacks the metric that the verdict is about."""
    if all(defined(metrics.get(metric)) is not None for metrics in contestants):
        return []
    return [f"{named(metric)} is missing, and the verdict is about it"]


def too_few_frauds(challenger: Metrics, min_frauds: int) -> list[str]:
    """Return a sentence where the test rows have fewer frauds than are needed to judge."""
    frauds = defined(challenger.get("frauds")) or 0
    if isfinite(min_frauds) and frauds >= min_frauds:
        return []
    return [f"only {frauds:.0f} frauds in the test rows, {min_frauds} are needed to judge"]


def outside_limits(challenger: Metrics, limits: Mapping[str, float]) -> list[str]:
    """Return a sentence for each floor and ceiling that is not kept."""
    against = []
    for name, limit in limits.items():
        value, said = defined(challenger.get(name)), _CEILING if name in LOWER_IS_BETTER else _FLOOR
        if not isfinite(limit):
            against.append(f"{said.wanted.format(limit)} of {named(name)}, which is no limit")
        elif value is None:
            against.append(f"{named(name)} is missing, {said.wanted.format(number(limit))}")
        elif not gain(name, limit, value) >= 0:
            against.append(f"{named(name)} {number(value)} is {said.broken} {number(limit)}")
    return against
