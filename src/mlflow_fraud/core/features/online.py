"""The online engine: the same features, one transaction at a time, from a running past."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, assert_never

from mlflow_fraud.core.features.definitions import (
    Entities,
    Feature,
    Last,
    Only,
    Ratio,
    Row,
    Score,
    Window,
    span_of,
    windows_behind,
)
from mlflow_fraud.core.features.row import age_at, distance_km, hour_of, is_night, way
from mlflow_fraud.core.features.schema import FeatureSchema

Transaction = Mapping[str, Any]
"""A transaction by pipeline names: `event_id`, `event_time`, `amount` in minor units, the entities, …"""

Value = float | None
_Kind = tuple[Entities, Only]


class CardHistory:
    """What came before, for every entity that a feature looks back on.

    `read` first, then `update`: a transaction must not see itself. Memory is bounded by the longest
    window of each entity, plus its one newest transaction.
    """

    def __init__(self, schema: FeatureSchema) -> None:
        self._schema = schema
        self._windows = windows_behind(schema.features)
        self._spans = {window.span: span_of(window.span) for window in self._windows}
        self._codes = {c: {value: i for i, value in enumerate(v)} for c, v in schema.categories.items()}
        longest = _longest_spans(self._windows, schema.features)
        self._pasts: dict[_Kind, defaultdict[tuple[Any, ...], _Past]] = {
            kind: defaultdict(partial(_Past, span)) for kind, span in longest.items()
        }

    def read(self, transaction: Transaction) -> list[Value]:
        """Return the features of `transaction` in the order of the schema; None where there is none."""
        known: dict[str, Value] = {"amount": float(transaction["amount"])}
        for window in self._windows:
            known[window.name] = self._window(window, transaction)
        return [self._feature(feature, transaction, known) for feature in self._schema.features]

    def update(self, transaction: Transaction) -> None:
        """Take `transaction` into the past; one that arrives late is put where it belongs."""
        for (by, only), pasts in self._pasts.items():
            if self._is_seen(only, transaction):
                pasts[_key(transaction, by)].add(transaction)

    def _is_seen(self, only: Only, transaction: Transaction) -> bool:
        if only == "night":
            return bool(is_night(transaction["event_time"]))
        return only == "any" or transaction["amount"] >= self._schema.large_amount

    def _feature(self, feature: Feature, transaction: Transaction, known: dict[str, Value]) -> Value:
        match feature:
            case Row(name):
                value = self._row(name, transaction)
            case Window():
                value = known[feature.name]
            case Last():
                value = self._last(feature, transaction)
            case Score():
                value = _score(feature, known)
            case Ratio(upper, lower):
                value = _ratio(known[upper], known[lower])
            case _:
                assert_never(feature)
        known.setdefault(feature.name, value)
        return value

    def _row(self, name: str, transaction: Transaction) -> Value:
        at: datetime = transaction["event_time"]
        if name == "hour":
            return hour_of(at)
        if name == "weekday":
            return float(at.isoweekday())
        if name == "night":
            return is_night(at)
        if name == "age":
            return None if transaction["birth_date"] is None else age_at(at, transaction["birth_date"])
        if name == "distance":
            ends = [transaction[column] for column in way(self._schema.contract)]
            return None if None in ends else distance_km(*ends)
        return self._number(name, transaction)

    def _number(self, column: str, transaction: Transaction) -> Value:
        value = transaction[column]
        if column in self._codes:
            code = self._codes[column].get(value)
            return None if code is None else float(code)
        return None if value is None else float(value)

    def _last(self, last: Last, transaction: Transaction) -> Value:
        before = self._past((last.by, "any"), transaction).before(transaction["event_time"])
        if before is None:
            return None
        if last.take == "seconds":
            elapsed: timedelta = transaction["event_time"] - before["event_time"]
            return elapsed / timedelta(microseconds=1) / 1_000_000
        return self._number(last.take, before)

    def _window(self, window: Window, transaction: Transaction) -> Value:
        at: datetime = transaction["event_time"]
        past = self._past((window.by, window.only), transaction)
        return past.statistic(window.statistic, at - self._spans[window.span], at)

    def _past(self, kind: _Kind, transaction: Transaction) -> _Past:
        return self._pasts[kind].get(_key(transaction, kind[0]), _NOTHING)


class _Past:
    """One entity's transactions in time order, with running sums: a window is two bisections."""

    def __init__(self, span: timedelta) -> None:
        self._span = span
        self._order: list[tuple[datetime, str]] = []
        self._rows: list[Transaction] = []
        self._sums: list[int] = [0]
        self._squares: list[int] = [0]

    def add(self, transaction: Transaction) -> None:
        key = (transaction["event_time"], str(transaction["event_id"]))
        place = bisect_right(self._order, key)
        self._order.insert(place, key)
        self._rows.insert(place, transaction)
        del self._sums[place + 1 :], self._squares[place + 1 :]
        for row in self._rows[place:]:
            amount = row["amount"]
            self._sums.append(self._sums[-1] + amount)
            self._squares.append(self._squares[-1] + amount * amount)
        self._forget()

    def before(self, at: datetime) -> Transaction | None:
        place = bisect_left(self._order, (at, ""))
        return self._rows[place - 1] if place else None

    def statistic(self, name: str, start: datetime, end: datetime) -> Value:
        first, last = bisect_left(self._order, (start, "")), bisect_left(self._order, (end, ""))
        count = last - first
        if name == "count":
            return float(count)
        total = self._sums[last] - self._sums[first]
        if name == "sum":
            return float(total)
        if count == 0:
            return None
        if name == "max":
            return float(max(row["amount"] for row in self._rows[first:last]))
        mean = float(total) / count
        if name == "mean":
            return mean
        if count == 1:
            return None
        squares = self._squares[last] - self._squares[first]
        return math.sqrt(max(float(squares) / count - mean * mean, 0.0))

    def _forget(self) -> None:
        """Drop what no window can reach, seldom enough that the cost of a drop does not count."""
        reach = bisect_left(self._order, (self._order[-1][0] - self._span, ""))
        if reach > 64 and reach > len(self._order) // 2:
            del self._order[:reach], self._rows[:reach], self._sums[:reach], self._squares[:reach]


_NOTHING = _Past(timedelta(0))


def _key(transaction: Transaction, by: Entities) -> tuple[Any, ...]:
    return tuple(transaction[column] for column in by)


def _longest_spans(windows: tuple[Window, ...], features: tuple[Feature, ...]) -> dict[_Kind, timedelta]:
    longest: dict[_Kind, timedelta] = {(f.by, "any"): timedelta(0) for f in features if isinstance(f, Last)}
    for window in windows:
        kind = (window.by, window.only)
        longest[kind] = max(longest.get(kind, timedelta(0)), span_of(window.span))
    return longest


def _score(score: Score, known: dict[str, Value]) -> Value:
    mean, std, amount = known[score.mean.name], known[score.std.name], known["amount"]
    if amount is None or mean is None or std is None or std <= 0:
        return None
    return (amount - mean) / std


def _ratio(upper: Value, lower: Value) -> Value:
    return None if upper is None or lower is None or lower <= 0 else upper / lower
