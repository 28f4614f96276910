"""Decide from the latest windows of the live model whether to train again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Self

from pydantic import Field, model_validator

from mlflow_fraud.core.measuring.metrics import defined
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


def should_retrain(windows: Sequence[Mapping[str, float | None]], rule: MonitorRule) -> Answer:
    """Return whether the live model needs a successor; `windows` is oldest first.

    A single bad window is not a trend, and a trend that is over needs no new model. A window in which a metric is
    not defined, as recall without fraud, is neither good nor bad in it, and the answer says so.

    >>> rule = MonitorRule(limits=Limits(f1=0.6, recall=0.5, drift=0.25), at_least=2, of_last=3)
    >>> good, bad = {"f1": 0.9, "recall": 0.9, "drift": 0.0}, {"f1": 0.4, "recall": 0.6, "drift": 0.0}
    >>> should_retrain([good, bad, bad], rule)
    Answer(retrain=True, reason='f1 below 0.6 in 2 of the last 3 windows, now 0.400')
    >>> should_retrain([bad, bad, good], rule).retrain
    False
    >>> should_retrain([bad, bad, {"drift": 0.0}], rule).reason
    'no limit broken in 2 of the last 3 windows; not defined: f1 in 1, recall in 1'
    """
    recent = windows[-rule.of_last :]
    limits: dict[str, float] = rule.limits.model_dump()
    for name, limit in limits.items():
        over = [_is_bad(name, defined(window.get(name)), limit) for window in recent]
        if any(over[-1:]) and sum(over) >= rule.at_least:
            side = "above" if name == "drift" else "below"
            now = f"now {recent[-1][name]:.3f}"
            return Answer(True, f"{name} {side} {limit} in {sum(over)} of the last {len(recent)} windows, {now}")
    reason = f"no limit broken in {rule.at_least} of the last {rule.of_last} windows"
    unknown = {name: sum(defined(window.get(name)) is None for window in recent) for name in limits}
    said = ", ".join(f"{name} in {number}" for name, number in unknown.items() if number)
    return Answer(False, f"{reason}; not defined: {said}" if said else reason)


def unless_waiting(answer: Answer, *, until: date | None, now: date) -> Answer:
    """Return the answer, or no while a retraining could not be judged: its test has frauds enough from `until` on.

    >>> unless_waiting(Answer(True, "F1 is low"), until=date(2020, 5, 1), now=date(2020, 4, 1)).reason
    'F1 is low; but no contest has frauds enough before 2020-05-01, so nothing would go live'
    """
    if not answer.retrain or until is None or now >= until:
        return answer
    return Answer(False, f"{answer.reason}; but no contest has frauds enough before {until}, so nothing would go live")


def _is_bad(name: str, value: float | None, limit: float) -> bool:
    if value is None:
        return False
    return value > limit if name == "drift" else value < limit
