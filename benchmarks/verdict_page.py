"""The tables and curves of `docs/verdict.md`, from the differences of many contests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mlflow_fraud.core.measuring.difference import Difference, student
from mlflow_fraud.core.measuring.metrics import share_interval
from mlflow_fraud.core.release.guardrails import check_guardrails, joint_alpha
from mlflow_fraud.core.release.in_words import named
from mlflow_fraud.core.release.looks import alpha_at
from mlflow_fraud.core.release.rule import CompareRule

Gains = dict[str, Difference | None]
Found = dict[tuple[str, int], list[Gains]]
"""The differences of every contest, by what was planted and the number of frauds."""

Judge = Callable[[Gains, CompareRule, int], bool]

PRIMARIES = ("f1", "average_precision", "expected_cost")
EQUAL, PAIR = "equal", "two fits of one recipe"
BAR = 300
"""From so many frauds on the error rates are promised."""

COLOURS = {"f1": "#2f6fde", "average_precision": "#d1495b", "expected_cost": "#1b2330"}
LOSING = {"average_precision": "#d1495b", "recall": "#2f6fde", "precision": "#1b2330"}
STYLES = (":", "--", "-")
"""From the smallest to the largest that is planted."""

GREY = "#8a94a3"


def loses(metric: str, margins: int) -> str:
    """Return the name of a contest with a planted loss.

    >>> loses("recall", 1), loses("average_precision", 3)
    ('recall loses 1 margin', 'average precision loses 3 margins')
    """
    return f"{named(metric)} loses {margins} margin{'s' if margins > 1 else ''}"


def points(gains: Gains, rule: CompareRule, frauds: int) -> bool:
    """Say whether an estimate is over its margin."""
    return any((found := gains[name]) is None or -found.estimate > margin for name, margin in rule.max_loss.items())


def over_margin_for_sure(gains: Gains, rule: CompareRule, frauds: int) -> bool:
    """Say whether a loss is proven to be larger than its margin."""
    found = {name: each for name in rule.max_loss if (each := gains[name]) is not None}
    share = joint_alpha(list(found.values()), 1 - rule.guardrail_confidence)
    return len(found) < len(rule.max_loss) or any(
        -each.estimate - student(share, each.blocks - 1) * each.error > rule.max_loss[name]
        for name, each in found.items()
    )


def bonferroni(gains: Gains, rule: CompareRule, frauds: int) -> bool:
    """Say whether a loss is over its margin and surely one, each guardrail with an equal share of the error."""
    share = (1 - rule.guardrail_confidence) / len(rule.max_loss)
    return any(
        (found := gains[name]) is None or -found.estimate > max(margin, student(share, found.blocks - 1) * found.error)
        for name, margin in rule.max_loss.items()
    )


def broken(gains: Gains, rule: CompareRule, frauds: int) -> bool:
    """Say whether a guardrail is broken, by the rule that we have."""
    guards = check_guardrails(gains, rule.max_loss, alpha=1 - rule.guardrail_confidence, frauds=frauds)
    return len(guards) < len(rule.max_loss) or any(each.outcome == "broken" for each in guards)


def surer(gains: Gains, rule: CompareRule, frauds: int) -> bool:
    """Say the same at 95 %."""
    return broken(gains, rule.model_copy(update={"guardrail_confidence": 0.95}), frauds)


def not_seen_to_hold(gains: Gains, rule: CompareRule, frauds: int) -> bool:
    """Say whether some guardrail is not known to hold."""
    guards = check_guardrails(gains, rule.max_loss, alpha=1 - rule.guardrail_confidence, frauds=frauds)
    return len(guards) < len(rule.max_loss) or any(each.outcome != "holds" for each in guards)


def refused(gains: Gains, rule: CompareRule, frauds: int) -> bool:
    """Say whether a refresh is refused: proven worse, or a guardrail broken."""
    gain = gains[rule.metric]
    return gain is None or gain.upper(rule.bootstrap.tail) < 0 or broken(gains, rule, frauds)


def proven_better(gains: Gains, rule: CompareRule, frauds: int) -> bool:
    """Say whether a change is proven better at its first look, by the rule's metric."""
    gain = gains[rule.metric]
    return gain is not None and gain.lower(alpha_at(1, rule.bootstrap.tail)) > rule.min_gain


RULES: dict[str, Judge] = {
    "points: the estimate is over the margin": points,
    "surely over the margin, max-T": over_margin_for_sure,
    "over the margin and surely a loss, Bonferroni": bonferroni,
    "over the margin and surely a loss, max-T (ours)": broken,
    "the same, 95 % sure": surer,
    "not surely within the margin": not_seen_to_hold,
}


