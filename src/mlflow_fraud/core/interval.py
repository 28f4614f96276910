"""How sure a difference is: a paired block bootstrap over cards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mlflow_fraud.core.candidates import Labels
from mlflow_fraud.core.strict import Strict

Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class BootstrapRule(Strict):
    """How the interval is drawn."""

    samples: int = Field(default=500, ge=100)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    seed: int = 7


@dataclass(frozen=True)
class Interval:
    """A difference with its confidence interval."""

    estimate: float
    lower: float
    upper: float


def f1_difference(
    labels: Labels, blocks: npt.NDArray[np.intp], challenger: Flags, champion: Flags, rule: BootstrapRule
) -> Interval:
    """Return the interval of F1(challenger) - F1(champion) on the same rows.

    Whole blocks are redrawn, because the frauds of one card come in bursts and are not independent.
    `blocks` numbers each row's block from 0. Percentile interval (Efron, 1979).
    """
    mine, theirs = _by_block(labels, blocks, challenger), _by_block(labels, blocks, champion)
    draw = np.random.default_rng(rule.seed)
    number = len(mine)
    weights = draw.multinomial(number, np.full(number, 1 / number), size=rule.samples)
    differences = _f1(weights @ mine) - _f1(weights @ theirs)
    tail = (1 - rule.confidence) / 2
    lower, upper = np.quantile(differences, [tail, 1 - tail])
    return Interval(float(_f1(mine.sum(0)) - _f1(theirs.sum(0))), float(lower), float(upper))


def _by_block(labels: Labels, blocks: npt.NDArray[np.intp], flags: Flags) -> Counts:
    """Return hits, flags and frauds of each block, shape (blocks, 3)."""
    fraud = labels == 1
    columns = [
        np.bincount(blocks, weights=column, minlength=int(blocks.max()) + 1) for column in (fraud & flags, flags, fraud)
    ]
    return np.stack(columns, axis=1).astype(np.int64)


def _f1(counts: Counts) -> npt.NDArray[np.float64]:
    hits, flagged, frauds = counts[..., 0], counts[..., 1], counts[..., 2]
    f1: npt.NDArray[np.float64] = 2 * hits / np.maximum(flagged + frauds, 1)
    return f1
