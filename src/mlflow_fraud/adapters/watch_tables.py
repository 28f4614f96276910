"""The tables of a watched release: week by week as seen and as expected, what moved, day by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlflow_fraud.core.measuring.metrics import told

Row = Sequence[str]
Entry = Mapping[str, Any]

MOVED = 10
"""So many features, those that moved most, are in their table."""

FORESEEN = {"f1": "F1", "precision": "precision", "recall": "recall"}
"""What is estimated before labels, as a reader is told it."""

EXPECTED = (
    "Expected is what the probabilities say before the labels are there, of the newest weeks with frauds enough up to "
    "that one; off by, how much more that was than what came, once all of them are mature."
)
CALIBRATION = ".5f"

WEEK_HEADS = (
    *("week", "mature", "frauds"),
    *(head for said in FORESEEN.values() for head in (said, f"expected {said}", "off by")),
    *("average precision", "calibration error"),
)
DRIFT_HEADS = ("week", "payments", "drift", "score drift", "unseen", "label lag")
MOVED_HEADS = ("feature", "PSI", "against its season", "KS", "missing", "missing before")
DAY_HEADS = ("day", "payments", "against the weekday", "alerts a day", "cost a day", "card precision@k", "silence, h")


def week_row(week: Entry) -> Row:
    """Return how good a week was, beside what was expected before its labels and how far off that was."""
    return (
        week["name"],
        f"{week['rows']:,}" + ("" if week["final"] else " so far"),
        f"{week['frauds']:,}",
        *(cell for name in FORESEEN for cell in (sure(week, name), *_expected(week["outlook"] or {}, name))),
        sure(week, "average_precision"),
        told(week["calibration_error"], CALIBRATION),
    )


def drift_row(week: Entry) -> Row:
    """Return what of a week needs no label, and how late these come."""
    unseen = max(week["unseen"].values(), default=0.0)
    return (
        week["name"],
        f"{week['payments']:,}",
        told(week["drift"], ".3f"),
        told(week["score_drift"], ".3f"),
        told(unseen, ".2%"),
        told(week["label_lag_days"], ".1f"),
    )


def moved_rows(week: Entry) -> list[Row]:
    """Return the features that moved most in a week."""
    drifts: Mapping[str, Mapping[str, float | None]] = week["drifts"]
    most = sorted(drifts, key=lambda name: -float(drifts[name]["psi"] or 0.0))[:MOVED]
    names = ("psi", "season", "ks", "missing", "missing_before")
    return [(name, *(told(drifts[name][each], ".3f") for each in names)) for name in most]


def day_row(day: Entry) -> Row:
    """Return a day's volume, alerts and cost."""
    forms = {"alerts_per_day": ".0f", "expected_cost": ".2f", "card_precision_at_k": ".3f", "silence_hours": ".1f"}
    figures = (told(day.get(name), form) for name, form in forms.items())
    return (day["name"], f"{day['payments']:,}", told(day["volume"], ".2f"), *figures)


def sure(window: Entry, name: str) -> str:
    """Return a metric with its interval, where it has one."""
    bounds, value = (window.get("intervals") or {}).get(name), told(window.get(name), ".3f")
    return f"{value} ({bounds[0]:.2f} to {bounds[1]:.2f})" if bounds and window.get(name) is not None else value


def _expected(outlook: Entry, name: str) -> Row:
    estimate, error = outlook.get(name), outlook.get("error", {}).get(name)
    return told(estimate[0] if estimate else None, ".3f"), told(error, "+.3f")
