"""The definitions, sorted by how the online engine computes them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from sys import intern
from typing import Any

from mlflow_fraud.core.contract.bounds import SCORE
from mlflow_fraud.core.features.definitions import (
    AMOUNT,
    THOUSANDTHS,
    Entities,
    Labels,
    Last,
    Ratio,
    Row,
    Score,
    scores_looked_at,
    span_of,
    windows_behind,
)
from mlflow_fraud.core.features.event import Number, Value
from mlflow_fraud.core.features.instants import MICROSECOND, span_micros
from mlflow_fraud.core.features.row import row_function
from mlflow_fraud.core.features.schema import FeatureSchema

LATENESS = timedelta(days=1)
"""A transaction that comes so late at most is merged exactly; a later one may miss what was forgotten."""


@dataclass(frozen=True)
class AskedLabels:
    """The label statistics of one entity: for each span where they go; `reach` in microseconds."""

    places: dict[int, list[tuple[int, str]]]
    reach: int


class Plan:
    """The definitions, sorted by how they are computed; a place is an index into the list of values."""

    def __init__(self, schema: FeatureSchema) -> None:
        features, windows = schema.features, windows_behind(schema.features)
        nodes = list(dict.fromkeys([*features, *windows]))
        place = {node.name: number for number, node in enumerate(nodes)}
        self.size = len(nodes)
        self.order = [place[name] for name in schema.names]
        self.rows = [(place[f.name], row_function(f.name, schema)) for f in features if isinstance(f, Row)]
        self.windows = [(place[window.name], window) for window in windows if window.hop is None]
        self.hopping = [(place[window.name], window) for window in windows if window.hop is not None]
        self.lasts = [(place[f.name], f) for f in features if isinstance(f, Last)]
        self.scores = [(place[f.name], f.name) for f in features if isinstance(f, Score)]
        scores = [feature for feature in features if isinstance(feature, Score)]
        self.score_parts = {f.name: (f.by, place[f.mean.name], place[f.std.name]) for f in scores}
        self.rescored = [(f.name, f.by) for f in scores_looked_at(features) if f.hop is None]
        self.usual = {score.name: (score.mean.name, score.std.name) for score in scores_looked_at(features)}
        hopping = [score for score in scores_looked_at(features) if score.hop is not None]
        self.hop_scores = {
            by: [name for s in hopping if s.by == by for name in (s.name, *self.usual[s.name])]
            for by in dict.fromkeys(score.by for score in hopping)
        }
        self.never_rescored = [s.name for s in scores if s.hop] + [name for s in hopping for name in self.usual[s.name]]
        self._looked_at = [name for score, usual in self.usual.items() for name in (score, *usual)]
        self.looked_at = frozenset(self._looked_at)
        self._usual_places = [(name, place[name]) for names in self.usual.values() for name in names]
        self.ratios = [(place[f.name], place[f.upper], place[f.lower]) for f in features if isinstance(f, Ratio)]
        self.labels = _asked_labels([f for f in features if isinstance(f, Labels)], place)
        self.entities = list(dict.fromkeys([w.by for _, w in self.windows] + [last.by for _, last in self.lasts]))
        self.columns = self._columns(schema)
        said_often = {c.name for c in schema.contract.kept if c.type == "text" and c.role in ("entity", "categorical")}
        self.texts = [column for column in self.columns if column in said_often]

    def held_once(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return the row; of its texts those that many transactions have are one object wherever they stand."""
        for column in self.texts:
            if type(row[column]) is str:
                row[column] = intern(row[column])
        return row

    def scores_of(self, amount: float, values: list[Value]) -> dict[str, Number]:
        """Return the scores of an amount in thousandths, from the usual amounts and spreads among the values.

        Where a feature looks at the scores of the past, what was usual is there, too, by the names of its windows: an
        amount that is corrected later is scored by it.
        """
        scores = {
            name: score_of(amount, values[mean], values[std]) for name, (_, mean, std) in self.score_parts.items()
        }
        for name, place in self._usual_places:
            scores[name] = values[place]
        return scores

    def scores_told(self, row: Mapping[str, Any]) -> dict[str, Number] | None:
        """Return the scores that were recorded with a transaction, and what was usual where it was.

        None where one is missing that features look at.
        """
        if not all(name in row for name in self.usual):
            return None
        names = [*self.score_parts, *(name for name, _ in self._usual_places)]
        return {name: row[name] for name in names if name in row}

    def kept_scores(self, scores: Mapping[str, Number]) -> dict[str, Number]:
        """Return of the scores what features look at, and what was usual for these."""
        return {name: scores[name] for name in self._looked_at if name in scores}

    def scores_again(self, amount: float, scores: Mapping[str, Number]) -> dict[str, Number]:
        """Return the scores of another amount, those that features look at, by what was usual for the first one.

        A score that is missing is missing for every amount. One of which nothing tells what was usual is left out.
        """
        again: dict[str, Number] = {}
        for name, (mean, std) in self.usual.items():
            if scores[name] is None or scores.get(mean) is not None:
                usual = {mean: scores.get(mean), std: scores.get(std)}
                again |= {name: score_of(amount, usual[mean], usual[std]), **usual}
        return again

    def _columns(self, schema: FeatureSchema) -> list[str]:
        """Return the columns that a past transaction is asked for; its id is its event's own."""
        entities = [*self.entities, *self.hop_scores]
        asked = ["event_time", AMOUNT, *(column for by in entities for column in by)]
        asked += [window.of for _, window in self.windows] + [last.take for _, last in self.lasts]
        kept = {column.name for column in schema.contract.kept}
        return [column for column in dict.fromkeys(asked) if column in kept]


def _asked_labels(labels: Iterable[Labels], place: Mapping[str, int]) -> dict[Entities, AskedLabels]:
    asked: dict[Entities, AskedLabels] = {}
    for label in labels:
        spans = asked.get(label.by, AskedLabels({}, 0))
        reach = max(spans.reach, (span_of(label.span) + LATENESS) // MICROSECOND)
        places = {**spans.places}
        places[span_micros(label.span)] = [
            *places.get(span_micros(label.span), []),
            (place[label.name], label.statistic),
        ]
        asked[label.by] = AskedLabels(places, reach)
    return asked


def in_thousandths(value: float | None) -> Number:
    """Return whole thousandths, rounded half up.

    >>> in_thousandths(1.2345), in_thousandths(-0.0005)
    (1235, 0)
    """
    return None if value is None else math.floor(value * THOUSANDTHS + 0.5)


def score_of(amount: float, mean: Value, std: Value) -> Number:
    """Return how far the amount is from the mean, in thousandths of the spread; None without a spread."""
    if mean is None or not std:
        return None
    score = (amount - mean) / std
    return in_thousandths(score if -SCORE <= score <= SCORE else math.copysign(SCORE, score))


def unscaled(number: Number) -> Value:
    """Return what so many thousandths are."""
    return None if number is None else number / THOUSANDTHS
