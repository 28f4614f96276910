"""The online engine: the same features, one transaction at a time, from a running past."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

import polars as pl

from mlflow_fraud.core.contract.bounds import RATIO
from mlflow_fraud.core.features.clock import Steady
from mlflow_fraud.core.features.definitions import AMOUNT, Entities
from mlflow_fraud.core.features.entity import EntityPasts, Transaction
from mlflow_fraud.core.features.instants import micros, moment, start_of
from mlflow_fraud.core.features.past import Arrivals, Event, Number, Past, Value
from mlflow_fraud.core.features.plan import LATENESS, AskedLabels, Plan, unscaled
from mlflow_fraud.core.features.schema import FeatureSchema

__all__ = ["LATENESS", "CardHistory", "Snapshot", "Transaction"]

ALWAYS = -(2**63)
"""Earlier than any instant."""


class Snapshot(NamedTuple):
    """A history as tables: the events that are kept, with their scores, and each entity's arrived labels.

    Before `since` events may be missing; None where nothing was forgotten.
    """

    events: pl.DataFrame
    labels: dict[Entities, pl.DataFrame]
    since: datetime | None


class CardHistory:
    """What came before, for every entity that a feature looks back on.

    `read` first, then `update`: a transaction must not see itself. A label comes in by `learn`, whenever it arrives.
    Memory is bounded by the longest window of each entity, plus its newest transactions. What is forgotten goes by
    where time has surely come (`Steady`), so that a transaction with a wrong time costs no other its past. One that
    begins with a past that is cut off says `since` when it is whole.
    """

    def __init__(self, schema: FeatureSchema, since: datetime | None = None) -> None:
        self._schema = schema
        self._plan = plan = Plan(schema)
        begin = ALWAYS if since is None else micros(since)
        self._entities = [EntityPasts(by, plan, schema, begin) for by in plan.entities]
        self._arrivals: dict[Entities, dict[Any, Arrivals]] = {by: {} for by in plan.labels}
        self._keys = {by: itemgetter(*by) for by in plan.labels}
        self._steady: Steady[int] = Steady()
        self._scored: tuple[Any, dict[str, Number]] | None = None

    def read(self, transaction: Transaction) -> list[Value]:
        """Return the features of `transaction` in the order of the schema; None where there is none."""
        plan, at = self._plan, micros(transaction["event_time"])
        values: list[Value] = [None] * plan.size
        for place, function in plan.rows:
            values[place] = function(transaction)
        for entity in self._entities:
            entity.read(transaction, at, values)
        for by, asked in plan.labels.items():
            self._read_labels(by, asked, transaction, at, values)
        scores = plan.scores_of(float(transaction[AMOUNT]), values)
        for place, name in plan.scores:
            values[place] = unscaled(scores[name])
        for place, upper, lower in plan.ratios:
            values[place] = _ratio(values[upper], values[lower])
        self._scored = (transaction["event_id"], scores)
        return [values[place] for place in plan.order]

    def scores_read(self, transaction: Transaction) -> Mapping[str, Number]:
        """Return the scores of the transaction that was read last, in whole thousandths by their names."""
        return self._scores(transaction, micros(transaction["event_time"]))

    def update(self, transaction: Transaction) -> None:
        """Take `transaction` into the past; one that arrives late is put where it belongs.

        What is read after it is as if it had come in time, the scores of what came before it included. Scores that
        look back on what may be forgotten stay as they are; up to `LATENESS` there are none.
        """
        at = micros(transaction["event_time"])
        event = Event(
            at,
            transaction["event_id"],
            {column: transaction[column] for column in self._plan.columns},
            self._scores(transaction, at),
        )
        self._scored = None
        steady = self._steady
        steady.note(at)
        for entity in self._entities:
            found, later = entity.add(event, steady.reached)
            if later and entity.scores:
                self._score_again(entity, found, event)

    def learn(self, transaction: Transaction, label: int, arrived: datetime) -> None:
        """Take a label into the past: features see it from after `arrived` on. Any order will do."""
        for by, asked in self._plan.labels.items():
            arrivals = self._arrivals[by].setdefault(self._keys[by](transaction), Arrivals())
            arrivals.add(micros(arrived), int(label))
            if self._steady.reached is not None:
                arrivals.forget(self._steady.reached - asked.reach)

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
                    (*(key if len(by) > 1 else (key,)), at, after - before)
                    for key, each in arrivals.items()
                    for at, before, after in zip(each.times, each.frauds, each.frauds[1:], strict=False)
                ],
                schema=[*by, "arrived", "label"],
                orient="row",
                infer_schema_length=None,
            )
            for by, arrivals in self._arrivals.items()
        }
        since = max((each.since for entity in self._entities for each in entity.pasts.values()), default=ALWAYS)
        return Snapshot(
            pl.DataFrame(rows, infer_schema_length=None), labels, None if since == ALWAYS else moment(since)
        )

    @classmethod
    def restore(cls, schema: FeatureSchema, snapshot: Snapshot) -> CardHistory:
        """Return the history whose `snapshot` it is."""
        history = cls(schema, snapshot.since)
        for row in snapshot.events.iter_rows(named=True):
            history.update(row)
        for by, labels in snapshot.labels.items():
            for row in labels.iter_rows(named=True):
                history._arrivals[by].setdefault(history._keys[by](row), Arrivals()).add(row["arrived"], row["label"])
        return history

    def _scores(self, transaction: Transaction, at: int) -> dict[str, Number]:
        """Return the transaction's scores: as recorded, as just read, or from the past."""
        if self._scored and self._scored[0] == transaction["event_id"]:
            return self._scored[1]
        if all(name in transaction for _, name in self._plan.scores):
            return {name: transaction[name] for _, name in self._plan.scores}
        values: list[Value] = [None] * self._plan.size
        for entity in self._entities:
            if entity.scores:
                entity.read(transaction, at, values)
        return self._plan.scores_of(float(transaction[AMOUNT]), values)

    def _score_again(self, entity: EntityPasts, found: Past, late: Event) -> None:
        """Score what came after a late event, and let every entity that looks at those scores know."""
        start = bisect_left(found.times, max(late.at + 1, found.since + entity.score_reach))
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
        self, by: Entities, asked: AskedLabels, transaction: Transaction, at: int, values: list[Value]
    ) -> None:
        arrivals = self._arrivals[by].get(self._keys[by](transaction)) or Arrivals()
        for span, places in asked.places.items():
            number, frauds = arrivals.between(start_of(span, at), at)
            for place, statistic in places:
                if statistic == "fraud_rate":
                    values[place] = float(frauds) / number if number else None
                else:
                    values[place] = float(frauds if statistic == "frauds" else number)


def _ratio(upper: Value, lower: Value) -> Value:
    if upper is None or lower is None or lower <= 0:
        return None
    ratio = upper / lower
    return ratio if -RATIO <= ratio <= RATIO else math.copysign(RATIO, ratio)
