"""What is known of the payments of all entities that label features look at, as the online engine keeps it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

import polars as pl

from mlflow_fraud.core.features.arrivals import Arrivals
from mlflow_fraud.core.features.definitions import Entities
from mlflow_fraud.core.features.entity import Transaction
from mlflow_fraud.core.features.event import Value
from mlflow_fraud.core.features.facts import SEEN
from mlflow_fraud.core.features.instants import MICROSECOND, micros, start_of
from mlflow_fraud.core.features.plan import Plan
from mlflow_fraud.core.features.schema import FeatureSchema


class LabelPasts:
    """The labels of each entity by their arrival, and what silence says.

    `reached` is up to where time has surely come, in microseconds, or None: what no window sees from there on is
    forgotten. An entity that a transaction does not state has no labels.
    """

    def __init__(self, plan: Plan, schema: FeatureSchema) -> None:
        self._asked = plan.labels
        self._keys = {by: itemgetter(*by) for by in plan.labels}
        self._of: dict[Entities, dict[Any, Arrivals]] = {by: {} for by in plan.labels}
        self._nothing = Arrivals()
        self._silence = None if schema.silence is None else schema.silence // MICROSECOND

    def expect(self, transaction: Transaction, at: int, reached: int | None) -> None:
        """Take in a new transaction of the time `at`: once it is old enough, silence about it is a label."""
        due = self._due(at)
        if due is not None:
            for arrivals in self._arrivals(transaction, reached):
                arrivals.silence.expect(due)

    def learn(
        self,
        transaction: Transaction,
        label: int,
        arrived: datetime,
        others: Sequence[tuple[int, datetime]],
        reached: int | None,
    ) -> None:
        """Take in a label, in any order, before or after its transaction; see `CardHistory.learn`."""
        at, told = micros(arrived), [(micros(when), int(other)) for other, when in others]
        due = self._due(micros(transaction["event_time"]))
        for arrivals in self._arrivals(transaction, reached):
            arrivals.learn(at, int(label), told, due)

    def read(self, transaction: Transaction, at: int, values: list[Value]) -> None:
        """Fill in the label features of a transaction."""
        for by, asked in self._asked.items():
            arrivals = self._of[by].get(self._keys[by](transaction), self._nothing)
            for span, places in asked.places.items():
                number, frauds = arrivals.between(start_of(span, at), at)
                for place, statistic in places:
                    if statistic == "fraud_rate":
                        values[place] = float(frauds) / number if number else None
                    else:
                        values[place] = float(frauds if statistic == "frauds" else number)

    def tables(self) -> dict[Entities, pl.DataFrame]:
        """Return what `restore` makes the same of."""
        return {
            by: pl.DataFrame(
                [
                    (*(key if len(by) > 1 else (key,)), *each)
                    for key, arrivals in of.items()
                    for each in arrivals.told()
                ],
                schema=[*by, "arrived", ("label", pl.Int64), (SEEN, pl.Int64)],
                orient="row",
                infer_schema_length=None,
            )
            for by, of in self._of.items()
        }

    def restore(self, tables: Mapping[Entities, pl.DataFrame]) -> None:
        """Take in what was known, where nothing is yet."""
        for by, labels in tables.items():
            for row in labels.iter_rows(named=True):
                arrivals = self._of[by].setdefault(self._keys[by](row), Arrivals())
                arrivals.take(row["arrived"], row["label"], row[SEEN])

    def _due(self, at: int) -> int | None:
        """Return when silence about a transaction of the time `at` says genuine; None where it says nothing."""
        return None if self._silence is None else at + self._silence

    def _arrivals(self, transaction: Transaction, reached: int | None) -> Iterator[Arrivals]:
        for by, asked in self._asked.items():
            key = self._keys[by](transaction)
            if None in (key if len(by) > 1 else (key,)):
                continue
            arrivals = self._of[by].setdefault(key, Arrivals())
            yield arrivals
            if reached is not None:
                arrivals.forget(reached - asked.reach)
