"""Whether the challenger becomes the champion: a verdict with reasons, closed unless all holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field

from mlflow_fraud.core.interval import BootstrapRule, Interval
from mlflow_fraud.core.metrics import Metrics
from mlflow_fraud.core.strict import Strict


class CompareRule(Strict):
    """The section `compare` of `params.yaml`. `min_gain` is in F1; the losses are per metric."""

    select_by: str = "average_precision"
    floors: dict[str, float]
    min_gain: float = 0.0
    max_loss: dict[str, float]
    min_frauds: int = Field(default=50, ge=1)
    bootstrap: BootstrapRule = BootstrapRule()


@dataclass(frozen=True)
class Verdict:
    """What was decided and why; `against` is empty exactly when `promote` is true."""

    promote: bool
    in_favour: tuple[str, ...]
    against: tuple[str, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons that carried the decision."""
        return self.in_favour if self.promote else self.against


def decide(
    challenger: Metrics, champion: Metrics | None, gain: Interval | None, *, validated: bool, rule: CompareRule
) -> Verdict:
    """Return the verdict on a challenger, both scored on the same mature test rows.

    With a champion the lower bound of the F1 gain must be above `min_gain` and no guardrail may break;
    without one the floors decide. Anything missing means no.

    >>> rule = CompareRule(floors={"recall": 0.5}, max_loss={}, min_frauds=10)
    >>> decide({"recall": 0.7, "frauds": 80}, None, None, validated=True, rule=rule).reasons
    ('there is no champion yet and every floor holds',)
    >>> decide({"recall": 0.7, "frauds": 3}, None, None, validated=True, rule=rule).reasons
    ('only 3 frauds in the test rows, 10 are needed to judge',)
    """
    against = [*_evidence(challenger, validated, rule), *_below_floors(challenger, rule.floors)]
    if champion is None:
        return _verdict(["there is no champion yet and every floor holds"], against)
    against += _lost(challenger, champion, rule.max_loss)
    if gain is None:
        return _verdict([], [*against, "the gain in F1 could not be computed"])
    sentence = f"F1 {gain.estimate:+.4f}, interval {gain.lower:+.4f} to {gain.upper:+.4f}"
    if gain.lower <= rule.min_gain:
        against.append(f"{sentence}: its lower bound must be above {rule.min_gain:+.4f}")
    return _verdict([sentence], against)


def select(validation: Mapping[str, Metrics], by: str) -> str:
    """Return the candidate with the best validation metric; the first in the list wins a tie.

    >>> select({"forest": {"f1": 0.7}, "xgboost": {"f1": 0.9}}, "f1")
    'xgboost'
    """
    return max(validation, key=lambda name: -1.0 if (value := validation[name].get(by)) is None else value)


def _verdict(in_favour: list[str], against: list[str]) -> Verdict:
    return Verdict(not against, tuple(in_favour), tuple(against))


def _evidence(challenger: Metrics, validated: bool, rule: CompareRule) -> list[str]:
    against = [] if validated else ["the data has not passed validation"]
    frauds = challenger.get("frauds") or 0
    if frauds < rule.min_frauds:
        against.append(f"only {frauds:.0f} frauds in the test rows, {rule.min_frauds} are needed to judge")
    return against


def _below_floors(challenger: Metrics, floors: Mapping[str, float]) -> list[str]:
    against = []
    for name, floor in floors.items():
        value = challenger.get(name)
        if value is None:
            against.append(f"{_words(name)} is missing, at least {floor:.3f} is needed")
        elif value < floor:
            against.append(f"{_words(name)} {value:.3f} is below the floor {floor:.3f}")
    return against


def _lost(challenger: Metrics, champion: Metrics, max_loss: Mapping[str, float]) -> list[str]:
    against = []
    for name, allowed in max_loss.items():
        ours, theirs = challenger.get(name), champion.get(name)
        if ours is None or theirs is None:
            against.append(f"{_words(name)} is missing, so its loss cannot be judged")
        elif theirs - ours > allowed:
            against.append(f"{_words(name)} {ours - theirs:+.3f}, may lose at most {allowed:.3f}")
    return against


def _words(name: str) -> str:
    return name.replace("_", " ")
