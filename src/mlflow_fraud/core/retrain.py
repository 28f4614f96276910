"""Decide from the latest windows of the live model whether to train again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from pydantic import Field, model_validator

from mlflow_fraud.core.strict import Strict


class Limits(Strict):
    """Under which F1 or recall, and over which drift, a window is bad."""

    f1: float
    recall: float
    drift: float


class MonitorRule(Strict):
    """Bad when `at_least` of the last `of_last` windows are, the newest among them."""

    limits: Limits
    at_least: int = Field(default=2, ge=1)
    of_last: int = Field(default=3, ge=1)

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.at_least > self.of_last:
            raise ValueError(f"at_least {self.at_least} can never be reached in of_last {self.of_last} windows")
        return self


@dataclass(frozen=True)
class Answer:
    """Whether to retrain, with the reason either way."""

    retrain: bool
    reason: str


def should_retrain(windows: Sequence[Mapping[str, float]], rule: MonitorRule) -> Answer:
    """Return whether the live model needs a successor; `windows` is oldest first.

    A single bad window is not a trend, and a trend that is over needs no new model.

    >>> rule = MonitorRule(limits=Limits(f1=0.6, recall=0.5, drift=0.25), at_least=2, of_last=3)
    >>> good, bad = {"f1": 0.9, "recall": 0.9, "drift": 0.0}, {"f1": 0.4, "recall": 0.6, "drift": 0.0}
    >>> should_retrain([good, bad, bad], rule)
    Answer(retrain=True, reason='f1 below 0.6 in 2 of the last 3 windows, now 0.400')
    >>> should_retrain([bad, bad, good], rule).retrain
    False
    """
    recent = windows[-rule.of_last :]
    for name, limit in rule.limits.model_dump().items():
        over = [_is_bad(name, window[name], limit) for window in recent]
        if any(over[-1:]) and sum(over) >= rule.at_least:
            side = "above" if name == "drift" else "below"
            now = f"now {recent[-1][name]:.3f}"
            return Answer(True, f"{name} {side} {limit} in {sum(over)} of the last {len(recent)} windows, {now}")
    return Answer(False, f"no limit broken in {rule.at_least} of the last {rule.of_last} windows")


def _is_bad(name: str, value: float, limit: float) -> bool:
    return value > limit if name == "drift" else value < limit
