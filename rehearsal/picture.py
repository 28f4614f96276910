"""The timeline: recall of old and new fraud in the loop and without it, alerts, versions, and what was decided."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from mlflow_fraud.core.measuring.metrics import Metrics
from rehearsal.afterwards import Answers, Values
from rehearsal.business import Business
from rehearsal.playing import Played

MONTH = 28


def timeline(business: Business, played: Played, answers: Answers) -> bytes:
    """Return the picture as PNG."""
    plan, window = business.plan, business.plan.window_days
    ends = list(range(window, plan.days + 1, plan.look_days))
    figure = Figure(figsize=(10, 7), layout="constrained")
    found, alerts, versions = figure.subplots(3, 1, sharex=True, height_ratios=(3, 2, 1))
    for (name, kinds), colour in zip(
        (("known kinds", False), ("the new kind", True)), ("tab:blue", "tab:red"), strict=True
    ):
        for side, style in ((answers.closed, "-"), (answers.open, ":")):
            seen = [_recall(answers, side, range(end - window, end), new=kinds) for end in ends]
            told = f"{name}, {'the loop' if style == '-' else 'never refreshed'}"
            found.plot([plan.day(end - 1) for end in ends], seen, style, color=colour, label=told)
    found.set_ylabel(f"recall, {window} days")
    found.set_ylim(0, 1)
    found.legend(loc="lower left", fontsize=8)
    for side, style in ((answers.closed, "-"), (answers.open, ":")):
        flagged = [_alerts(answers, side, range(end - window, end)) for end in ends]
        alerts.plot([plan.day(end - 1) for end in ends], flagged, style, color="tab:gray")
    alerts.set_ylabel("alerts a day")
    for place, (day, _) in enumerate(played.live):
        until = played.live[place + 1][0] if place + 1 < len(played.live) else plan.days
        colour = ("tab:green", "yellowgreen")[place % 2]
        versions.axvspan(np.datetime64(plan.day(day)), np.datetime64(plan.day(until)), color=colour)
    for each in played.asked:
        mark, colour = ("v", "tab:red") if each["kind"] == "alarm" else ("|", "black")
        versions.plot(np.datetime64(each["day"]), 0.5, mark, color=colour)
    versions.set_ylim(0, 1)
    versions.set_yticks([])
    versions.set_ylabel("live")
    for axis in (found, alerts, versions):
        axis.axvline(np.datetime64(plan.day(plan.new_from)), color="tab:red", linewidth=0.8)
        axis.axvspan(
            np.datetime64(plan.day(plan.broken[0])), np.datetime64(plan.day(plan.broken[1])), color="orange", alpha=0.5
        )
    locator = AutoDateLocator(maxticks=13)  # type: ignore[no-untyped-call]
    versions.xaxis.set_major_locator(locator)
    versions.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=110, metadata={"Software": None})
    return written.getvalue()


def _recall(answers: Answers, side: tuple[Values, Values], days: range, *, new: bool) -> float:
    chosen = answers.frauds(days, new=new)
    flagged = side[0] >= side[1]
    return float(flagged[chosen].mean()) if chosen.any() else float("nan")


def _alerts(answers: Answers, side: tuple[Values, Values], days: range) -> float:
    chosen = answers.on(days)
    return float((side[0] >= side[1])[chosen].sum() / len(days))


def by_month(business: Business, answers: Answers) -> list[tuple[str, Metrics, Metrics]]:
    """Return of each 28 days their first day, and what loop and never refreshed model were worth in them."""
    found = []
    for first in range(0, business.plan.days, MONTH):
        chosen = answers.on(range(first, first + MONTH))
        loop, kept = (answers.measured(chosen, side) for side in (answers.closed, answers.open))
        found.append((str(business.plan.day(first)), loop, kept))
    return found
