"""What would have been otherwise, for a person: the tables, and one HTML page that opens anywhere with its picture."""

from __future__ import annotations

from html import escape

from mlflow_fraud.adapters.page_style import STYLE, WIDE, markdown, picture, table
from mlflow_fraud.adapters.what_if_figures import draw_what_if
from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.measuring.interval import Bounds
from mlflow_fraud.core.measuring.metrics import defined, told
from mlflow_fraud.core.measuring.slices import Share, Slice
from mlflow_fraud.core.whatif.outcome import Change, Outcome

FORMS = {
    "net_saved": ("saved a day, alerts paid", ",.2f"),
    "loss_prevented": ("frauds' money flagged a day", ",.2f"),
    "alert_cost": ("alerts' cost a day", ",.2f"),
    "loss_missed": ("frauds' money missed a day", ",.2f"),
    "alerts_per_day": ("alerts a day", ",.2f"),
    "recall": ("recall", ".4f"),
    "precision": ("precision", ".4f"),
    "f1": ("F1", ".4f"),
}
"""What a figure is called, and how its number is written."""

HEADS = ("", "as it is", "instead", "difference")
SLICE_HEADS = (
    *("part", "payments", "frauds", "alerts as it is", "instead", "recall as it is", "instead"),
    *("precision as it is", "instead"),
)
NOTE = (
    "In brackets: intervals, as sure as compare.bootstrap says, of parts 95 %; of a difference both sides are in the "
    "same draws of whole cards. A dash: not defined, or not known. docs/what-if.md says what each figure is."
)

PAGE = (
    """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<style>"""
    + STYLE
    + WIDE
    + """</style>
<h1>{title}</h1>
<ul>{facts}</ul>
{figures}
{picture}
<h2>In parts</h2>
{slices}
<p>{note}</p>
</html>
"""
)


def render_what_if(what: str, outcome: Outcome) -> str:
    """Return the page; `what` says which payments were replayed."""
    return PAGE.format(
        title=escape(headline(outcome)),
        colour="#2f6fde",
        facts="".join(f"<li>{escape(fact)}</li>" for fact in facts(what, outcome)),
        figures=table(HEADS, _figures(outcome)),
        picture=picture(draw_what_if(outcome), "money against alerts, and how sure"),
        slices=table(SLICE_HEADS, _slices(outcome)),
        note=escape(NOTE),
    )


def markdown_of(what: str, outcome: Outcome) -> str:
    """Return the same in Markdown, without the picture."""
    said = "".join(f"- {fact}\n" for fact in facts(what, outcome))
    tables = (markdown(HEADS, _figures(outcome)), markdown(SLICE_HEADS, _slices(outcome)))
    return f"## {headline(outcome)}\n\n{said}\n{tables[0]}\n{tables[1]}\n{NOTE}\n"


def headline(outcome: Outcome) -> str:
    """Return in one line what would have been otherwise, by the money that is saved."""
    change = outcome.changes["net_saved"]
    if change is None:
        return "What if: the difference in money is not known"
    if change.lower <= 0 <= change.upper:
        known = "no difference" if change.estimate == 0 else f"{change.estimate:+,.2f}, which may be chance"
        return f"What if: saved a day {known}"
    return f"What if: {abs(change.estimate):,.2f} {'more' if change.estimate > 0 else 'less'} saved a day"


def facts(what: str, outcome: Outcome) -> list[str]:
    """Return what was replayed, and what both sides are, a sentence each."""
    metrics = outcome.live.metrics
    rows, frauds = (int(metrics[name] or 0) for name in ("rows", "frauds"))
    return [
        f"Replayed: {what}, {outcome.since:%Y-%m-%d} to {outcome.until:%Y-%m-%d}, {counted(rows, 'payment')} with "
        f"{counted(frauds, 'fraud')} on {counted(outcome.days, 'day')}",
        f"As it is: {outcome.live.name}, {outcome.live.cutoff}",
        f"Instead: {outcome.instead.name}, {outcome.instead.cutoff}",
    ]


def _figures(outcome: Outcome) -> list[list[str]]:
    lines = []
    for name, (heading, form) in FORMS.items():
        sides = [_sure(side.metrics.get(name), form, side.intervals[name]) for side in (outcome.live, outcome.instead)]
        lines.append([heading, *sides, _changed(outcome.changes[name], form)])
    return lines


def _sure(value: float | None, form: str, bounds: Bounds | None) -> str:
    if bounds is None or defined(value) is None:
        return told(value, form)
    return f"{told(value, form)} ({told(bounds[0], form)} to {told(bounds[1], form)})"


def _changed(change: Change | None, form: str) -> str:
    if change is None:
        return told(None)
    return f"{change.estimate:+{form}} ({change.lower:+{form}} to {change.upper:+{form}})"


def _slices(outcome: Outcome) -> list[list[str]]:
    return [_slice(*each) for each in zip(outcome.live.slices, outcome.instead.slices, strict=True)]


def _slice(live: Slice, instead: Slice) -> list[str]:
    return [
        f"{live.of}: {live.value}",
        *(f"{number:,}" for number in (live.rows, live.frauds, live.alerts, instead.alerts)),
        *(_share(share) for share in (live.recall, instead.recall, live.precision, instead.precision)),
    ]


def _share(share: Share | None) -> str:
    return f"{share.share:.2f} ({share.lower:.2f} to {share.upper:.2f})" if share else told(None)
