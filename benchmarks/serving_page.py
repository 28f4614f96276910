"""The curve of `docs/serving.md`: how long an answer is waited for, by how many are asked for a second."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import NamedTuple

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.open_loop import Seen

COLOURS = ("#2f6fde", "#e0a030", "#8a94a3", "#3f9d6b")
CUT = 1_000.0
"""More milliseconds than so many are not drawn."""


class Load(NamedTuple):
    """One who answers under a rate of requests, 0 for as many as it can; milliseconds of processor for each."""

    name: str
    rate: float
    processor: float
    seen: Seen

    def __str__(self) -> str:
        if not self.seen.kept_up:
            return "does not keep up"
        told = f"p50 {self.seen.p50:.1f} ms, p99 {self.seen.p99:.1f} ms, {self.processor:.2f} ms of CPU"
        return f"{told}, {self.seen.refused:,} refused" if self.seen.refused else told


def picture(loads: Sequence[Load]) -> bytes:
    """Return the medians and, dashed, the 99th percentiles, of whom keeps up."""
    figure = Figure(figsize=(9.5, 3.6), layout="tight", dpi=110)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name, colour in zip(dict.fromkeys(load.name for load in loads), COLOURS, strict=False):
        own = [load for load in loads if load.name == name and load.seen.kept_up and load.seen.p99 < CUT]
        rates = [load.rate for load in own]
        plain = name.replace("`", "")
        axes.plot(rates, [load.seen.p50 for load in own], "o-", color=colour, label=f"{plain}, p50", markersize=3)
        axes.plot(rates, [load.seen.p99 for load in own], "o--", color=colour, label=f"{plain}, p99", markersize=3)
    axes.set(xlabel="payments a second", ylabel="milliseconds", yscale="log")
    axes.legend(frameon=False, fontsize="small")
    axes.grid(color="#e6e9ee")
    content = BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()
