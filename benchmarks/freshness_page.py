"""The tables and the picture of `docs/freshness.md`, from what each way had live on many businesses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.verdict_page import rate
from mlflow_fraud.core.measuring.difference import student

WAYS = ("kept", "judged and shipped", "by hand", "through the gate")
COLOURS = dict(zip(WAYS, ("#8a94a3", "#e0a030", "#2f6fde", "#1f8a4c"), strict=True))
SHOWN = "![average precision of what was live, month by month](images/freshness.png)"
GATE, HAND, KEPT, JUDGED = "through the gate", "by hand", "kept", "judged and shipped"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Poison:
    """A refresh made of poisoned rows: what it costs in average precision, and what speaks against it."""

    kind: str
    harm: float
    twin: tuple[str, ...]
    contest: tuple[str, ...]


@dataclass(frozen=True)
class Blocks:
    """For a number of blocks, how far the next window was off what the chain had promised, and what the gate made."""

    number: int
    gaps: list[float]
    average_precision: float
    refused: int


@dataclass(frozen=True)
class Threshold:
    """A threshold settled on the honest scores of so many days, and what it was worth in the next window."""

    days: int
    way: str
    frauds: int
    threshold: float
    f1: float
    cost: float


@dataclass(frozen=True)
class Story:
    """What each way had live on one business: its metrics window by window, and what became of it."""

    seed: int
    scenario: str
    metrics: dict[str, list[dict[str, float | None]]]
    went_live: dict[str, int]
    refused: list[str]
    days_to_know: dict[str, float | None]
    poisons: list[Poison]
    blocks: list[Blocks]
    twin_days: dict[int, float]
    thresholds: list[Threshold]

    def mean(self, way: str, metric: str) -> float:
        """Return a metric's mean over the windows that have it."""
        return float(np.mean([value for each in self.metrics[way] if (value := each[metric]) is not None]))


def text_of(stories: Sequence[Story], payments: int, every: int, late: int) -> str:
    """Return the page below its heading; what compares settings of a practice is of the stories that have it."""
    detailed = [story for story in stories if story.blocks]
    seeds, fewer = (len({story.seed for story in some}) for some in (stories, detailed))
    parts = [
        SHOWN,
        f"{seeds} businesses of {payments:,} payments a year for each scenario; a decision every {every} days, labels "
        f"{late} days late. Windows of 28 days, scored by what was live when each payment came. Fits are cheaper than "
        "those that are shipped: 60 rounds of depth 6, on all frauds and every sixth legal payment.",
    ]
    for scenario in dict.fromkeys(story.scenario for story in stories):
        parts += [f"### {scenario}", *_ways([story for story in stories if story.scenario == scenario])]
    return "\n\n".join([*parts, *_poisoned(stories), *_settings(detailed, fewer)])


def picture(stories: Sequence[Story]) -> bytes:
    """Return the average precision of what was live by window, the mean over all seeds, a plot for each scenario."""
    scenarios = list(dict.fromkeys(story.scenario for story in stories))
    figure = Figure(figsize=(10, 4), layout="tight", dpi=110)
    FigureCanvasAgg(figure)
    for axes, scenario in zip(figure.subplots(1, len(scenarios), squeeze=False)[0], scenarios, strict=True):
        for way in WAYS:
            values = [
                [float(each["average_precision"] or np.nan) for each in story.metrics[way]]
                for story in stories
                if story.scenario == scenario
            ]
            mean = np.nanmean(values, axis=0)
            axes.plot(np.arange(1, len(mean) + 1), mean, marker="o", label=way, color=COLOURS[way])
        axes.set(title=scenario, xlabel="window of 28 days", ylabel="average precision")
        axes.legend(frameon=False, fontsize=8)
        axes.grid(color="#e6e9ee")
    content = BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def _ways(stories: Sequence[Story]) -> Iterator[str]:
    columns = ("average_precision", "f1", "recall", "expected_cost")
    heads = ["what was live", "average precision", "F1", "recall", "cost a day", "models that went live"]
    rows = []
    for way in WAYS:
        means = [np.mean([story.mean(way, metric) for story in stories]) for metric in columns]
        lived = np.mean([story.went_live[way] for story in stories])
        rows.append([way, *(f"{value:.3f}" for value in means[:3]), f"{means[3]:.1f}", f"{lived:.1f}"])
    yield _table(heads, rows)
    ratio = np.mean([s.mean(GATE, "average_precision") for s in stories]) / np.mean(
        [s.mean(HAND, "average_precision") for s in stories]
    )
    yield f"Through the gate the average precision is {ratio:.3f} times that by hand."
    yield _table(
        ["through the gate, less kept", "mean", "95 % of seeds' mean"],
        [
            [
                "average precision",
                *_paired(
                    [s.mean(GATE, "average_precision") - s.mean(KEPT, "average_precision") for s in stories], ".4f"
                ),
            ],
            [
                "cost a day",
                *_paired([s.mean(GATE, "expected_cost") - s.mean(KEPT, "expected_cost") for s in stories], ".2f"),
            ],
        ],
    )
    ways = (GATE, HAND, JUDGED)
    known = [[story.days_to_know[way] for story in stories] for way in ways]
    if any(day is not None for day in known[0]):
        yield (
            "Days from the first payment of the new kind to the first live model that has learned one: "
            + "; ".join(
                f"{way} median {_quantile(days, 0.5)}, 90 % within {_quantile(days, 0.9)}"
                for way, days in zip(ways, known, strict=True)
            )
            + "."
        )
    yield _refusals(stories)


