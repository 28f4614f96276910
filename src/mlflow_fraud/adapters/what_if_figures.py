"""The picture of a what-if: what scores could save for how many alerts, and both sides with how sure they are."""

from __future__ import annotations

from io import BytesIO

from mlflow_fraud.adapters.figures import BLUE, INK, MUTED, RED, blank
from mlflow_fraud.core.whatif.outcome import Outcome

SHARES = ("recall", "precision", "f1")


def draw_what_if(outcome: Outcome) -> bytes:
    """Return a PNG: money saved a day against alerts a day, and beside it recall, precision and F1 with intervals."""
    figure = blank(9.5, 3.6)
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    alerts, saved = ([getattr(p, name) for p in outcome.curve] for name in ("alerts_per_day", "net_saved"))
    left.plot(alerts, saved, color=MUTED, label="what its scores could do at any one threshold")
    sides = (("as it is", outcome.live, BLUE, -0.12), ("instead", outcome.instead, RED, 0.12))
    for word, side, colour, off in sides:
        place = [side.metrics["alerts_per_day"]], [side.metrics["net_saved"]]
        left.plot(*place, color=colour, marker="o", linestyle="none", label=word)
        for position, name in enumerate(SHARES):
            value, bounds = side.metrics[name], side.intervals[name]
            if bounds:
                right.plot([position + off] * 2, bounds, color=colour, linewidth=6, alpha=0.25, solid_capstyle="butt")
            if value is not None:
                right.plot([position + off], [value], color=colour, marker="o")
    left.set(xlabel="alerts a day", ylabel="money saved a day, alerts paid")
    left.legend(frameon=False, loc="lower right", fontsize=8)
    right.set(ylim=(0, 1.02), xticks=range(len(SHARES)))
    right.set_xticklabels(["recall", "precision", "F1"])
    for axes in (left, right):
        axes.grid(color="#e6e9ee")
        axes.tick_params(length=0, colors=INK)
    content = BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()
