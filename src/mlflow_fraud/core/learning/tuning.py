"""Where better parameters are looked for, which of the tried ones are better, and how `params.yaml` says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import yaml

from mlflow_fraud.core.errors import SettingsError

Values = Mapping[str, float]


@dataclass(frozen=True)
class Range:
    """The values that one parameter may take; `log` where its size matters, not its distance."""

    name: str
    low: float
    high: float
    log: bool = False
    whole: bool = False


Space = tuple[Range, ...]

SPACES: dict[str, Space] = {
    "logistic": (
        Range("c", 0.001, 10.0, log=True),
        Range("bins", 4, 60, whole=True),
    ),
    "forest": (
        Range("max_depth", 6, 30, whole=True),
        Range("min_samples_leaf", 1, 20, log=True, whole=True),
        Range("max_features", 0.05, 0.6),
        Range("max_samples", 0.1, 0.8),
    ),
    "xgboost": (
        Range("eta", 0.02, 0.3, log=True),
        Range("max_depth", 3, 10, whole=True),
        Range("min_child_weight", 0.1, 20.0, log=True),
        Range("subsample", 0.5, 1.0),
        Range("colsample_bytree", 0.2, 1.0),
        Range("reg_lambda", 0.1, 20.0, log=True),
    ),
}
"""What only costs time when raised (`trees`, `rounds`) is not searched, nor is the start score."""


@dataclass(frozen=True)
class Trial:
    """Parameters that were tried; `score` is their average precision, None where the trial was cut short."""

    number: int
    values: Values
    score: float | None


@dataclass(frozen=True)
class Outcome:
    """What a study found: the score before, the best trial, and what it would change."""

    before: Trial
    best: Trial
    changes: Mapping[str, tuple[float, float]]


def stretch(space: Space, current: Values) -> Space:
    """Return the space made wide enough for the current values, so that these can be a trial among the others.

    >>> stretch((Range("c", 0.1, 1.0),), {"c": 3.0})[0].high
    3.0
    """
    return tuple(
        replace(each, low=min(each.low, current[each.name]), high=max(each.high, current[each.name])) for each in space
    )


def readable(value: float) -> float:
    """Return a value with the three digits that a person reads and writes.

    >>> readable(0.0512345)
    0.0512
    """
    return float(f"{value:.3g}")


def outcome(trials: Sequence[Trial], current: Values) -> Outcome | None:
    """Return what the finished trials say; None where the current values are not among them.

    Of equally good trials the first counts, and there are no changes where none is better than the current values.
    """
    finished = [trial for trial in trials if trial.score is not None]
    before = next((trial for trial in finished if trial.values == current), None)
    if before is None:
        return None
    best = max(finished, key=lambda trial: (trial.score or 0.0, trial is before, -trial.number))
    changes = {name: (old, best.values[name]) for name, old in current.items() if best.values[name] != old}
    return Outcome(before, best, changes)


def with_values(text: str, candidate: str, values: Values) -> str:
    """Return the text of `params.yaml` with these numbers at `train.<candidate>`; every other character stays.

    Raises `SettingsError` where the text has no such number.

    >>> print(with_values("train:  # tuned\\n  logistic: {c: 0.05, bins: 20}  # fast\\n", "logistic", {"c": 0.00001}))
    train:  # tuned
      logistic: {c: 0.00001, bins: 20}  # fast
    <BLANKLINE>
    """
    section = _child(_child(yaml.compose(text, Loader=yaml.SafeLoader), "train"), candidate)
    edits = []
    for name, value in values.items():
        node = _child(section, name)
        if not isinstance(node, yaml.ScalarNode):
            raise SettingsError(f"params.yaml: expected a number at train.{candidate}.{name}, found none; add the key")
        if float(node.value) != value:
            edits.append((node.start_mark.index, node.end_mark.index, number_text(value)))
    for start, end, number in sorted(edits, reverse=True):
        text = text[:start] + number + text[end:]
    return text


def number_text(value: float) -> str:
    """Return a number as YAML reads it back: `1e-05` would be read as text.

    >>> number_text(0.00001), number_text(7), number_text(1.0)
    ('0.00001', '7', '1.0')
    """
    return str(value) if isinstance(value, int) else np.format_float_positional(value, trim="0")


def _child(node: yaml.Node | None, name: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for key, value in node.value if key.value == name), None)
