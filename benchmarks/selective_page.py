"""The tables of `docs/selective.md`, from what each way says of many businesses and what becomes of its models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlflow_fraud.core.measuring.difference import student
from mlflow_fraud.core.measuring.metrics import Metrics

WAYS = ("everything labelled", "silence as genuine", "looked into, unweighted", "looked into, weighted")
METRICS = ("recall", "precision", "f1", "average_precision", "brier")
LAST = 3
"""So many windows at the end are what rounds of learning come to."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    """What a way says a model is worth on a window, beside what it is worth there."""

    way: str
    told: Metrics
    truth: Metrics


@dataclass(frozen=True)
class Story:
    """One business: what was told of its first model, and what was live in each window under each way."""

    seed: int
    found: list[Found]
    rounds: dict[str, list[Metrics]]


def text_of(stories: Sequence[Story], plan: str, share: float, draws: int, memory: int) -> str:
    """Return the figures in Markdown."""
    return "\n".join(
        [
            f"{plan}. {share:.0%} of the payments that are not flagged are reviewed, so that one stands for "
            f"{1 / share:g}. Behind the sign: half the 95 % interval of the mean over businesses.",
            "",
            "### What is told of a model",
            "",
            f"A model has learned the first {memory} windows, and is measured on all others; reviews are drawn {draws} "
            "times. Each cell: what is told less what is true, in the mean; then how far one telling is off (root mean "
            "square).",
            "",
            *_errors(stories, WAYS),
            "",
            "### What the cap does",
            "",
            "The weighted way with a cap on the weights.",
            "",
            *_errors(stories, [*_caps(stories), WAYS[-1]], cap=True),
            "",
            "### What becomes of the models that learn from it",
            "",
            "Each way flags with its own models, knows what its own alerts and reviews tell, and learns anew after "
            f"each window from the {memory} newest. Measured by the truth, in the mean of the last {LAST} windows.",
            "",
            *_rounds(stories),
        ]
    )


def _caps(stories: Sequence[Story]) -> list[str]:
    return list(dict.fromkeys(each.way for each in stories[0].found if each.way not in WAYS))


def _errors(stories: Sequence[Story], ways: Sequence[str], *, cap: bool = False) -> Iterator[str]:
    heads = [name.replace("_", " ") for name in METRICS]
    first = "largest weight" if cap else "way"
    yield f"| {first} | {' | '.join(heads)} |"
    yield "| --- " + "| ---: " * len(heads) + "|"
    for way in ways:
        cells = [_error(stories, way, name) for name in METRICS]
        shown = ("not capped" if way == WAYS[-1] else way.removeprefix("cap ")) if cap else way
        yield f"| {shown} | {' | '.join(cells)} |"


def _error(stories: Sequence[Story], way: str, metric: str) -> str:
    """Return the mean error, its interval over businesses, and the root of the mean squared error of one telling."""
    means, squares = [], []
    for story in stories:
        gaps = np.array([_gap(each, metric) for each in story.found if each.way == way])
        gaps = gaps[np.isfinite(gaps)]
        means.append(float(gaps.mean()))
        squares.append(float((gaps**2).mean()))
    digits = 4 if metric == "brier" else 3
    return f"{_mean(means, digits, sign=True)}; {np.sqrt(np.mean(squares)):.{digits}f}"


def _gap(found: Found, metric: str) -> float:
    told, truth = found.told[metric], found.truth[metric]
    return float("nan") if told is None or truth is None else told - truth


def _rounds(stories: Sequence[Story]) -> Iterator[str]:
    names = ("average_precision", "f1", "recall", "precision", "alerts_per_day", "expected_cost")
    heads = ("average precision", "F1", "recall", "precision", "alerts a day", "cost a day")
    yield f"| way | {' | '.join(heads)} |"
    yield "| --- " + "| ---: " * len(heads) + "|"
    for way in WAYS:
        cells = []
        for name in names:
            ends = [[each[name] for each in story.rounds[way][-LAST:]] for story in stories]
            means = [float(np.mean([value or 0.0 for value in end])) for end in ends]
            cells.append(_mean(means, 1 if name in names[-2:] else 3))
        yield f"| {way} | {' | '.join(cells)} |"


def _mean(values: Sequence[float], digits: int, *, sign: bool = False) -> str:
    """Return the mean with half its 95 % interval.

    >>> _mean([0.1, 0.2, 0.3], 2)
    '0.20 ± 0.25'
    """
    number = len(values)
    half = student(0.025, number - 1) * float(np.std(values, ddof=1)) / np.sqrt(number) if number > 1 else float("nan")
    mean = float(np.mean(values))
    return f"{mean:{'+' if sign else ''}.{digits}f} ± {half:.{digits}f}"
