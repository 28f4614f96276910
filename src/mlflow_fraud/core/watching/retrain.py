"""Decide from what is seen of the live model whether to train again: it alarms, or it is time for a refresh."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import takewhile
from typing import Literal, NamedTuple, Self

from pydantic import Field, model_validator

from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.measuring.metrics import defined
from mlflow_fraud.core.strict import Strict

Reason = Literal["alarm", "refresh", ""]
Came = Literal["verdict", "under way", "nothing"]
"""What came of a retraining that was asked for: a verdict, which answers it, nothing yet, or nothing any more."""

Window = Mapping[str, float | None]
"""A window's figures by name. Of a figure `<name>_upper` is the upper end of its interval, `promised_<name>` the lower
end of what the release promised; `expected_f1_upper` is what probabilities expect at most, `foreseen_f1` what those of
the test did at least. What is not there is not known."""


JUDGED = ("f1", "recall", "drift", "expected_f1")
"""What a window may be bad in."""


class Limits(Strict):
    """Under which F1 or recall, and over which drift, a window is bad.

    Those of F1 and recall are for releases that do not say what they promised, the ones before format 5.
    """

    f1: float
    recall: float
    drift: float


class Refresh(Strict):
    """When a model is trained again although nothing is wrong: so many mature days, with frauds, are not learned."""

    every_days: int = Field(default=14, ge=1)
    least_frauds: int = Field(default=10, ge=0)


class MonitorRule(Strict):
    """Bad when `at_least` of the last `of_last` windows are, the newest among them.

    A window with fewer than `least_frauds` says nothing about F1 and recall. `evidence` is how much has to speak for
    missed fraud, in natural logarithms; `cooldown_days` is how long an alarm that was answered is not given again. A
    refresh is asked for once in `refresh.every_days`. What nobody has heard of for `unheard_hours` was not begun.
    """

    limits: Limits
    at_least: int = Field(default=2, ge=1)
    of_last: int = Field(default=3, ge=1)
    least_frauds: int = Field(default=30, ge=1)
    evidence: float = Field(default=5.0, gt=0)
    cooldown_days: int = Field(default=28, ge=0)
    unheard_hours: int = Field(default=20, ge=1)
    refresh: Refresh = Refresh()

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.at_least > self.of_last:
            raise ValueError(f"at_least {self.at_least} can never be reached in of_last {self.of_last} windows")
        return self


@dataclass(frozen=True)
class Answer:
    """Whether to retrain, with the reason either way; `kind` says which of the two reasons asks for it."""

    retrain: bool
    reason: str
    kind: Reason = ""


class Asked(NamedTuple):
    """That a retraining was asked for on a day, why, and what came of it; where that is nothing, `how` says why."""

    day: date
    kind: Reason
    reason: str
    came: Came = "verdict"
    how: str = ""


class Missed(NamedTuple):
    """The bursts of fraud that speak against the promise, from a day on: how many, how many were missed, how much."""

    bursts: int
    missed: int
    evidence: float
    since: date | None = None


class Unlearned(NamedTuple):
    """What is mature and the live model has not learned: the days that a refresh would bring, and all such frauds."""

    days: float
    frauds: int


@dataclass(frozen=True)
class Sight:
    """What is seen of the live release as of a moment; windows are oldest first.

    `pools` have frauds enough to be judged by, `weeks` are the newest whatever their age. None is not known.
    """

    pools: Sequence[Window]
    weeks: Sequence[Window]
    missed: Missed | None = None
    unlearned: Unlearned | None = None


def answer_of(sight: Sight, rule: MonitorRule, asked: Iterable[Asked], now: date) -> Answer:
    """Return whether the live model needs a successor, and for which of the two reasons; an alarm comes first.

    `asked` is in the order of asking. While one is under way nothing is asked for, and one that ended with a verdict is
    not repeated until its time is over; one of which nothing came is asked for again at once, and the reason says so.

    >>> rule = MonitorRule(limits=Limits(f1=0.6, recall=0.5, drift=0.25))
    >>> calm = Sight([], [], Missed(9, 1, 0.4), Unlearned(17, 12))
    >>> answer_of(calm, rule, [], date(2021, 3, 1)).kind
    'refresh'
    >>> from dataclasses import replace
    >>> missing = replace(calm, missed=Missed(6, 5, 6.2))
    >>> answer_of(missing, rule, [], date(2021, 3, 1)).reason
    '5 of the newest 6 bursts of fraud were missed, fewer were promised (evidence 6.2, limit 5)'
    >>> answer_of(missing, rule, [Asked(date(2021, 2, 20), "alarm", "")], date(2021, 3, 1)).kind
    'refresh'
    >>> in_vain = Asked(date(2021, 2, 27), "alarm", "", came="nothing", how="failed")
    >>> answer_of(missing, rule, [in_vain], date(2021, 3, 1)).reason.rpartition("; ")[2]
    'asked for 2 times now: the retraining asked for on 2021-02-27 failed'
    """
    told = [*asked]
    alarm = _unless_asked(alarm_of(sight, rule), told, rule.cooldown_days, now)
    if alarm.retrain:
        return alarm
    refresh = _unless_asked(_refresh(sight.unlearned, rule.refresh), told, rule.refresh.every_days, now)
    return refresh if refresh.retrain else Answer(False, f"{alarm.reason}; {refresh.reason}")


def should_retrain(windows: Sequence[Window], rule: MonitorRule) -> Answer:
    """Return whether windows of one kind ask for a successor; `windows` is oldest first.

    A single bad window is not a trend, and a trend that is over needs no new model. A window in which a metric is
    not defined, as recall without fraud, is neither good nor bad in it, and the answer says so.

    >>> rule = MonitorRule(limits=Limits(f1=0.6, recall=0.5, drift=0.25), at_least=2, of_last=3)
    >>> good, bad = {"f1": 0.9, "recall": 0.9, "drift": 0.0}, {"f1": 0.4, "recall": 0.6, "drift": 0.0}
    >>> should_retrain([good, bad, bad], rule).reason
    'f1 below 0.6 in 2 of the last 3 windows, now 0.400'
    >>> should_retrain([bad, bad, good], rule).retrain
    False
    >>> should_retrain([bad, bad, {"drift": 0.0}], rule).reason
    'no limit broken in 2 of the last 3 windows; not defined: f1 in 1, recall in 1'
    """
    recent = windows[-rule.of_last :]
    limits: dict[str, float] = rule.limits.model_dump()
    for name in JUDGED:
        over = [_is_bad(name, window, rule) for window in recent]
        if any(over[-1:]) and sum(over) >= rule.at_least:
            reason = f"{_in_words(name, recent[-1], rule)} in {sum(over)} of the last {len(recent)} windows"
            return Answer(True, f"{reason}, now {recent[-1][name]:.3f}", "alarm")
    reason = f"no limit broken in {rule.at_least} of the last {rule.of_last} windows"
    unknown = {name: sum(_known(name, window, rule) is None for window in recent) for name in limits}
    said = ", ".join(f"{name} in {number}" for name, number in unknown.items() if number)
    return Answer(False, f"{reason}; not defined: {said}" if said else reason)


def bad_since(windows: Sequence[Window], rule: MonitorRule) -> int | None:
    """Return the place of the first of the newest windows that are all bad in something; None where the newest is not.

    >>> rule = MonitorRule(limits=Limits(f1=0.6, recall=0.5, drift=0.25))
    >>> good, bad = {"f1": 0.9}, {"f1": 0.4}
    >>> bad_since([bad, good, bad, bad], rule), bad_since([bad, good], rule)
    (2, None)
    """
    place = len(windows)
    while place and any(_is_bad(name, windows[place - 1], rule) for name in JUDGED):
        place -= 1
    return place if place < len(windows) else None


def unless_waiting(answer: Answer, *, until: date | None, now: date) -> Answer:
    """Return the answer, or no while a retraining could not be judged: its test has frauds enough from `until` on.

    >>> unless_waiting(Answer(True, "F1 is low"), until=date(2020, 5, 1), now=date(2020, 4, 1)).reason
    'F1 is low; but no contest has frauds enough before 2020-05-01, so nothing would go live'
    """
    if not answer.retrain or until is None or now >= until:
        return answer
    return Answer(False, f"{answer.reason}; but no contest has frauds enough before {until}, so nothing would go live")


def _unless_asked(answer: Answer, asked: Sequence[Asked], days: int, now: date) -> Answer:
    """Return the answer, or no where one is under way, or the same was answered less than so many days ago."""
    if not answer.retrain:
        return answer
    under_way = [each.day for each in asked if each.came == "under way"]
    if under_way:
        return Answer(False, f"{answer.reason}; the retraining asked for on {under_way[-1]} is under way")
    mine = [each for each in asked if each.kind == answer.kind]
    last = max((each.day for each in mine if each.came == "verdict"), default=None)
    if last is not None and now < last + timedelta(days=days):
        again = last + timedelta(days=days)
        return Answer(False, f"{answer.reason}; asked for on {last} already, and again from {again} on")
    return _once_more(answer, [*takewhile(lambda each: each.came == "nothing", reversed(mine))])


def _once_more(answer: Answer, in_vain: Sequence[Asked]) -> Answer:
    """Return the answer with how often it was given in vain, and what came of the last time, the first of `in_vain`."""
    if not in_vain:
        return answer
    last = in_vain[0]
    said = f"asked for {len(in_vain) + 1} times now: the retraining asked for on {last.day} {last.how}"
    return replace(answer, reason=f"{answer.reason}; {said}")


def alarm_of(sight: Sight, rule: MonitorRule) -> Answer:
    """Return whether what is live is surely worse than it was promised to be, or its payments are others."""
    of_missed = missed_answer(sight.missed, rule)
    if of_missed.retrain:
        return of_missed
    of_pools = should_retrain(sight.pools, rule)
    if of_pools.retrain:
        return of_pools
    of_weeks = should_retrain(sight.weeks, rule)
    return of_weeks if of_weeks.retrain else Answer(False, "nothing alarms")


def missed_answer(missed: Missed | None, rule: MonitorRule) -> Answer:
    """Return whether more bursts of fraud are missed than were promised."""
    if missed is None or missed.evidence < rule.evidence:
        return Answer(False, "no more fraud is missed than was promised")
    said = f"{missed.missed} of the newest {counted(missed.bursts, 'burst')} of fraud were missed"
    return Answer(
        True, f"{said}, fewer were promised (evidence {missed.evidence:.1f}, limit {rule.evidence:g})", "alarm"
    )


def _refresh(unlearned: Unlearned | None, rule: Refresh) -> Answer:
    if unlearned is None:
        return Answer(False, "how much is mature and not learned is not known")
    said = f"{unlearned.days:.0f} mature days with {counted(unlearned.frauds, 'fraud')} are not learned"
    if unlearned.days >= rule.every_days and unlearned.frauds >= rule.least_frauds:
        return Answer(True, f"a refresh: {said}", "refresh")
    return Answer(False, f"{said}, a refresh is from {rule.every_days} days with {rule.least_frauds} on")


def _known(name: str, window: Window, rule: MonitorRule) -> float | None:
    """Return what a window is judged by: of a figure with an interval its upper end, which is surely not exceeded."""
    value, frauds = defined(window.get(name)), defined(window.get("frauds"))
    if value is None or (name in ("f1", "recall") and frauds is not None and frauds < rule.least_frauds):
        return None
    upper = defined(window.get(f"{name}_upper"))
    return value if upper is None else upper


def _limit(name: str, window: Window, rule: MonitorRule) -> float | None:
    """Return what is held against it: what was promised, or else the stated limit."""
    promised = defined(window.get("foreseen_f1" if name == "expected_f1" else f"promised_{name}"))
    stated: float | None = getattr(rule.limits, name, None)
    return stated if promised is None else promised


def _is_bad(name: str, window: Window, rule: MonitorRule) -> bool:
    value, limit = _known(name, window, rule), _limit(name, window, rule)
    if value is None or limit is None:
        return False
    return value > limit if name == "drift" else value < limit


def _in_words(name: str, window: Window, rule: MonitorRule) -> str:
    side, limit = "above" if name == "drift" else "below", _limit(name, window, rule)
    return f"{name.replace('_', ' ')} {side} {limit:.3g}"
