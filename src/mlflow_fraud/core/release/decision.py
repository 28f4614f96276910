"""Whether the challenger goes live: a verdict with reasons, closed unless all holds."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from mlflow_fraud.core.measuring.evaluation import LOWER_IS_BETTER
from mlflow_fraud.core.measuring.metrics import Metrics, defined
from mlflow_fraud.core.release.first import no_champion
from mlflow_fraud.core.release.guardrails import Gains, Guardrail, check_guardrails, unknown
from mlflow_fraud.core.release.in_words import named
from mlflow_fraud.core.release.ledger import Kind
from mlflow_fraud.core.release.limits import no_numbers, not_measured, outside_limits, too_few_frauds
from mlflow_fraud.core.release.looks import alpha_at
from mlflow_fraud.core.release.rule import CompareRule


@dataclass(frozen=True)
class Verdict:
    """What was decided and why; `against` is empty exactly when `promote` is true.

    `proven` is true for a change that was proven better, and for a first release: such a one is an anchor. `waits` is
    true where there were too few frauds to judge, so that nothing was looked at. `guardrails` says what was found of
    each, on the rows of the contest with the live release.
    """

    promote: bool
    in_favour: tuple[str, ...]
    against: tuple[str, ...]
    kind: Kind = "change"
    look: int = 1
    proven: bool = False
    waits: bool = False
    guardrails: tuple[Guardrail, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons that carried the decision."""
        return self.in_favour if self.promote else self.against

    @property
    def is_a_look(self) -> bool:
        """Whether the next bound widens by it: a change was held against what is live, on rows enough."""
        return self.kind == "change" and not self.waits


@dataclass(frozen=True)
class _Bound:
    """How sure a verdict is to be: `alpha` of the gain, `guards` of all guardrails of one contest together."""

    alpha: float
    guards: float


def decide(
    challenger: Metrics,
    champion: Metrics | None,
    gains: Gains | None,
    *,
    validated: bool,
    rule: CompareRule,
    kind: Kind = "change",
    anchor: Gains | None = None,
    anchor_frauds: float | None = None,
    look: int = 1,
    first: bool = False,
    store: str = "the release store",
) -> Verdict:
    """Return the verdict on a challenger that was scored on the same mature rows as the champion.

    `gains` has the challenger's gain over the champion in the rule's metric and in each guardrail's; better is
    positive. A *change* goes live when it is proven better: the gain's lower bound is above `min_gain`, at this `look`
    since something last won by proof. A *refresh*, the champion's recipe on newer rows, goes live unless it is proven
    worse than the champion, or than the `anchor`, against which it has gains too, on rows with `anchor_frauds` frauds
    (the same gains where the champion is the anchor). Neither may break a guardrail. Without a champion the floors and
    ceilings decide, if a `first` release was asked for: an empty `store` may as well be the wrong one. Anything that
    is missing, not defined or not finite means no, wherever it stands: each comparison asks for what must be true.

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
    few = too_few_frauds(challenger, rule.min_frauds)
    against = [
        *no_numbers(challenger, champion or {}),
        *([] if validated else ["the data has not passed validation"]),
        *few,
        *outside_limits(challenger, {**rule.floors, **rule.ceilings}),
    ]
    if champion is None:
        against = [*([] if first else [no_champion(store)]), *against, *not_measured(rule.metric, challenger)]
        return _verdict(["there is no champion yet and every floor holds"], against, proven=True)
    against += not_measured(rule.metric, challenger, champion)
    frauds = defined(challenger.get("frauds")) or 0.0
    if kind == "change":
        bound = _Bound(alpha_at(look, rule.bootstrap.tail), 1 - rule.guardrail_confidence)
        said, no, guards = _proven_better(gains or {}, frauds, rule, bound)
        return _verdict([said], [*against, *no], look=look, proven=True, waits=bool(few), guardrails=guards)
    held = {"the live release": (gains or {}, frauds)}
    if anchor is None or anchor is not gains:
        held["the anchor"] = (anchor or {}, anchor_frauds or 0.0)
        if not few:
            few = [f"against the anchor: {said}" for said in too_few_frauds({"frauds": anchor_frauds}, rule.min_frauds)]
            against += few
    bound = _Bound(rule.bootstrap.tail, (1 - rule.guardrail_confidence) / len(held))
    found = [_not_proven_worse(*each, rule, bound, of) for of, each in held.items()]
    against += [sentence for _, no, _ in found for sentence in no]
    in_favour = [said for said, _, _ in found]
    return _verdict(in_favour, against, kind=kind, waits=bool(few), guardrails=found[0][2])


_Found = tuple[str, list[str], tuple[Guardrail, ...]]
"""A sentence on the gain, what speaks against, and the guardrails."""


def _proven_better(gains: Gains, frauds: float, rule: CompareRule, bound: _Bound) -> _Found:
    guards = check_guardrails(gains, rule.max_loss, alpha=bound.guards, frauds=frauds)
    refused = ("broken",) if rule.unproven == "allow" else ("broken", "not known")
    broken = [*unknown(gains, rule.max_loss), *(str(each) for each in guards if each.outcome in refused)]
    found = gains.get(rule.metric)
    if found is None:
        said = f"the gain in {named(rule.metric)} could not be computed"
        return said, [*broken, said], guards
    lower, upper = found.lower(bound.alpha), found.upper(bound.alpha)
    said = _in_words(rule.metric, found.estimate, lower, upper)
    if not _all_finite(found.estimate, found.error, lower, upper, rule.min_gain):
        broken.append(f"{said}, to be above {rule.min_gain:+.4f}: not every one of these is a number to judge by")
    elif not lower > rule.min_gain:
        broken.append(f"{said}: its lower bound must be above {rule.min_gain:+.4f}")
    return said, broken, guards


def _not_proven_worse(gains: Gains, frauds: float, rule: CompareRule, bound: _Bound, of: str) -> _Found:
    guards = check_guardrails(gains, rule.max_loss, alpha=bound.guards, frauds=frauds)
    broken = [*unknown(gains, rule.max_loss), *(str(each) for each in guards if each.outcome == "broken")]
    against = [f"against {of}: {sentence}" for sentence in broken]
    found = gains.get(rule.metric)
    if found is None:
        said = f"against {of}: the gain in {named(rule.metric)} could not be computed"
        return said, [*against, said], guards
    upper = found.upper(bound.alpha)
    said = f"against {of}: {_in_words(rule.metric, found.estimate, found.lower(bound.alpha), upper)}"
    if not _all_finite(found.estimate, found.error, upper):
        against.append(f"{said}: not every one of these is a number to judge by")
    elif not upper >= 0:
        against.append(f"{said}: that is proven worse")
    return f"{said}: not proven worse", against, guards


def _in_words(metric: str, estimate: float, lower: float, upper: float) -> str:
    gain_in = f"gain in {named(metric)}" if metric in LOWER_IS_BETTER else named(metric)
    return f"{gain_in} {estimate:+.4f}, interval {lower:+.4f} to {upper:+.4f}"


def _all_finite(*values: float) -> bool:
    return all(map(isfinite, values))


def _verdict(
    in_favour: list[str],
    against: list[str],
    *,
    kind: Kind = "change",
    look: int = 1,
    proven: bool = False,
    waits: bool = False,
    guardrails: tuple[Guardrail, ...] = (),
) -> Verdict:
    return Verdict(not against, tuple(in_favour), tuple(against), kind, look, proven and not against, waits, guardrails)
