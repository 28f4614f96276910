"""Whether the challenger becomes the champion: a verdict with reasons, closed unless all holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from math import isfinite
from typing import Literal, NamedTuple, Self

from pydantic import Field, model_validator

from mlflow_fraud.core.errors import DataError, nearest
from mlflow_fraud.core.measuring.evaluation import HIGHER_IS_BETTER, LOWER_IS_BETTER, gain
from mlflow_fraud.core.measuring.interval import BootstrapRule, Interval
from mlflow_fraud.core.measuring.metrics import Metrics, defined
from mlflow_fraud.core.strict import Strict


class CompareRule(Strict):
    """The section `compare` of `params.yaml`. `min_gain` is in the unit of `metric`; the losses are per metric.

    Floors are for metrics where higher is better, ceilings for those where lower is; a loss is the bad
    direction of either.
    """

    metric: Literal["f1", "average_precision", "expected_cost"] = "f1"
    select_by: str = "average_precision"
    floors: dict[str, float]
    ceilings: dict[str, float] = Field(default={})
    min_gain: float = 0.0
    max_loss: dict[str, float]
    min_frauds: int = Field(default=50, ge=1)
    bootstrap: BootstrapRule = BootstrapRule()

    @model_validator(mode="after")
    def _names_metrics_that_it_can_judge(self) -> Self:
        for name in (self.select_by, *self.floors, *self.ceilings, *self.max_loss):
            if name not in (*HIGHER_IS_BETTER, *LOWER_IS_BETTER):
                hint = nearest(name, (*HIGHER_IS_BETTER, *LOWER_IS_BETTER))
                raise ValueError(f"{name} is no metric that models are judged by, {hint}")
        for name in self.floors:
            if name in LOWER_IS_BETTER:
                raise ValueError(f"lower is better in {name}: it takes a ceiling, not a floor")
        for name in self.ceilings:
            if name in HIGHER_IS_BETTER:
                raise ValueError(f"higher is better in {name}: it takes a floor, not a ceiling")
        return self


class _Limit(NamedTuple):
    """What is said of a metric that is missing, and of one on the wrong side."""

    wanted: str
    broken: str


_FLOOR = _Limit("at least {} is needed", "below the floor")
_CEILING = _Limit("at most {} is allowed", "above the ceiling")


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
    challenger: Metrics,
    champion: Metrics | None,
    gained: Interval | None,
    *,
    validated: bool,
    rule: CompareRule,
    first: bool = False,
    store: str = "the release store",
) -> Verdict:
    """Return the verdict on a challenger, both scored on the same mature test rows.

    `gained` is in the rule's metric, better is positive. With a champion its lower bound must be above
    `min_gain` and no guardrail may break; without one the floors and ceilings decide, if a `first` release
    was asked for: an empty `store` may as well be the wrong one. Anything that is missing, not defined or not
    finite means no, wherever it stands: each comparison asks for what must be true.

    >>> rule = CompareRule(floors={"recall": 0.5}, max_loss={}, min_frauds=10)
    >>> decide({"f1": 0.6, "recall": 0.7, "frauds": 80}, None, None, validated=True, rule=rule, first=True).reasons
    ('there is no champion yet and every floor holds',)
    >>> decide({"f1": 0.6, "recall": 0.7, "frauds": 3}, None, None, validated=True, rule=rule, first=True).reasons
    ('only 3 frauds in the test rows, 10 are needed to judge',)
    >>> bad = {"f1": 0.6, "recall": float("nan"), "frauds": 80}
    >>> decide(bad, None, None, validated=True, rule=rule, first=True).reasons
    ("the challenger's recall is nan, which is no number to judge by", 'recall is missing, at least 0.500 is needed')
    >>> decide({"f1": 0.6, "recall": 0.7, "frauds": 80}, None, None, validated=True, rule=rule, store="live").reasons
    ('there is no champion yet in live; a first release needs to be asked for: --first',)
    """
    against = [
        *_no_numbers(challenger, champion or {}),
        *_evidence(challenger, validated, rule),
        *_outside_limits(challenger, {**rule.floors, **rule.ceilings}),
    ]
    if champion is None:
        against = [*([] if first else [no_champion(store)]), *against]
        against += _not_measured(rule.metric, challenger)
        return _verdict(["there is no champion yet and every floor holds"], against)
    against += _lost(challenger, champion, rule.max_loss)
    if gained is None:
        return _verdict([], [*against, f"the gain in {_name(rule.metric)} could not be computed"])
    against += _not_measured(rule.metric, challenger, champion)
    gain_in = f"gain in {_name(rule.metric)}" if rule.metric in LOWER_IS_BETTER else _name(rule.metric)
    sentence = f"{gain_in} {gained.estimate:+.4f}, interval {gained.lower:+.4f} to {gained.upper:+.4f}"
    if not all(map(isfinite, (*astuple(gained), rule.min_gain))):
        against.append(f"{sentence}, to be above {rule.min_gain:+.4f}: not every one of these is a number to judge by")
    elif not gained.lower > rule.min_gain:
        against.append(f"{sentence}: its lower bound must be above {rule.min_gain:+.4f}")
    return _verdict([sentence], against)


def no_champion(store: str) -> str:
    """Return the reason that keeps a challenger out of a store in which nothing is live."""
    return f"there is no champion yet in {store}; a first release needs to be asked for: --first"


def select(validation: Mapping[str, Metrics], by: str) -> str:
    """Return the candidate with the best validation metric; the first in the list wins a tie.

    One in which the metric is not defined never wins; raises `DataError` where it is defined in none.

    >>> select({"forest": {"f1": 0.7}, "xgboost": {"f1": 0.9}}, "f1")
    'xgboost'
    >>> select({"forest": {"brier": 0.02}, "xgboost": {"brier": 0.01}}, "brier")
    'xgboost'
    """

    def worth(name: str) -> float:
        value = defined(validation[name].get(by))
        return float("-inf") if value is None else gain(by, 0.0, value)

    best = max(validation, key=worth)
    if not isfinite(worth(best)):
        raise DataError(
            f"no candidate can be chosen: {_words(by)} is defined for none of {', '.join(validation)} on validation; "
            "name another metric in `compare.select_by`, or make validation_days longer"
        )
    return best


def _verdict(in_favour: list[str], against: list[str]) -> Verdict:
    return Verdict(not against, tuple(in_favour), tuple(against))


def _no_numbers(challenger: Metrics, champion: Metrics) -> list[str]:
    """Return a sentence for each metric that has a value which is no number, whether a limit asks for it or not."""
    return [
        f"the {role}'s {_words(name)} is {value}, which is no number to judge by"
        for role, metrics in (("challenger", challenger), ("champion", champion))
        for name, value in metrics.items()
        if value is not None and defined(value) is None
    ]


def _not_measured(metric: str, *contestants: Metrics) -> list[str]:
    if all(defined(metrics.get(metric)) is not None for metrics in contestants):
        return []
    return [f"{_name(metric)} is missing, and the verdict is about it"]


def _evidence(challenger: Metrics, validated: bool, rule: CompareRule) -> list[str]:
    against = [] if validated else ["the data has not passed validation"]
    frauds = defined(challenger.get("frauds")) or 0
    if not (isfinite(rule.min_frauds) and frauds >= rule.min_frauds):
        against.append(f"only {frauds:.0f} frauds in the test rows, {rule.min_frauds} are needed to judge")
    return against


def _outside_limits(challenger: Metrics, limits: Mapping[str, float]) -> list[str]:
    against = []
    for name, limit in limits.items():
        value, said = defined(challenger.get(name)), _CEILING if name in LOWER_IS_BETTER else _FLOOR
        if not isfinite(limit):
            against.append(f"{said.wanted.format(limit)} of {_words(name)}, which is no limit")
        elif value is None:
            against.append(f"{_words(name)} is missing, {said.wanted.format(_number(limit))}")
        elif not gain(name, limit, value) >= 0:
            against.append(f"{_words(name)} {_number(value)} is {said.broken} {_number(limit)}")
    return against


def _lost(challenger: Metrics, champion: Metrics, max_loss: Mapping[str, float]) -> list[str]:
    against = []
    for name, allowed in max_loss.items():
        ours, theirs = defined(challenger.get(name)), defined(champion.get(name))
        if not isfinite(allowed):
            against.append(f"{_words(name)} may lose at most {allowed}, which is no limit")
        elif ours is None or theirs is None:
            whose = "the champion's " if ours is not None else ""
            against.append(f"{whose}{_words(name)} is missing, so its loss cannot be judged")
        elif not -gain(name, theirs, ours) <= allowed:
            verb = "rise by" if name in LOWER_IS_BETTER else "lose"
            against.append(f"{_words(name)} {_signed(ours - theirs)}, may {verb} at most {_number(allowed)}")
    return against


def _number(value: float) -> str:
    """Return a number with three digits after the point, or after its first zeros where it is small.

    >>> _number(0.75), _number(0.00042), _number(412.5)
    ('0.750', '0.00042', '412.500')
    """
    return f"{value:.3f}" if value == 0 or abs(value) >= 0.01 else f"{value:.3g}"


def _signed(value: float) -> str:
    return ("+" if value >= 0 else "") + _number(value)


def _name(metric: str) -> str:
    return "F1" if metric == "f1" else _words(metric)


def _words(name: str) -> str:
    return name.replace("_", " ")
