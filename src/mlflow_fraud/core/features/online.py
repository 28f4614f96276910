"""The online engine: the same features, one transaction at a time, from a running past."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import polars as pl

from mlflow_fraud.core.features import past
from mlflow_fraud.core.features.definitions import (
    AMOUNT,
    THOUSANDTHS,
    TODAY,
    Entities,
    Labels,
    Last,
    Only,
    Ratio,
    Row,
    Score,
    Statistic,
    span_of,
    windows_behind,
)
from mlflow_fraud.core.features.past import Arrivals, Event, Number, Past, Track, Value, View
from mlflow_fraud.core.features.row import is_night, row_function
from mlflow_fraud.core.features.schema import FeatureSchema

Transaction = Mapping[str, Any]
"""A transaction by pipeline names: `event_id`, `event_time`, `amount` in minor units, the entities, …

One that was recorded with its scores (whole thousandths, by the names of the scores) keeps them.
"""

LATENESS = timedelta(days=1)
"""A transaction that comes so late at most is merged exactly; a later one may miss what was forgotten."""

STATISTICS: Mapping[Statistic, Callable[[Track, int, int], Value]] = {
    "count": past.count,
    "sum": past.total,
    "mean": past.mean,
    "std": past.std,
    "min": past.least,
    "max": past.largest,
    "distinct": past.distinct,
}

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 the data's own local time
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1) // _MICROSECOND


class Snapshot(NamedTuple):
    """A history as tables: the events that are kept, with their scores, and each entity's arrived labels."""

    events: pl.DataFrame
    labels: dict[Entities, pl.DataFrame]


class CardHistory:
    """What came before, for every entity that a feature looks back on.

    `read` first, then `update`: a transaction must not see itself. A label comes in by `learn`, whenever it arrives.
    Memory is bounded by the longest window of each entity, plus its newest transactions.
    """

    def __init__(self, schema: FeatureSchema) -> None:
        self._schema = schema
        self._plan = plan = _Plan(schema)
        self._entities = [_Entity(by, plan, schema) for by in plan.entities]
        self._arrivals: dict[Entities, dict[Any, Arrivals]] = {by: {} for by in plan.labels}
        self._newest = 0
        self._scored: tuple[Any, dict[str, Number]] | None = None

    def read(self, transaction: Transaction) -> list[Value]:
        """Return the features of `transaction` in the order of the schema; None where there is none."""
        plan, at = self._plan, _micros(transaction["event_time"])
        values: list[Value] = [None] * plan.size
        for place, function in plan.rows:
            values[place] = function(transaction)
        for entity in self._entities:
            entity.read(transaction, at, values)
        for by, asked in plan.labels.items():
            self._read_labels(by, asked, transaction, at, values)
        scores = plan.scores_of(float(transaction[AMOUNT]), values)
        for place, name in plan.scores:
            values[place] = _unscaled(scores[name])
        for place, upper, lower in plan.ratios:
            values[place] = _ratio(values[upper], values[lower])
        self._scored = (transaction["event_id"], scores)
        return [values[place] for place in plan.order]

    def update(self, transaction: Transaction) -> None:
        """Take `transaction` into the past; one that arrives late is put where it belongs.

        What is read after it is as if it had come in time, the scores of what came before it included.
        """
        at = _micros(transaction["event_time"])
        event = Event(
            at,
            transaction["event_id"],
            {column: transaction[column] for column in self._plan.columns},
            self._scores(transaction, at),
        )
        self._scored = None
        self._newest = max(self._newest, at)
        for entity in self._entities:
            found, later = entity.add(event)
            if later and entity.scores:
                self._score_again(entity, found, event)

    def learn(self, transaction: Transaction, label: int, arrived: datetime) -> None:
        """Take a label into the past: features see it from after `arrived` on. Any order will do."""
        for by, asked in self._plan.labels.items():
            arrivals = self._arrivals[by].setdefault(_key(transaction, by), Arrivals())
            arrivals.add(_micros(arrived), int(label))
            arrivals.forget(self._newest - asked.reach)

    def snapshot(self) -> Snapshot:
        """Return what `restore` makes the same history of."""
        events = {
            (event.at, event.id): {**event.row, **event.scores}
            for entity in self._entities
            for each in entity.pasts.values()
            for event in each.events
        }
        rows = [events[key] for key in sorted(events)]
        labels = {
            by: pl.DataFrame(
                [
                    (*key, at, after - before)
                    for key, each in arrivals.items()
                    for at, before, after in zip(each.times, each.frauds, each.frauds[1:], strict=False)
                ],
                schema=[*by, "arrived", "label"],
                orient="row",
                infer_schema_length=None,
            )
            for by, arrivals in self._arrivals.items()
        }
        return Snapshot(pl.DataFrame(rows, infer_schema_length=None), labels)

    @classmethod
    def restore(cls, schema: FeatureSchema, snapshot: Snapshot) -> CardHistory:
        """Return the history whose `snapshot` it is."""
        history = cls(schema)
        for row in snapshot.events.iter_rows(named=True):
            history.update(row)
        for by, labels in snapshot.labels.items():
            for *key, at, label in labels.iter_rows():
                history._arrivals[by].setdefault(tuple(key), Arrivals()).add(at, label)
        return history

    def _scores(self, transaction: Transaction, at: int) -> dict[str, Number]:
        """Return the transaction's scores: as recorded, as just read, or from the past."""
        if all(name in transaction for _, name in self._plan.scores):
            return {name: transaction[name] for _, name in self._plan.scores}
        if self._scored and self._scored[0] == transaction["event_id"]:
            return self._scored[1]
        values: list[Value] = [None] * self._plan.size
        for entity in self._entities:
            if entity.scores:
                entity.read(transaction, at, values)
        return self._plan.scores_of(float(transaction[AMOUNT]), values)

    def _score_again(self, entity: _Entity, found: Past, late: Event) -> None:
        """Score what came after a late event, and let every entity that looks at those scores know."""
        start = bisect_left(found.times, late.at + 1)
        for event in found.events[start : bisect_left(found.times, late.at + entity.score_reach + 1)]:
            before = dict(event.scores)
            values: list[Value] = [None] * self._plan.size
            entity.read(event.row, event.at, values)
            again = self._plan.scores_of(float(event.row[AMOUNT]), values)
            event.scores.update({name: again[name] for name in entity.scores})
            if event.scores != before:
                for other in self._entities:
                    other.refresh(event)

    def _read_labels(
        self, by: Entities, asked: _AskedLabels, transaction: Transaction, at: int, values: list[Value]
    ) -> None:
        arrivals = self._arrivals[by].get(_key(transaction, by)) or Arrivals()
        for span, places in asked.places.items():
            number, frauds = arrivals.between(_start(span, at), at)
            statistics = {
                "labels": float(number),
                "frauds": float(frauds),
                "fraud_rate": float(frauds) / number if number else None,
            }
            for place, statistic in places:
                values[place] = statistics[statistic]


