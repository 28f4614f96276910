"""Two ways to flag the same payments, side by side: what each is worth, and how sure the difference is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np

from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.measuring.difference import Difference, differences
from mlflow_fraud.core.measuring.digits import rounded_figures
from mlflow_fraud.core.measuring.evaluation import LOWER_IS_BETTER, evaluate
from mlflow_fraud.core.measuring.interval import BootstrapRule, Bounds, intervals
from mlflow_fraud.core.measuring.measures import DRAWN, Make
from mlflow_fraud.core.measuring.metrics import Metrics, Probabilities
from mlflow_fraud.core.measuring.period import Period
from mlflow_fraud.core.measuring.slices import Slice, slices_of
from mlflow_fraud.core.progress import Progress
from mlflow_fraud.core.strict import Strict
from mlflow_fraud.core.whatif.curve import Point, trade_off
from mlflow_fraud.core.whatif.money import MONEY, PARTS, money_of

FIGURES: Mapping[str, Make] = {
    **MONEY,
    **{name: DRAWN[name] for name in ("alerts_per_day", "recall", "precision", "f1")},
}
"""What is told of both sides and of their difference, in the order in which it is shown."""

SHARES = ("recall", "precision", "f1")
"""The figures from 0 to 1, whose difference is at most 1: the formula of a bound knows nothing of that."""


class Flagging(NamedTuple):
    """A way to flag: what it is called, in words from what on it flags, and scores and thresholds of each row."""

    name: str
    cutoff: str
    scores: Probabilities
    thresholds: Probabilities


class Side(Strict):
    """What a way to flag is worth: `metrics` are all that are measured and the money; `FIGURES` have `intervals`."""

    name: str
    cutoff: str
    metrics: Metrics
    intervals: dict[str, Bounds | None]
    slices: tuple[Slice, ...]


class Change(Strict):
    """By how much a figure is higher than it was, between its two bounds; lower is negative, whichever is better."""

    estimate: float
    lower: float
    upper: float


class Outcome(Strict):
    """What was, and what would have been `instead`, on the same rows of some time.

    A change is None where it is not known: where a figure is not defined, or too few cards had a fraud to tell by.
    `curve` is what the instead's scores could do at any one threshold.
    """

    since: datetime
    until: datetime
    days: int
    live: Side
    instead: Side
    changes: dict[str, Change | None]
    curve: tuple[Point, ...]


def outcome_of(
    period: Period,
    live: Flagging,
    instead: Flagging,
    groups: Mapping[str, Sequence[str]],
    costs: CostRule,
    rule: BootstrapRule,
    progress: Progress = lambda line: None,
) -> Outcome:
    """Return both sides on the rows of a period, which has some; `groups` say which slice each row is in.

    Figures have the digits that `metrics.json` has. Intervals and changes are of the same draws of whole cards.
    """
    pair = [(each.scores, each.thresholds) for each in (instead, live)]
    found = differences(FIGURES, period, pair[0], pair[1], costs, rule, of=FIGURES)
    return Outcome(
        since=period.times.min().astype(datetime),
        until=period.times.max().astype(datetime),
        days=period.days,
        live=_side(period, live, groups, costs, rule, progress),
        instead=_side(period, instead, groups, costs, rule, progress),
        changes={name: _change(name, found[name], rule.tail) for name in FIGURES},
        curve=trade_off(period, instead.scores, costs),
    )


def _side(
    period: Period,
    flagging: Flagging,
    groups: Mapping[str, Sequence[str]],
    costs: CostRule,
    rule: BootstrapRule,
    progress: Progress,
) -> Side:
    flags = flagging.scores >= flagging.thresholds
    money = money_of(period, flags, costs)
    measured = evaluate(period, flagging.scores, flagging.thresholds, costs)
    measured |= {"net_saved": money.net, **dict(zip(PARTS, money, strict=True))}
    sure = intervals(period, flagging.scores, flagging.thresholds, costs, rule, progress, of=FIGURES)
    return Side(
        name=flagging.name,
        cutoff=flagging.cutoff,
        metrics=rounded_figures(measured),
        intervals=rounded_figures(sure),
        slices=tuple(
            Slice.model_validate(rounded_figures(each.model_dump())) for each in slices_of(period, flags, groups)
        ),
    )


def _change(name: str, found: Difference | None, tail: float) -> Change | None:
    """Return how much higher the figure is: a `Difference` is a gain, positive where what is better is lower."""
    if found is None:
        return None
    estimate, lower, upper = (getattr(found.interval(tail), each) for each in ("estimate", "lower", "upper"))
    if name in LOWER_IS_BETTER:
        estimate, lower, upper = -estimate, -upper, -lower
    if name in SHARES:
        lower, upper = max(lower, -1.0), min(upper, 1.0)
    bounds = {"estimate": estimate, "lower": lower, "upper": upper}
    return Change(**rounded_figures({key: float(np.add(value, 0.0)) for key, value in bounds.items()}))  # no -0.0
