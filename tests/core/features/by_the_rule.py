"""The features by the rule alone: of each statistic the facts that its reader sees, looked for one by one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from mlflow_fraud.core.contract.bounds import RATIO, SCORE
from mlflow_fraud.core.features.definitions import (
    AMOUNT,
    ARRIVAL,
    TODAY,
    Feature,
    Labels,
    Last,
    Ratio,
    Row,
    Score,
    Window,
    span_of,
)
from mlflow_fraud.core.features.row import is_night, row_function
from mlflow_fraud.core.features.schema import FeatureSchema

Payment = dict[str, Any]


class Correction(NamedTuple):
    """What a payment is from after `observed` on; None for one that was reversed."""

    event_id: str
    instead: Payment | None
    observed: datetime


class Told(NamedTuple):
    """A label of a payment, and when it arrived."""

    event_id: str
    label: int
    arrived: datetime


class ByTheRule:
    """All that is ever told, corrections and labels in the order in which they are."""

    def __init__(
        self,
        schema: FeatureSchema,
        payments: Sequence[Payment],
        corrections: Sequence[Correction],
        labels: Sequence[Told],
    ) -> None:
        self.schema, self.payments, self.labels = schema, payments, labels
        self.by_id = {payment["event_id"]: payment for payment in payments}
        self.corrections: dict[str, list[Correction]] = {}
        for correction in corrections:
            self.corrections.setdefault(correction.event_id, []).append(correction)
        self.features = {feature.name: feature for feature in schema.features}
        self.score = lru_cache(None)(self._score)
        self.past = lru_cache(None)(self._past)

    def row(self, payment: Payment) -> np.ndarray:
        """Return the features of a payment as it came."""
        own = [self.value(feature, payment, -1) for feature in self.schema.features]
        thousandths = [feature.name in self.schema.in_thousandths for feature in self.schema.features]
        values = [v / 1000 if v is not None and t else v for v, t in zip(own, thousandths, strict=True)]
        return np.array(values, dtype=np.float32)

    def value(self, feature: Feature, payment: Payment, number: int) -> float | None:
        """Return a feature of a payment, or of its version of that number, in thousandths where it is held so."""
        at = payment["event_time"]
        match feature:
            case Row(name):
                return row_function(name, self.schema)(payment)
            case Window():
                return self._window(feature, payment)
            case Last(by, take, back):
                seen = self.past(by, _key(by, payment), datetime.min, at)
                if len(seen) < back:
                    return None
                last = self._version(*seen[-back])
                if take == "seconds":
                    return (at - last["event_time"]) / timedelta(microseconds=1) / 1_000_000
                if take in self.schema.scores:
                    return self.score(take, *seen[-back])
                return row_function(take, self.schema)(last)
            case Score():
                return self.score(feature.name, payment["event_id"], number)
            case Ratio(upper, lower):
                above, below = self._operand(upper, payment, number), self._operand(lower, payment, number)
                if above is None or below is None or below <= 0:
                    return None
                return max(-RATIO, min(RATIO, above / below))
            case Labels():
                return self._labels(feature, payment)

    def _labels(self, feature: Labels, payment: Payment) -> float | None:
        at, counted = payment["event_time"], []
        for of in self.payments:
            if _key(feature.by, of) == _key(feature.by, payment):
                said = [told for told in self.labels if told.event_id == of["event_id"]]
                seen = [told for told in [*said, *self._silence(of, said)] if told.arrived < at]
                newest = sorted(seen, key=lambda told: told.arrived)[-1:]  # stable: the one that was told later
                counted += [told.label for told in newest if told.arrived >= _start(feature.span, at)]
        if feature.statistic == "labels":
            return float(len(counted))
        if feature.statistic == "frauds":
            return float(sum(counted))
        return float(sum(counted)) / len(counted) if counted else None

    def _silence(self, of: Payment, said: list[Told]) -> list[Told]:
        """Return what silence says of a payment of which that much is said."""
        if self.schema.silence is None:
            return []
        due = of["event_time"] + self.schema.silence
        return [] if any(told.arrived <= due for told in said) else [Told(of["event_id"], 0, due)]

    def _window(self, window: Window, payment: Payment) -> float | None:
        at = payment["event_time"]
        if window.hop:
            return self._hops(window, payment)
        seen = self.past(window.by, _key(window.by, payment), _start(window.span, at), at)
        values = [v for which in seen if (v := self._looked_at(window, *which)) is not None]
        return _statistic(window.statistic, values)

    def _hops(self, window: Window, payment: Payment) -> float | None:
        """Return what was seen before the hop of the payment began, of those that came in a hop of the window."""
        at = _hop(min(payment["event_time"], _arrival(payment)), str(window.hop))
        values = []
        for of in self.payments:
            if at - span_of(window.span) <= _arrival(of) < at:
                extreme = window.statistic in ("min", "max")  # as it came
                number = -1 if extreme else self._newest(of["event_id"], at)
                version = self._version(of["event_id"], number)
                if version and _key(window.by, version) == _key(window.by, payment):
                    values.append(self._looked_at(window, of["event_id"], number))
        return _statistic(window.statistic, [value for value in values if value is not None])

    def _looked_at(self, window: Window, event_id: str, number: int) -> Any:
        version = self._version(event_id, number)
        if window.only == "night" and not is_night(version["event_time"]):
            return None
        if window.only == "large" and version[AMOUNT] < self.schema.large_amount:
            return None
        return self.score(window.of, event_id, number) if window.of in self.schema.scores else version[window.of]

    def _past(self, by: tuple[str, ...], key: tuple[Any, ...], start: datetime, at: datetime) -> list[tuple[str, int]]:
        """Return what a reader at `at` sees of an entity, in time order: ids, and numbers of the versions."""
        seen = []
        for payment in self.payments:
            if start <= payment["event_time"] < at:
                number = self._newest(payment["event_id"], at)
                version = self._version(payment["event_id"], number)
                if version and _key(by, version) == key:
                    seen.append((payment["event_time"], payment["event_id"], number))
        return [(event_id, number) for _, event_id, number in sorted(seen)]

    def _newest(self, event_id: str, at: datetime) -> int:
        told = enumerate(self.corrections.get(event_id, ()))
        seen = [(correction.observed, number) for number, correction in told if correction.observed < at]
        return max(seen)[1] if seen else -1

    def _version(self, event_id: str, number: int) -> Payment:
        """Return what a payment is as it came, or after the correction of that number; empty where it was reversed."""
        return self.by_id[event_id] if number < 0 else self.corrections[event_id][number].instead or {}

    def _score(self, name: str, event_id: str, number: int) -> float | None:
        """Return the score of a version: its amount among what was seen at the payment's own time."""
        version = self._version(event_id, number)
        score = self.features[name]
        assert isinstance(score, Score)
        mean, std = self._window(score.mean, version), self._window(score.std, version)
        if mean is None or not std:
            return None
        return math.floor(max(-SCORE, min(SCORE, (float(version[AMOUNT]) - mean) / std)) * 1000 + 0.5)

    def _operand(self, name: str, payment: Payment, number: int) -> float | None:
        value = self.value(self.features[name], payment, number)
        return value / 1000 if value is not None and name in self.schema.in_thousandths else value


def _statistic(statistic: str, values: list[Any]) -> float | None:
    number = len(values)
    match statistic:
        case "count":
            return float(number)
        case "distinct":
            return float(len(set(values)))
        case "sum":
            return float(sum(values))
        case "mean":
            return float(sum(values)) / number if number else None
        case "std" if number < 2:
            return None
        case "std":
            mean = float(sum(values)) / number
            return math.sqrt(max(float(sum(value * value for value in values)) / number - mean * mean, 0.0))
        case _:
            return float(min(values) if statistic == "min" else max(values)) if values else None


def _start(span: str, at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0) if span == TODAY else at - span_of(span)


def _arrival(payment: Payment) -> datetime:
    return payment.get(ARRIVAL) or payment["event_time"]


def _hop(at: datetime, hop: str) -> datetime:
    return at - (at - datetime(1970, 1, 1)) % span_of(hop)


def _key(by: Iterable[str], payment: Payment) -> tuple[Any, ...]:
    return tuple(payment[name] for name in by)