@dataclass(frozen=True)
class _AskedLabels:
    """The label statistics of one entity: for each span where they go; `reach` in microseconds."""

    places: dict[int, list[tuple[int, str]]]
    reach: int


class _Plan:
    """The definitions, sorted by how they are computed; a place is an index into the list of values."""

    def __init__(self, schema: FeatureSchema) -> None:
        features, windows = schema.features, windows_behind(schema.features)
        nodes = list(dict.fromkeys([*features, *windows]))
        place = {node.name: number for number, node in enumerate(nodes)}
        self.size = len(nodes)
        self.order = [place[name] for name in schema.names]
        self.rows = [(place[f.name], row_function(f.name, schema)) for f in features if isinstance(f, Row)]
        self.windows = [(place[window.name], window) for window in windows]
        self.lasts = [(place[f.name], f) for f in features if isinstance(f, Last)]
        self.scores = [(place[f.name], f.name) for f in features if isinstance(f, Score)]
        self.score_parts = {
            f.name: (f.by, place[f.mean.name], place[f.std.name]) for f in features if isinstance(f, Score)
        }
        self.ratios = [(place[f.name], place[f.upper], place[f.lower]) for f in features if isinstance(f, Ratio)]
        self.labels = _asked_labels([f for f in features if isinstance(f, Labels)], place)
        self.entities = list(dict.fromkeys([w.by for w in windows] + [last.by for _, last in self.lasts]))
        self.columns = self._columns(schema)

    def scores_of(self, amount: float, values: list[Value]) -> dict[str, Number]:
        """Return the scores of an amount in thousandths, from the usual amounts and spreads among the values."""
        return {name: _score(amount, values[mean], values[std]) for name, (_, mean, std) in self.score_parts.items()}

    def _columns(self, schema: FeatureSchema) -> list[str]:
        """Return the columns that a past transaction is asked for."""
        asked = ["event_time", "event_id", AMOUNT, *(column for by in self.entities for column in by)]
        asked += [window.of for _, window in self.windows] + [last.take for _, last in self.lasts]
        kept = {column.name for column in schema.contract.kept}
        return [column for column in dict.fromkeys(asked) if column in kept]