def _refusals(stories: Sequence[Story]) -> str:
    decisions = sum(len(story.refused) + story.went_live[GATE] for story in stories)
    whys = {
        "the twin check": ("last judged model",),
        "a guardrail": ("broken",),
        "proven worse": ("proven worse",),
        "too few frauds": ("are needed to judge",),
    }
    reasons = [reason for story in stories for reason in story.refused]
    counted = [f"{why} {sum(any(s in r for s in said) for r in reasons)}" for why, said in whys.items()]
    return f"Of {decisions} refreshes the gate refused {len(reasons)}: {', '.join(counted)} (some by two)."


def _poisoned(stories: Sequence[Story]) -> Iterator[str]:
    found: dict[str, list[Poison]] = {}
    for story in stories:
        for poison in story.poisons:
            found.setdefault(poison.kind, []).append(poison)
    rows = []
    for kind, each in found.items():
        refused = [bool(poison.twin or poison.contest) for poison in each]
        through = [poison.harm for poison, no in zip(each, refused, strict=True) if not no]
        rows.append(
            [
                kind,
                rate(sum(refused), len(each)),
                str(sum(bool(poison.twin) for poison in each)),
                str(sum(bool(poison.contest) for poison in each)),
                f"{np.mean([poison.harm for poison in each]):+.3f}",
                f"{min(through):+.3f}" if through else "-",
            ]
        )
    if rows:
        yield "### A poisoned refresh, on stable"
        heads = [
            "poison",
            "refused",
            "by the twin check",
            "by the contest",
            "average precision after it",
            "worst let through",
        ]
        yield _table(heads, rows)


def _settings(stories: Sequence[Story], seeds: int) -> Iterator[str]:
    yield f"### Settings of a practice\n\nOn the first {seeds} businesses of each scenario."
    yield from _promised(stories)
    yield from _kept_back(stories)
    yield from _settled(stories)


def _promised(stories: Sequence[Story]) -> Iterator[str]:
    yield "#### How many blocks"
    scenarios = list(dict.fromkeys(story.scenario for story in stories))
    rows = []
    for number in dict.fromkeys(blocks.number for story in stories for blocks in story.blocks):
        of = {
            name: [
                (story, blocks)
                for story in stories
                for blocks in story.blocks
                if (story.scenario, blocks.number) == (name, number)
            ]
            for name in scenarios
        }
        gaps = [gap for some in of.values() for _, blocks in some for gap in blocks.gaps]
        parts = [
            np.mean([blocks.average_precision for _, blocks in some])
            / np.mean([story.mean(HAND, "average_precision") for story, _ in some])
            for some in of.values()
        ]
        refused = sum(blocks.refused for some in of.values() for _, blocks in some)
        shown = [f"{np.mean(gaps):+.3f}", f"{np.sqrt(np.mean(np.square(gaps))):.3f}"]
        rows.append([str(number), *(f"{part:.3f}" for part in parts), str(refused), *shown])
    yield (
        "Average precision through the gate, as a part of that by hand, and how far the next window is off what was "
        "promised:"
    )
    yield _table(
        ["blocks in the test", *scenarios, "refreshes refused", "seen, less promised", "root mean square"], rows
    )


def _kept_back(stories: Sequence[Story]) -> Iterator[str]:
    yield "#### How many twin days"
    scenarios = list(dict.fromkeys(story.scenario for story in stories))
    of = {name: [story for story in stories if story.scenario == name] for name in scenarios}
    rows = []
    for days in stories[0].twin_days:
        parts = [
            np.mean([s.twin_days[days] for s in some]) / np.mean([s.mean(HAND, "average_precision") for s in some])
            for some in of.values()
        ]
        rows.append([str(days), *(f"{part:.3f}" for part in parts)])
    yield "Average precision where every refresh goes live unjudged, as a part of that by hand:"
    yield _table(["newest days not learned", *scenarios], rows)


def _settled(stories: Sequence[Story]) -> Iterator[str]:
    found: dict[tuple[int, str], list[Threshold]] = {}
    steps: dict[tuple[int, str], list[float]] = {}
    for story in stories:
        for key in dict.fromkeys((each.days, each.way) for each in story.thresholds):
            some = [each for each in story.thresholds if (each.days, each.way) == key]
            found.setdefault(key, []).extend(some)
            steps.setdefault(key, []).extend(np.diff(np.log([each.threshold for each in some])))
    yield "#### On how many frauds a threshold is settled"
    rows = [
        [
            str(days),
            way,
            f"{np.median([each.frauds for each in some]):.0f}",
            f"{np.mean([each.f1 for each in some]):.3f}",
            f"{np.mean([each.cost for each in some]):.1f}",
            f"{np.exp(np.sqrt(np.mean(np.square(steps[days, way])))):.2f}",
        ]
        for (days, way), some in found.items()
    ]
    yield _table(
        ["days of honest scores", "chosen by", "frauds (median)", "F1 of the next window", "cost a day", "moves by"],
        rows,
    )
    yield (
        "Chosen by the labels of these days alone, or held where the probabilities expect the best F1. From one "
        "decision to the next, eight weeks later, it moves by so many times (root mean square of the logarithm)."
    )


def _paired(differences: Sequence[float], form: str) -> list[str]:
    """Return the mean of paired differences and its 95 % interval (Student)."""
    values = np.array(differences)
    half = student(0.025, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return [f"{values.mean():+{form}}", f"{values.mean() - half:+{form}} to {values.mean() + half:+{form}}"]


def _quantile(days: Sequence[float | None], share: float) -> str:
    """Return a quantile of days, where never counts as longer than any."""
    value = float(np.quantile([np.inf if day is None else day for day in days], share, method="higher"))
    return f"{value:.0f}" if np.isfinite(value) else "never"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"| --- |{' ---: |' * (len(heads) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])
