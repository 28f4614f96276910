"""What a challenger may not lose besides: each guardrail holds, is broken, or is not known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import NormalDist
from typing import Literal

import numpy as np

from mlflow_fraud.core.measuring.difference import FEWEST_IN_A_TAIL, Difference, student
from mlflow_fraud.core.measuring.evaluation import LOWER_IS_BETTER
from mlflow_fraud.core.release.in_words import named, number, signed

Gains = Mapping[str, Difference | None]
"""By metric, how much better the challenger is than another release, on the same rows."""

Outcome = Literal["holds", "broken", "not known"]

MOST = 1e9
"""More frauds than there are."""

POWER = 0.8
"""How often a guardrail of two equal models shall be seen to hold, where it is said how many frauds that takes."""


@dataclass(frozen=True)
class Guardrail:
    """What was found of one metric: the `loss`, of which at least `surely` is proven, and at most `possibly` open.

    `frauds` is how many it would take to see of two equal models that the margin holds.
    """

    metric: str
    margin: float
    outcome: Outcome
    loss: float
    surely: float
    possibly: float
    frauds: int

    def __str__(self) -> str:
        """Return what was found in words.

        >>> print(Guardrail("recall", 0.02, "not known", 0.01, -0.01, 0.03, 812))
        recall -0.010, may lose at most 0.020: not known, -0.030 to +0.010 is possible; about 812 frauds would tell
        """
        sign, verb = (1, "rise by") if self.metric in LOWER_IS_BETTER else (-1, "lose")
        said = f"{named(self.metric)} {signed(sign * self.loss)}, may {verb} at most {number(self.margin)}"
        if self.outcome == "holds":
            return f"{said}: holds"
        bounds = " to ".join(signed(value) for value in sorted((sign * self.surely, sign * self.possibly)))
        if self.outcome == "broken":
            return f"{said}: broken, surely by {number(self.surely)} or more of it"
        return f"{said}: not known, {bounds} is possible; about {self.frauds:,} frauds would tell"


def check_guardrails(
    gains: Gains, margins: Mapping[str, float], *, alpha: float, frauds: float
) -> tuple[Guardrail, ...]:
    """Return what is known of each metric that has a margin; those without a difference are left out: see `unknown`.

    Broken is what has lost more than its margin by estimate and surely something: both criteria of a dual-criterion
    design (Roychoudhury, Scheuer and Neuenschwander, 2018). "Surely" is of all guardrails together: with a probability
    of at most `alpha` any of them is broken by a challenger that has lost nothing (`joint_alpha`). What holds has, each
    for itself, a bound within the margin, so that a change for which all hold has lost more with at most `alpha`
    (Berger, 1982).
    """
    known = {name: found for name in margins if (found := gains.get(name)) is not None and _finite(found)}
    share = joint_alpha(list(known.values()), alpha)
    return tuple(_look_at(name, found, margins[name], alpha, share, frauds) for name, found in known.items())


def unknown(gains: Gains, margins: Mapping[str, float]) -> list[str]:
    """Return a sentence for each guardrail that cannot be judged at all."""
    against = []
    for name, margin in margins.items():
        found = gains.get(name)
        if not isfinite(margin):
            against.append(f"{named(name)} may lose at most {margin}, which is no limit")
        elif found is None:
            against.append(f"{named(name)} is missing, or known from too few cards, so its loss cannot be judged")
        elif not _finite(found):
            against.append(f"the loss of {named(name)} is no number to judge by")
    return against


def joint_alpha(found: Sequence[Difference], alpha: float) -> float:
    """Return the probability that each bound may fail with, so that any of them does with at most `alpha`.

    From the draws, which are the same for all: how far the furthest of them is off, in its own standard deviations
    (max-T: Westfall and Young, 1993; Romano and Wolf, 2005). Metrics that move together cost less than Bonferroni's
    share, which is taken where the draws have too few in that tail.

    >>> joint_alpha([Difference(0.0, 0.01, 30)] * 4, 0.05)
    0.0125
    """
    apart = [each for each in found if each.error > 0 and len(each.drawn)]
    if len(apart) < len([each for each in found if each.error > 0]) or len(apart) < 2:
        return alpha / max(1, len(found))
    off = np.array([(np.nanmean(each.drawn) - each.drawn) / each.error for each in apart])
    furthest = off.max(axis=0)
    furthest = furthest[np.isfinite(furthest)]
    if alpha * len(furthest) < FEWEST_IN_A_TAIL:
        return alpha / len(found)
    share = 1 - NormalDist().cdf(float(np.quantile(furthest, 1 - alpha)))
    return min(alpha, max(share, alpha / len(found)))


def frauds_to_tell(found: Difference, margin: float, *, alpha: float, frauds: float) -> int:
    """Return how many frauds it takes to see that the margin holds, were both as good: in `POWER` of the cases.

    The standard error falls with the root of their number (Chow, Shao and Wang, 2008, "Sample Size Calculations in
    Clinical Research", non-inferiority).

    >>> frauds_to_tell(Difference(0.0, 0.02, 40), 0.02, alpha=0.05, frauds=300)
    1855
    """
    wanted = NormalDist().inv_cdf(1 - alpha) + NormalDist().inv_cdf(POWER)
    times = min(wanted * found.error / margin, MOST) if margin > 0 else MOST
    return round(min(frauds * times**2, MOST))


def _look_at(name: str, found: Difference, margin: float, alpha: float, share: float, frauds: float) -> Guardrail:
    loss = -found.estimate
    surely = loss - student(share, found.blocks - 1) * found.error if found.error else loss
    possibly = loss + student(alpha, found.blocks - 1) * found.error if found.error else loss
    outcome: Outcome = "not known"
    if loss > margin and surely > 0:
        outcome = "broken"
    elif possibly <= margin:
        outcome = "holds"
    needed = frauds_to_tell(found, margin, alpha=alpha, frauds=frauds)
    return Guardrail(name, margin, outcome, loss, surely, possibly, needed)


def _finite(found: Difference) -> bool:
    return isfinite(found.estimate) and isfinite(found.error)