class _Entity:
    """The pasts of all cards, or of all merchants, and what is read from them."""

    def __init__(self, by: Entities, plan: _Plan, schema: FeatureSchema) -> None:
        self.by = by
        self.pasts: dict[Any, Past] = {}
        self.scores = [name for name, (of, _, _) in plan.score_parts.items() if of == by]
        mine = [(place, window) for place, window in plan.windows if window.by == by]
        self._views = list(dict.fromkeys((w.only, w.of, w.statistic == "distinct") for _, w in mine))
        self._spans = list(dict.fromkeys(window.span for _, window in mine))
        self._starts = [_span(span) for span in self._spans]
        computed = [
            (
                place,
                STATISTICS[window.statistic],
                self._spans.index(window.span),
                self._views.index((window.only, window.of, window.statistic == "distinct")),
            )
            for place, window in mine
        ]
        scaled = {place for place, window in mine if window.name in schema.in_thousandths}
        self._whole = [each for each in computed if each[0] not in scaled]
        self._scaled = [each for each in computed if each[0] in scaled]
        self._lasts = [(place, last.back, _taker(last, schema)) for place, last in plan.lasts if last.by == by]
        reach = max((span_of(span) for span in self._spans), default=timedelta(0))
        self.score_reach = max((span_of(w.span) for _, w in mine), default=timedelta(0)) // _MICROSECOND
        self._reach = (reach + LATENESS) // _MICROSECOND
        self._back = max((back for _, back, _ in self._lasts), default=1)
        self._schema = schema
        self._nothing = self._new()
        self._looks_at_scores = any(of in schema.scores for _, of, _ in self._views)

    def read(self, transaction: Transaction, at: int, values: list[Value]) -> None:
        """Fill in this entity's windows and last ones."""
        found = self.pasts.get(_key(transaction, self.by), self._nothing)
        times, tracks = found.times, found.tracks
        end = bisect_left(times, at)
        firsts = [bisect_left(times, at - span if span else at - at % _DAY, 0, end) for span in self._starts]
        for place, statistic, span, track in self._whole:
            values[place] = statistic(tracks[track], firsts[span], end)
        for place, statistic, span, track in self._scaled:
            value = statistic(tracks[track], firsts[span], end)
            values[place] = None if value is None else value / THOUSANDTHS
        for place, back, take in self._lasts:
            event = found.before(end, back)
            values[place] = take(event, at) if event else None

    def add(self, event: Event) -> tuple[Past, int]:
        """Put the event into its past; return that, and how many events come after it."""
        key = _key(event.row, self.by)
        found = self.pasts.get(key)
        if found is None:
            found = self.pasts[key] = self._new()
        return found, found.add(event)

    def refresh(self, event: Event) -> None:
        """Look again at an event whose scores have changed."""
        if self._looks_at_scores:
            self.pasts[_key(event.row, self.by)].refresh(event)

    def _new(self) -> Past:
        tracks = [Track(_view(only, of, self._schema, raw=raw), summed=not raw) for only, of, raw in self._views]
        return Past(tracks, reach=self._reach, back=self._back)


def _view(only: Only, of: str, schema: FeatureSchema, *, raw: bool) -> View:
    """Return what a window looks at; `raw` values are counted, others are whole numbers that are added up."""
    if of in schema.scores:

        def value(event: Event) -> Any:
            return event.scores[of]
    elif raw or of in schema.whole:

        def value(event: Event) -> Any:
            return event.row[of]
    else:

        def value(event: Event) -> Any:
            return in_thousandths(event.row[of])

    if only == "any":
        return value
    if only == "night":
        return lambda event: value(event) if is_night(event.row["event_time"]) else None
    large = schema.large_amount
    return lambda event: value(event) if event.row[AMOUNT] >= large else None


def _taker(last: Last, schema: FeatureSchema) -> Callable[[Event, int], Value]:
    """Return how the feature is taken from the event that it looks back on."""
    take = last.take
    if take == "seconds":
        return lambda event, at: (at - event.at) / 1_000_000
    if take in schema.scores:
        return lambda event, at: _unscaled(event.scores[take])
    read = row_function(take, schema)
    return lambda event, at: read(event.row)


def _asked_labels(labels: Iterable[Labels], place: Mapping[str, int]) -> dict[Entities, _AskedLabels]:
    asked: dict[Entities, _AskedLabels] = {}
    for label in labels:
        spans = asked.get(label.by, _AskedLabels({}, 0))
        reach = max(spans.reach, (span_of(label.span) + LATENESS) // _MICROSECOND)
        places = {**spans.places}
        places[_span(label.span)] = [*places.get(_span(label.span), []), (place[label.name], label.statistic)]
        asked[label.by] = _AskedLabels(places, reach)
    return asked


def in_thousandths(value: float | None) -> Number:
    """Return whole thousandths, rounded half up.

    >>> in_thousandths(1.2345), in_thousandths(-0.0005)
    (1235, 0)
    """
    return None if value is None else math.floor(value * THOUSANDTHS + 0.5)


def _span(span: str) -> int:
    """Return a span in microseconds; 0 for the one that begins at midnight."""
    return 0 if span == TODAY else span_of(span) // _MICROSECOND


def _start(span: int, at: int) -> int:
    return at - span if span else at - at % _DAY


def _score(amount: float, mean: Value, std: Value) -> Number:
    return None if mean is None or not std else in_thousandths((amount - mean) / std)


def _unscaled(number: Number) -> Value:
    return None if number is None else number / THOUSANDTHS


def _ratio(upper: Value, lower: Value) -> Value:
    return None if upper is None or lower is None or lower <= 0 else upper / lower


def _key(transaction: Transaction, by: Entities) -> Any:
    return tuple([transaction[column] for column in by])


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND
