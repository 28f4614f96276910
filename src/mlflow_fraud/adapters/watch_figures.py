"""The picture of a watched release: F1 over time, seen and expected, and how far the payments have moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from io import BytesIO
from typing import Any

from mlflow_fraud.adapters.figures import BLUE, INK, MUTED, RED, blank

Entry = Mapping[str, Any]


def draw_windows(weeks: Sequence[Entry], pools: Sequence[Entry]) -> bytes:
    """Return a PNG: F1 of pooled weeks with its interval beside what was promised and expected; below it drift."""
    figure = blank(9.5, 4.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    seen = [pool for pool in pools if pool.get("f1") is not None]
    for pool in seen:
        bounds = (pool["intervals"] or {}).get("f1")
        if bounds:
            above.plot([_end(pool)] * 2, bounds, color=BLUE, linewidth=5, alpha=0.25, solid_capstyle="butt")
    above.plot([_end(pool) for pool in seen], [pool["f1"] for pool in seen], color=BLUE, marker="o", label="seen")
    expected = [week for week in weeks if (week.get("outlook") or {}).get("f1")]
    values = [week["outlook"]["f1"][0] for week in expected]
    above.plot([_end(week) for week in expected], values, color=RED, linestyle="--", label="expected before labels")
    promised = (weeks[-1].get("promised") or {}).get("f1")
    if promised is not None:
        above.axhline(promised, color=MUTED, linewidth=1, label="promised")
    above.set(ylabel="F1", ylim=(0, 1.02))
    above.legend(frameon=False, loc="lower left", fontsize=8)
    moved = [week for week in weeks if week.get("drift") is not None]
    below.plot([_end(week) for week in moved], [week["drift"] for week in moved], color=INK)
    below.set(ylabel="drift")
    below.set_ylim(bottom=0)
    for axes in (above, below):
        axes.grid(color="#e6e9ee")
    content = BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def _end(window: Entry) -> Any:
    """Return when a window ended, which matplotlib takes as a date."""
    return datetime.fromisoformat(window["until"])