def tables(found: Found, rule: CompareRule) -> Iterator[str]:
    """Yield the tables: rules beside each other, then by frauds what is refused and what is promoted."""
    sizes = sorted({frauds for _, frauds in found})
    bar = BAR if BAR in sizes else sizes[-1]
    names = list(dict.fromkeys(name for name, _ in found))
    planted = [name for name in names if name.endswith("3 margins")]
    heads = ["rule", EQUAL, PAIR, *planted]
    rows = [
        [told, *(_rate(judge, found[name, bar], rule, bar) for name in (EQUAL, PAIR, *planted))]
        for told, judge in RULES.items()
    ]
    yield _table(f"Rules for a guardrail, at {bar} frauds: how often any refuses", heads, rows)
    for title, judge in (
        ("A guardrail is broken", broken),
        ("A refresh is refused: proven worse than one release, or a guardrail broken", refused),
    ):
        rows = [[name, *(_rate(judge, found[name, each], rule, each) for each in sizes)] for name in names]
        yield _table(title, ["planted", *_heads(sizes)], rows)
    rows = [
        [f"{name}, {named(metric)}", *(_rate(proven_better, found[name, each], by, each) for each in sizes)]
        for name in names
        if "margin" not in name
        for metric, by in _by_metric(rule).items()
    ]
    yield _table("A change is proven better at the first look, by metric", ["planted", *_heads(sizes)], rows)
    rows = [
        [named(metric), *(_needed(found[EQUAL, each], metric, rule, each) for each in sizes)]
        for metric in rule.max_loss
    ]
    yield _table(
        "Frauds until an equal model is seen to keep the margin, as reported (median)",
        ["guardrail", *_heads(sizes)],
        rows,
    )


def picture(found: Found, rule: CompareRule) -> bytes:
    """Return the curves by the number of frauds: what guardrails refuse, and what is proven better."""
    figure = Figure(figsize=(15, 4), layout="tight", dpi=110)
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True)
    sizes = sorted({frauds for _, frauds in found})
    names = list(dict.fromkeys(name for name, _ in found))
    _curve(left, EQUAL, [_share(broken, found[EQUAL, each], rule, each) for each in sizes], sizes, color=GREY)
    for metric in rule.max_loss:
        lost = [name for name in names if name.startswith(f"{named(metric)} loses")]
        for name, style in zip(lost, STYLES, strict=True):
            shares = [_share(broken, found[name, each], rule, each) for each in sizes]
            _curve(left, name, shares, sizes, linestyle=style, color=LOSING.get(metric))
    champions = [name for name in names if "champion" in name]
    for metric, by in _by_metric(rule).items():
        for name, style in zip(champions, STYLES, strict=True):
            shares = [_share(proven_better, found[name, each], by, each) for each in sizes]
            _curve(right, f"{named(metric)}: {name}", shares, sizes, linestyle=style, color=COLOURS[metric])
    for height in (0.1, 0.8):
        left.axhline(height, color=GREY, linewidth=1)
    left.axvline(BAR, color=GREY, linewidth=1)
    left.set(title="a guardrail is broken", ylabel="share of contests", ylim=(-0.02, 1.02))
    right.set(title="a change is proven better at the first look")
    left.legend(frameon=False, fontsize=8, loc="upper right", bbox_to_anchor=(-0.12, 1.0))
    right.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    for axes in (left, right):
        axes.set_xlabel("frauds in the contest")
        axes.grid(color="#e6e9ee")
    content = BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def rate(seen: int, of: int) -> str:
    """Return a share with the 95 % interval of what it may be.

    >>> rate(3, 100)
    '3 % (1 to 8)'
    """
    lower, upper = share_interval(seen / of, of)
    return f"{100 * seen / of:.0f} % ({100 * max(0.0, lower):.0f} to {100 * upper:.0f})"


def _curve(axes: Any, label: str, shares: Sequence[float], sizes: Sequence[int], **told: Any) -> None:
    axes.plot(sizes, shares, marker="o", label=label, **told)


def _by_metric(rule: CompareRule) -> dict[str, CompareRule]:
    return {metric: rule.model_copy(update={"metric": metric}) for metric in PRIMARIES}


def _share(judge: Judge, contests: list[Gains], rule: CompareRule, frauds: int) -> float:
    return float(np.mean([judge(gains, rule, frauds) for gains in contests]))


def _rate(judge: Judge, contests: list[Gains], rule: CompareRule, frauds: int) -> str:
    return rate(sum(judge(gains, rule, frauds) for gains in contests), len(contests))


def _needed(contests: list[Gains], metric: str, rule: CompareRule, frauds: int) -> str:
    alpha = 1 - rule.guardrail_confidence
    looked = [check_guardrails(gains, rule.max_loss, alpha=alpha, frauds=frauds) for gains in contests]
    needed = [each.frauds for guards in looked for each in guards if each.metric == metric]
    return f"{np.median(needed):,.0f}" if needed else "-"


def _heads(sizes: Sequence[int]) -> list[str]:
    return [f"{frauds} frauds" for frauds in sizes]


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"### {title}\n", f"| {' | '.join(heads)} |", f"| --- |{' ---: |' * (len(heads) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])
