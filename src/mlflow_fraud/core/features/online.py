"""The online engine: the same features, one transaction at a time, from a running past."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import polars as pl

from mlflow_fraud.core.contract.bounds import RATIO
from mlflow_fraud.core.features.clock import Steady
from mlflow_fraud.core.features.definitions import AMOUNT, ARRIVAL, SERVED, Entities
from mlflow_fraud.core.features.entity import EntityPasts, Transaction
from mlflow_fraud.core.features.event import ALWAYS, Corrected, Event, Gone, Key, Number, Value, Version, gone
from mlflow_fraud.core.features.facts import SEEN
from mlflow_fraud.core.features.hops import Hops, HopSnapshot
from mlflow_fraud.core.features.instants import MICROSECOND, micros, moment
from mlflow_fraud.core.features.label_pasts import LabelPasts
from mlflow_fraud.core.features.past import Past
from mlflow_fraud.core.features.plan import LATENESS, Plan, unscaled
from mlflow_fraud.core.features.resting import Resting
from mlflow_fraud.core.features.schema import FeatureSchema

__all__ = ["LATENESS", "CardHistory", "Snapshot", "Transaction"]

GONE = "is gone"
"""A column of a snapshot beside a contract's, as is `SEEN`, after when a version is seen: is there nothing then?"""

FEWEST_CORRECTED = 64


class Snapshot(NamedTuple):
    """A history as tables: the events that are kept, with their scores, and each entity's arrived labels.

    Behind an event come its versions, in the order in which they were told. A label that was taken back is there again
    with the instant from after which that is seen. A row without a label is of silence: what is due, and once more with
    that instant where a label broke it. Before `since` events may be missing; None where nothing was forgotten.
    """

    events: pl.DataFrame
    labels: dict[Entities, pl.DataFrame]
    since: datetime | None
    hops: HopSnapshot


