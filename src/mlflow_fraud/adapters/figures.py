"""Pictures of how good a model is, as PNG files whose bytes depend on the numbers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

from mlflow_fraud.core.measuring.metrics import Confusion, share_interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, MUTED, BLUE, RED = "#1b2330", "#8a94a3", "#2f6fde", "#d1495b"
Point = Mapping[str, float]


def blank(width: float, height: float) -> Figure:
    """Return a figure of so many inches with nothing on it; matplotlib is imported when the first is drawn."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="tight", dpi=110)
    FigureCanvasAgg(figure)
    return figure


def draw_confusion(counts: Confusion, title: str) -> bytes:
    """Return the confusion matrix as a picture: what was fraud against what was flagged."""
    cells = [
        [("passed", counts.true_negatives, False), ("flagged in vain", counts.false_positives, True)],
        [("missed", counts.false_negatives, True), ("caught", counts.true_positives, False)],
    ]
    figure, axes = _axes(4.6, 3.6, title)
    for row, line in enumerate(cells):
        for column, (word, number, is_error) in enumerate(line):
            colour = RED if is_error else BLUE
            axes.add_patch(_square(column, row, colour))
            axes.text(column + 0.5, row + 0.42, f"{number:,.0f}", ha="center", va="center", size=17, color=INK)
            axes.text(column + 0.5, row + 0.68, word, ha="center", va="center", size=9, color=INK)
    axes.set(xlim=(0, 2), ylim=(2, 0), xticks=[0.5, 1.5], yticks=[0.5, 1.5])
    axes.set_xticklabels(["not flagged", "flagged"])
    axes.set_yticklabels(["legal", "fraud"])
    return _png(figure)


def draw_precision_recall(curves: Mapping[str, Sequence[Point]], title: str) -> bytes:
    """Return the precision-recall curves, one line a name."""
    figure, axes = _axes(4.6, 3.6, title)
    for name, points in curves.items():
        axes.plot([p["recall"] for p in points], [p["precision"] for p in points], label=name, linewidth=2)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(color="#e6e9ee")
    axes.legend(frameon=False, loc="lower left")
    return _png(figure)


def draw_reliability(points: Sequence[Point], title: str) -> bytes:
    """Return the share of fraud against the mean probability, each point with its rows and its 95 % interval."""
    figure, axes = _axes(4.6, 3.6, title)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--", label="as it should be")
    for point in points:
        lower, upper = share_interval(point["fraud"], point["rows"])
        axes.plot([point["score"]] * 2, [lower, upper], color=BLUE, linewidth=6, alpha=0.25, solid_capstyle="butt")
        axes.plot([point["score"]], [point["fraud"]], color=BLUE, marker="o")
        place = {"xytext": (7, -11), "textcoords": "offset points"}
        axes.annotate(f"{point['rows']:,.0f}", (point["score"], point["fraud"]), size=7, color=INK, **place)
    axes.set(xlabel="probability", ylabel="share of fraud", xlim=(0, 1.09), ylim=(-0.04, 1.04))
    axes.grid(color="#e6e9ee")
    axes.legend(frameon=False, loc="upper left")
    return _png(figure)


def _axes(width: float, height: float, title: str) -> tuple[Figure, Any]:
    figure = blank(width, height)
    axes = figure.add_subplot()
    axes.set_title(title, size=11, color=INK, loc="left")
    axes.tick_params(length=0, colors=INK)
    for side in axes.spines.values():
        side.set_color(MUTED)
    return figure, axes


def _square(column: int, row: int, colour: str) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((column + 0.02, row + 0.02), 0.96, 0.96, color=colour, alpha=0.16)


def _png(figure: Figure) -> bytes:
    stream = BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()
