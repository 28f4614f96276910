"""What became known of payments after they were scored: labels and corrections, each numbered as it was told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import polars as pl
from sqlalchemy import Column, Table, select

from mlflow_fraud.adapters.prediction_log.by_time import of_contract
from mlflow_fraud.adapters.prediction_log.content import BESIDE, id_reader_of, in_content, reader_of
from mlflow_fraud.adapters.prediction_log.entries import Corrected, Correction, Label, Learned, Payment, Source
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.rows import read_payments
from mlflow_fraud.adapters.prediction_log.tables import CORRECTION, LABEL, PAYMENT
from mlflow_fraud.core.contract.contract import Contract

Outcome = Literal["noted", "known", "unmatched", "too early"]
"""What comes of a label: it is new, says what is known already, is of no payment, or arrived before its payment."""

AT_ONCE = 1_000
"""So many ids are asked for at once."""

Known = list[tuple[int, datetime]]
"""The labels of a payment, each with its arrival, in the order in which they were told."""


def take_labels(
    log: PredictionLog,
    contract: Contract,
    labels: Sequence[Label],
    times: Mapping[str, datetime],
    *,
    received: datetime,
    source: Source,
) -> list[Outcome]:
    """Add the labels that say something new, all or none, and return what came of each.

    `times` has the payments that there are, by their ids as texts. A label says nothing new where the same one is there
    with the same arrival. Raises `RecordUnavailable` where the record cannot be read or written: then none is added.
    """
    known = labels_of(log, contract, [str(label.of[1]) for label in labels])
    new: list[Label] = []
    outcomes: list[Outcome] = []
    for label in labels:
        event_id = str(label.of[1])
        outcome = _outcome(label, times.get(event_id), known[event_id])
        if outcome == "noted":
            new.append(label)
            known[event_id].append((label.label, label.arrived))
        outcomes.append(outcome)
    if new:
        log.add_labels(new, received=received, source=source)
    return outcomes


def _outcome(label: Label, of: datetime | None, known: Known) -> Outcome:
    if of is None:
        return "unmatched"
    if label.arrived < of:
        return "too early"
    return "known" if (label.label, label.arrived) in known else "noted"


def times_of(log: PredictionLog, contract: Contract, ids: Collection[str]) -> dict[str, datetime]:
    """Return the times of those payments that there are."""
    rows = _of(log, PAYMENT, contract, ids, PAYMENT.c.event_id, PAYMENT.c.event_time)
    return {row.event_id: row.event_time for row in rows}


def labels_of(log: PredictionLog, contract: Contract, ids: Collection[str]) -> dict[str, Known]:
    """Return all labels of payments; none of one that has none."""
    known: dict[str, Known] = defaultdict(list)
    for row in _of(log, LABEL, contract, ids):
        known[row.event_id].append((row.label, row.arrived))
    return known


def corrections_of(log: PredictionLog, contract: Contract, payment: Payment) -> list[Correction]:
    """Return all corrections of a payment, in the order in which they were told."""
    transaction_of, at = reader_of(contract), payment.transaction["event_time"]
    return [
        Correction(
            payment.key, None if row.content is None else transaction_of(row.event_id, at, row.content), row.observed
        )
        for row in _of(log, CORRECTION, contract, [str(payment.key[1])])
    ]


def told_before(labels: Iterable[tuple[str, int, datetime]]) -> Iterator[tuple[tuple[int, datetime], ...]]:
    """Yield for each label, given by its payment's id, label and arrival, those of the same payment before it.

    >>> day = datetime(2020, 6, 1)
    >>> [len(others) for others in told_before([("a", 1, day), ("b", 1, day), ("a", 0, day)])]
    [0, 0, 1]
    """
    before: dict[str, tuple[tuple[int, datetime], ...]] = {}
    for event_id, label, arrived in labels:
        others = before.get(event_id, ())
        yield others
        before[event_id] = (*others, (label, arrived))


def learned_after(log: PredictionLog, contract: Contract, number: int) -> list[Learned]:
    """Return the labels that were told after one, with their payments."""
    rows = _after(log, LABEL, contract, number)
    ids = {row.event_id for row in rows}
    payments, told, id_of = _payments(log, contract, ids), defaultdict(list), id_reader_of(contract)
    for row in _of(log, LABEL, contract, ids):
        told[row.event_id].append(row)
    return [
        Learned(
            row.number,
            (contract.name, id_of(row.event_id)),
            payments.get(row.event_id),
            row.label,
            row.arrived,
            tuple((each.label, each.arrived) for each in told[row.event_id] if each.number < row.number),
        )
        for row in rows
    ]


def as_table(corrections: Sequence[Corrected], contract: Contract) -> pl.DataFrame:
    """Return corrections as `core.features.later` takes them."""
    named = [column for column in contract.kept if column.name in BESIDE]
    forms = {column.name: column.dtype for column in (*in_content(contract), *named)}
    rows = [
        {
            **(each.instead or {}),
            "event_id": each.of.transaction["event_id"],
            "observed": each.observed,
            "reversed": each.instead is None,
        }
        for each in corrections
    ]
    return pl.DataFrame(rows, {**forms, "observed": pl.Datetime("us"), "reversed": pl.Boolean()})


def _payments(log: PredictionLog, contract: Contract, ids: Collection[str]) -> dict[str, Payment]:
    found = read_payments(_of(log, PAYMENT, contract, ids), contract)
    return {str(payment.key[1]): payment for payment in found}


def _after(log: PredictionLog, table: Table, contract: Contract, number: int) -> list[Any]:
    chosen = select(table).where(table.c.number > number, of_contract(contract.name, table)).order_by(table.c.number)
    with log.reading() as connection:
        return list(connection.execute(chosen))


def _of(
    log: PredictionLog, table: Table, contract: Contract, ids: Collection[str], *columns: Column[Any]
) -> Iterator[Any]:
    """Yield the rows of payments, all columns or some, in the order in which they came."""
    asked, order = sorted(set(ids)), next(iter(table.primary_key))
    for start in range(0, len(asked), AT_ONCE):
        some = table.c.event_id.in_(asked[start : start + AT_ONCE])
        with log.reading() as connection:
            chosen = select(*(columns or table.c)).where(table.c.contract == contract.name, some)
            yield from connection.execute(chosen.order_by(order))
