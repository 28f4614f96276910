"""What monitoring sees as one HTML page that opens anywhere: is it still good, since when not, what is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from mlflow_fraud.adapters.page_style import STYLE, WIDE, markdown, picture, table
from mlflow_fraud.adapters.watch_figures import draw_windows
from mlflow_fraud.adapters.watch_tables import (
    CALIBRATION,
    DAY_HEADS,
    DRIFT_HEADS,
    EXPECTED,
    FORESEEN,
    MOVED_HEADS,
    WEEK_HEADS,
    Entry,
    Row,
    day_row,
    drift_row,
    moved_rows,
    sure,
    week_row,
)
from mlflow_fraud.core.counted import counted, listed
from mlflow_fraud.core.measuring.metrics import told

WEEKS, DAYS = 13, 14
"""So many of the newest weeks and days are in the tables."""

State = Mapping[str, Any]

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
{picture}
<h2>Weeks</h2>
<p>{expected}</p>
{weeks}
<h2>Payments and drift</h2>
{drift}
<h2>What moved most in the newest week</h2>
{moved}
<h2>Days</h2>
{days}
<p>A dash: not known, which is neither good nor bad. What each figure is: docs/monitoring.md.</p>
</html>
"""
)


def render_watch_page(state: State, windows: Sequence[Entry]) -> str:
    """Return the page; `windows` are those of the live release in time order."""
    weeks, pools, days = ([each for each in windows if each["kind"] == kind] for kind in ("week", "pool", "day"))
    return PAGE.format(
        title=escape(headline(state, pools)),
        colour=_colour(state, pools),
        facts="".join(f"<li>{escape(fact)}</li>" for fact in facts(state, weeks, pools)),
        picture=_picture(weeks, pools),
        expected=EXPECTED,
        weeks=_table(WEEK_HEADS, [week_row(week) for week in reversed(weeks[-WEEKS:])]),
        drift=_table(DRIFT_HEADS, [drift_row(week) for week in reversed(weeks[-WEEKS:])]),
        moved=_table(MOVED_HEADS, moved_rows(weeks[-1]) if weeks else []),
        days=_table(DAY_HEADS, [day_row(day) for day in reversed(days[-DAYS:])]),
    )


def markdown_of(state: State, windows: Sequence[Entry]) -> str:
    """Return the same in Markdown, without the picture and the days."""
    weeks, pools = ([each for each in windows if each["kind"] == kind] for kind in ("week", "pool"))
    newest = [*reversed(weeks[-WEEKS:])]
    lines = markdown(WEEK_HEADS, [week_row(week) for week in newest])
    drift = markdown(DRIFT_HEADS, [drift_row(week) for week in newest])
    said = "".join(f"- {fact}\n" for fact in facts(state, weeks, pools))
    return f"### {headline(state, pools)}\n\n{said}\n{lines}\n{EXPECTED}\n\n{drift}"


def headline(state: State, pools: Sequence[Entry]) -> str:
    """Return in one line whether what is live is still good."""
    if state["alarmed"]:
        return f"{state['version']}: not good any more"
    usual = "still good" if pools or _counts(state) else "too early to say"
    return f"{state['version']}: {'still good, and a refresh is due' if state['kind'] == 'refresh' else usual}"


def facts(state: State, weeks: Sequence[Entry], pools: Sequence[Entry]) -> Iterator[str]:
    """Yield what a person wants to know first, a sentence each."""
    yield f"As of {state['now']:%Y-%m-%d %H:%M}: retrain: {'yes' if state['retrain'] else 'no'}, {state['reason']}"
    if state["since"]:
        yield f"Bad since {state['since']}"
    if pools:
        newest, promised = pools[-1], pools[-1]["promised"]
        yield f"F1 {sure(newest, 'f1')} on {newest['name']}, {told(promised.get('f1'), '.3f')} was promised"
        yield (
            f"Calibration error {told(newest['calibration_error'], CALIBRATION)} there, "
            f"{told(promised.get('calibration_error'), CALIBRATION)} was promised"
        )
    outlook = next((week["outlook"] for week in reversed(weeks) if week["outlook"]), None)
    if outlook and outlook["f1"]:
        yield f"Before labels, expected since {outlook['since'][:10]}: {listed([*_foreseen(outlook)])}"
    if _counts(state):
        missed = state["missed"]
        yield (
            f"{missed.missed} of the newest {counted(missed.bursts, 'burst')} of fraud were missed; evidence that more "
            f"are than was promised: {missed.evidence:.1f}"
        )
    yield f"Next refresh: {_day_or(state['next_refresh'], 'not known')}, where frauds are enough"
    yield f"Next possible contest: {_day_or(state['next_contest'], 'now')}"
    if state["pointer_days"] is not None:
        yield f"The pointer moved {state['pointer_days']:.1f} days ago"
    if state["silence"]:
        yield f"Trouble of the feed: {state['silence']}"
    if state["aside"]:
        yield f"{counted(state['aside'], 'correction')} of pinned rows cannot come in; `data collect` says why"
    silent = [day for week in weeks for day in week["days_without"]]
    if silent:
        yield f"No payment came on {listed(silent)}"


def _foreseen(outlook: Mapping[str, Any]) -> Iterator[str]:
    for name, said in FORESEEN.items():
        if outlook.get(name):
            value, lower, upper = outlook[name]
            yield f"{said} {value:.3f} ({lower:.3f} to {upper:.3f})"


def _counts(state: State) -> bool:
    return state["missed"] is not None and state["missed"].bursts > 0


def _colour(state: State, pools: Sequence[Entry]) -> str:
    if state["alarmed"]:
        return "#d1495b"
    return "#2f9e5b" if pools or _counts(state) else "#8a94a3"


def _day_or(day: object, words: str) -> str:
    return words if day is None else f"{day}"


def _table(heads: Row, rows: Sequence[Row]) -> str:
    return table(heads, rows) if rows else "<p>None yet.</p>"


def _picture(weeks: Sequence[Entry], pools: Sequence[Entry]) -> str:
    if not weeks:
        return ""
    return picture(draw_windows(weeks, pools), "F1 by week, as it was seen and as it was expected")
