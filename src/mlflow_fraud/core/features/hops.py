"""What the online engine keeps for windows that move by hops, and how corrections come in."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import polars as pl

from mlflow_fraud.core.features.definitions import AMOUNT, ARRIVAL, Entities
from mlflow_fraud.core.features.event import Corrected, Event, Key, Value, Version, gone
from mlflow_fraud.core.features.hop_sums import HopSums, Sum
from mlflow_fraud.core.features.instants import counts_at, micros, reads_at
from mlflow_fraud.core.features.plan import Plan
from mlflow_fraud.core.features.schema import FeatureSchema

Transaction = Mapping[str, Any]

FEWEST_CORRECTED = 64


class HopSnapshot(NamedTuple):
    """The sums as tables, of each entity and hop one, and the payments that were corrected with their versions."""

    sums: dict[tuple[Entities, str], pl.DataFrame]
    corrected: list[Corrected]


class Hops:
    """The sums of every entity whose windows move by hops. No payment is kept, but for those that were corrected."""

    def __init__(self, plan: Plan, schema: FeatureSchema) -> None:
        kinds = dict.fromkeys((window.by, str(window.hop)) for _, window in plan.hopping)
        self._of = [
            HopSums(by, hop, [(p, w) for p, w in plan.hopping if (w.by, w.hop) == (by, hop)], schema)
            for by, hop in kinds
        ]
        kept = {column.name for column in schema.contract.kept}
        asked = [column for _, window in plan.hopping for column in (*window.by, window.of)]
        self._columns = [c for c in dict.fromkeys(["event_time", "event_id", AMOUNT, *asked]) if c in kept]
        self._corrected: dict[Key, Corrected] = {}
        self._told, self._many = 0, FEWEST_CORRECTED

    def read(self, transaction: Transaction, at: int, values: list[Value]) -> None:
        """Fill in the windows of a transaction of the time `at`."""
        if self._of:
            end = at if transaction.get(ARRIVAL) is None else reads_at(transaction)
            for sums in self._of:
                sums.read(transaction, end, values)

    def add(self, transaction: Transaction, at: int, reached: int | None) -> None:
        """Count a transaction of the time `at` in the hop of its arrival: one addition, however late it is."""
        if self._of:
            at = at if transaction.get(ARRIVAL) is None else counts_at(transaction)
            event = Event(0, None, transaction, {})
            for sums in self._of:
                sums.add(event, at, reached)

    def correct(self, transaction: Transaction, instead: Transaction | None, seen: int, reached: int | None) -> None:
        """Count a transaction that came to `add` as another one, or not at all, for readers after the hop of `seen`.

        What it was at first is what is said here, for no payment is kept: of one that never came say nothing.
        """
        at = counts_at(transaction)
        ours = [sums for sums in self._of if sums.reaches(at, reached)]
        if not ours:
            return
        key = micros(transaction["event_time"]), transaction["event_id"]
        corrected = self._corrected.setdefault(key, Corrected(self._event(transaction), []))
        event = gone(corrected.original) if instead is None else self._event({**transaction, **instead})
        self._told += 1
        version, versions = Version(seen, self._told, event), corrected.versions
        place = bisect_left(versions, version)
        before = versions[place - 1].event if place else corrected.original
        for sums in ours:
            sums.change(before, event, at, seen)
            for following in versions[place : place + 1]:
                sums.change(event, before, at, following.seen)
        versions.insert(place, version)
        if len(self._corrected) > self._many:
            self._forget(reached)

    def snapshot(self) -> HopSnapshot:
        """Return what `restore` makes the same of."""
        sums = {
            (each.by, each.hop): pl.DataFrame(
                [
                    (*(key if len(each.by) > 1 else (key,)), told.hop, told.seen, json.dumps(told.numbers))
                    for key, of_one in each.sums.items()
                    for told in of_one.told()
                ],
                schema=[*each.by, ("hop", pl.Int64), ("seen", pl.Int64), ("numbers", pl.String)],
                orient="row",
                infer_schema_length=None,
            )
            for each in self._of
        }
        return HopSnapshot(sums, list(self._corrected.values()))

    def restore(self, snapshot: HopSnapshot) -> None:
        """Take in what another one's `snapshot` holds."""
        for each in self._of:
            for row in snapshot.sums[each.by, each.hop].iter_rows(named=True):
                each.take(each.key(row), Sum(row["hop"], row["seen"], json.loads(row["numbers"])))
        self._corrected = {each.original.key: replace(each, versions=[*each.versions]) for each in snapshot.corrected}
        self._told = max((v.told for each in snapshot.corrected for v in each.versions), default=0)

    def _event(self, transaction: Transaction) -> Event:
        row = {column: transaction[column] for column in self._columns}
        return Event(micros(transaction["event_time"]), transaction["event_id"], row | _arrival(transaction), {})

    def _forget(self, reached: int | None) -> None:
        """Drop the corrected ones that no window reaches, seldom enough that the cost does not count."""
        self._corrected = {
            key: each
            for key, each in self._corrected.items()
            if any(sums.reaches(counts_at(each.original.row), reached) for sums in self._of)
        }
        self._many = max(FEWEST_CORRECTED, 2 * len(self._corrected))


def _arrival(transaction: Transaction) -> dict[str, Any]:
    return {ARRIVAL: transaction[ARRIVAL]} if transaction.get(ARRIVAL) is not None else {}