class CardHistory:
    """What came before, for every entity that a feature looks back on.

    `read` first, then `update`: a transaction must not see itself. A label comes in by `learn`, whenever it arrives, a
    correction by `correct`.
    Memory is bounded by the longest window of each entity, plus its newest transactions, or the numbers of its hops. A
    card that no window sees any more rests (`Resting`). What is forgotten goes by
    where time has surely come (`Steady`), so that a transaction with a wrong time costs no other its past. One that
    begins with a past that is cut off says `since` when it is whole.
    """

    def __init__(self, schema: FeatureSchema, since: datetime | None = None) -> None:
        self._schema = schema
        self._plan = plan = Plan(schema)
        begin = ALWAYS if since is None else micros(since)
        self._entities = [EntityPasts(by, plan, schema, begin) for by in plan.entities]
        self._resting = _resting(plan, self._entities)
        self._hops = Hops(plan, schema)
        self._labels = LabelPasts(plan, schema)
        self._steady: Steady[int] = Steady()
        self._corrected: dict[Key, Corrected] = {}
        self._told, self._many_corrected = 0, FEWEST_CORRECTED
        self._scored: tuple[Any, dict[str, Number]] | None = None
        self._in_order = _all_of(plan.order)

    def read(self, transaction: Transaction) -> list[Value]:
        """Return the features of `transaction` in the order of the schema; None where there is none."""
        plan, at = self._plan, micros(transaction["event_time"])
        values: list[Value] = [None] * plan.size
        for place, function in plan.rows:
            values[place] = function(transaction)
        for entity in self._entities:
            entity.read(transaction, at, values)
        self._hops.read(transaction, at, values)
        self._labels.read(transaction, at, values)
        scores = plan.scores_of(float(transaction[AMOUNT]), values)
        for place, name in plan.scores:
            values[place] = unscaled(scores[name])
        for place, upper, lower in plan.ratios:
            values[place] = _ratio(values[upper], values[lower])
        self._scored = (transaction["event_id"], scores)
        return self._in_order(values)

    def scores_read(self, transaction: Transaction) -> Mapping[str, Number]:
        """Return the scores of the transaction that was read last, in whole thousandths by their names.

        Beside those that features look at is what was usual, by the names of the windows behind them.
        """
        return self._scores(transaction, micros(transaction["event_time"]))

    def update(self, transaction: Transaction) -> None:
        """Take `transaction` into the past; one that arrives late is put where it belongs.

        What is read after it is as if it had come in time, the scores of what came before it included. Scores that
        look back on what may be forgotten stay as they are; up to `LATENESS` there are none. Where windows move by hops
        it counts from its arrival on (`ARRIVAL`, beside its columns), and their scores are never worked out again: a
        recorded transaction brings them along (`SERVED`).
        """
        event = self._event(transaction)
        at, self._scored = event.at, None
        self._labels.expect(transaction, at, self._steady.reached)
        self._steady.note(at)
        self._hops.add(transaction, at, self._steady.reached)
        self._keep(event)

    def _keep(self, event: Event) -> None:
        for entity in self._entities:
            found, later = entity.add(event, self._steady.reached)
            if later and entity.scores:
                self._score_again(entity, found, event.at, event.at)
        for resting in self._resting:
            resting.look(self._steady.reached)

    def correct(self, transaction: Transaction, instead: Transaction | None, observed: datetime) -> None:
        """Take into the past that `transaction`, as it came to `update`, is `instead`, or reversed where that is None.

        Who reads after `observed` sees it so at the transaction's own time; who reads before that, now or later, sees
        what it was. Of several corrections the one that was observed last counts, of one instant the one that was told
        last. Any order will do. A transaction that is forgotten is not corrected.

        The scores of what was read after `observed` are worked out again. Those of `instead` are by what was usual at
        the transaction. Where nothing tells that any more (it was recorded without) its scores stay as they are.
        """
        key, seen = (micros(transaction["event_time"]), transaction["event_id"]), micros(observed)
        self._hops.correct(transaction, instead, seen, self._steady.reached)
        corrected = self._corrected.get(key) or self._uncorrected(transaction, key)
        if corrected is None:
            return
        event = gone(corrected.original) if instead is None else self._instead(corrected.original, instead)
        for entity, found in self._take(corrected, seen, event):
            if entity.scores:
                self._score_again(entity, found, event.at, max(event.at, seen))
        self._scored = None

    def learn(
        self, transaction: Transaction, label: int, arrived: datetime, others: Sequence[tuple[int, datetime]] = ()
    ) -> None:
        """Take a label into the past: features see it from after `arrived` on. Any order will do.

        `others` are the labels of the same transaction that were told before, and when they arrived, in the order in
        which they were told. Each counts until the next one arrives, of one instant the one that was told last.
        """
        self._labels.learn(transaction, label, arrived, others, self._steady.reached)

    def snapshot(self) -> Snapshot:
        """Return what `restore` makes the same history of."""
        kept = {
            event.key: [_told(event)]
            for entity in self._entities
            for each in entity.pasts.values()
            for event in each.events
        }
        for event in (event for resting in self._resting for event in resting.events()):
            kept.setdefault(event.key, [_told(event)])
        for key, corrected in self._corrected.items():
            if key in kept:
                kept[key] = [_told(event) for event in corrected.events]
                for row, (seen, _, event) in zip(kept[key][1:], corrected.versions, strict=True):
                    row.update({SEEN: seen, GONE: isinstance(event, Gone)})
        rows = [row for key in sorted(kept) for row in kept[key]]
        whole = [each.since for entity in self._entities for each in entity.pasts.values()]
        since = max([*whole, *(resting.since for resting in self._resting)], default=ALWAYS)
        return Snapshot(
            pl.DataFrame(rows, infer_schema_length=None),
            self._labels.tables(),
            None if since == ALWAYS else moment(since),
            self._hops.snapshot(),
        )

    @classmethod
    def restore(cls, schema: FeatureSchema, snapshot: Snapshot) -> CardHistory:
        """Return the history whose `snapshot` it is."""
        history = cls(schema, snapshot.since)
        history._hops.restore(snapshot.hops)
        for _, versions in groupby(snapshot.events.iter_rows(named=True), itemgetter("event_time", "event_id")):
            history._restore(tuple(versions))
        history._labels.restore(snapshot.labels)
        return history

    def _event(self, transaction: Transaction) -> Event:
        at = micros(transaction["event_time"])
        row = self._plan.held_once({column: transaction[column] for column in self._plan.columns})
        if self._plan.hop_scores and transaction.get(ARRIVAL) is not None:
            row[ARRIVAL] = transaction[ARRIVAL]
        return Event(at, transaction["event_id"], row, self._plan.kept_scores(self._scores(transaction, at)))

    def _scores(self, transaction: Transaction, at: int) -> dict[str, Number]:
        """Return the transaction's scores: as recorded, as just read, or from the past; those of hops as served."""
        served = transaction.get(SERVED) or {}
        hopping = {name: served[name] for name in self._plan.never_rescored if name in served} if served else {}
        if self._scored and self._scored[0] == transaction["event_id"]:
            return self._scored[1] | hopping if hopping else self._scored[1]
        told = self._plan.scores_told(transaction)
        return self._scores_from_the_past(transaction, at) | hopping if told is None else told

    def _scores_from_the_past(self, transaction: Transaction, at: int) -> dict[str, Number]:
        values: list[Value] = [None] * self._plan.size
        for entity in self._entities:
            if entity.scores:
                entity.read(transaction, at, values)
        self._hops.read(transaction, at, values)
        return self._plan.scores_of(float(transaction[AMOUNT]), values)

    def _uncorrected(self, transaction: Transaction, key: Key) -> Corrected | None:
        """Return the transaction as it is kept, before its first correction; None where it is forgotten."""
        kept = (entity.past_of(transaction).find(key) for entity in self._entities)
        return next((Corrected(event, []) for event in kept if event is not None), None)

    def _instead(self, original: Event, instead: Transaction) -> Event:
        """Return another version of the event, with those scores that features look at."""
        row = {**original.row, **{column: instead[column] for column in self._plan.columns}}
        again = self._plan.scores_again(float(row[AMOUNT]), original.scores)
        for entity in self._entities:
            looked_at = [name for name in entity.kept_scores if name in self._plan.looked_at]
            moves = entity.moves(original.row, row)
            if moves or not again.keys() >= set(looked_at):
                read = self._scores_from_the_past(row, original.at)
                if moves or entity.past_of(row).since + entity.score_reach <= original.at:
                    again |= {name: read[name] for name in looked_at}
        for by, names in self._plan.hop_scores.items():
            if any(original.row[column] != row[column] for column in by):
                read = self._scores_from_the_past(row, original.at)
                again |= {name: read[name] for name in names}
        return Event(original.at, original.id, row, original.scores | again)

    def _take(self, corrected: Corrected, seen: int, event: Event) -> list[tuple[EntityPasts, Past]]:
        """Take in a version of an event; return the pasts that it belongs to."""
        self._told += 1
        self._corrected[event.key] = corrected
        insort(corrected.versions, Version(seen, self._told, event))
        reached = self._steady.reached
        earliest = None if reached is None else reached - LATENESS // MICROSECOND
        taken = [(entity, found) for entity in self._entities for found in entity.correct(corrected, earliest)]
        if len(self._corrected) > self._many_corrected:
            self._forget_corrected()
        return taken

    def _forget_corrected(self) -> None:
        """Drop what no past holds any more, seldom enough that the cost does not count."""
        self._corrected = {
            key: each for key, each in self._corrected.items() if any(entity.holds(each) for entity in self._entities)
        }
        self._many_corrected = max(FEWEST_CORRECTED, 2 * len(self._corrected))

    def _restore(self, versions: Sequence[Transaction]) -> None:
        """Take in an event of a snapshot, and its versions, with the scores that they have there."""
        first, *later = versions
        key = micros(first["event_time"]), first["event_id"]
        self._steady.note(key[0])
        self._keep(self._event(first))
        if not later:
            return
        corrected = self._uncorrected(first, key) or Corrected(self._event(first), [])
        for row in later:
            event = self._event(row)
            self._take(corrected, row[SEEN], gone(event) if row[GONE] else event)

    def _score_again(self, entity: EntityPasts, found: Past, changed: int, seen: int) -> None:
        """Score again what sees a changed event, and let every entity that looks at those scores know."""
        reach = entity.score_reach
        start = bisect_left(found.times, max(seen + 1, found.since + reach))
        for event in found.ever(start, bisect_left(found.times, changed + reach + 1)):
            before = dict(event.scores)
            values: list[Value] = [None] * self._plan.size
            entity.read(event.row, event.at, values)
            again = self._plan.scores_of(float(event.row[AMOUNT]), values)
            event.scores.update({name: again[name] for name in entity.kept_scores})
            if event.scores != before:
                for other in self._entities:
                    other.refresh(event)


def _resting(plan: Plan, entities: Sequence[EntityPasts]) -> list[Resting]:
    """Let those entities rest together that begin with the same column; the one of fewest columns is always there."""
    resting = []
    for first in dict.fromkeys(entity.by[0] for entity in entities):
        together = sorted((e for e in entities if e.by[0] == first), key=lambda entity: len(entity.by))
        resting.append(Resting(plan, together))
        together[0].is_noted = True
        for entity in together:
            entity.resting = resting[-1]
    return resting


def _told(event: Event) -> dict[str, Any]:
    """Return the event as a row of a snapshot."""
    return {"event_id": event.id, **event.row, **event.scores}


def _all_of(places: Sequence[int]) -> Callable[[list[Value]], list[Value]]:
    """Return what takes the values of some places, in their order."""
    if len(places) < 2:  # of one the library would give the value itself
        return lambda values: [values[place] for place in places]
    taken = itemgetter(*places)
    return lambda values: list(taken(values))


def _ratio(upper: Value, lower: Value) -> Value:
    if upper is None or lower is None or lower <= 0:
        return None
    ratio = upper / lower
    return ratio if -RATIO <= ratio <= RATIO else math.copysign(RATIO, ratio)
