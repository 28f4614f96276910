"""What of the record may become training data: payments that a service saw, and what became known of any."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from datetime import date, datetime, time
from typing import NamedTuple

import polars as pl
from sqlalchemy import Connection, select

from mlflow_fraud.adapters.prediction_log.by_time import of_contract
from mlflow_fraud.adapters.prediction_log.content import id_reader_of, in_content, transactions_of
from mlflow_fraud.adapters.prediction_log.days import RecordedDays
from mlflow_fraud.adapters.prediction_log.quarantine import not_quarantined, spans
from mlflow_fraud.adapters.prediction_log.tables import CORRECTION, LABEL, PAYMENT
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.contract.corrections import ARRIVED, REVERSED, STANDS, VALUE, WHAT, correctable, form_of, text_of
from mlflow_fraud.core.labels import LABEL_TIME

HISTORY = "history"
"""The source of what came from pinned batches: it is never collected, for it is there."""
MOMENT = pl.Datetime("us")


class Seen(NamedTuple):
    """A payment that a service saw: its id as the contract has it, and the day of its event time."""

    event_id: object
    day: date


def seen(connection: Connection, contract: Contract, until: date) -> Iterator[Seen]:
    """Give what a service saw with an event time of before the day `until` and outside all quarantined spans."""
    out = not_quarantined(spans(connection, contract.name))
    chosen = select(PAYMENT.c.event_id, PAYMENT.c.event_time).where(
        of_contract(contract.name),
        PAYMENT.c.source != HISTORY,
        PAYMENT.c.event_time < datetime.combine(until, time()),
        *out,
    )
    id_of = id_reader_of(contract)
    for event_id, event_time in connection.execute(chosen):
        yield Seen(id_of(event_id), event_time.date())


def payments_of(
    connection: Connection, contract: Contract, days: Collection[date], ids: Collection[object], as_of: datetime
) -> pl.DataFrame:
    """Return payments of some days that have one of the ids, as they came, with the labels that had arrived by `as_of`.

    Of each payment the newest label by arrival counts; `label` and `label_time` are null where none arrived.
    """
    recorded, wanted, parts = RecordedDays(connection, contract), pl.Series(list(ids)), []
    columns = [column.name for column in contract.kept]
    for day in sorted(days):
        told = recorded.labels(day).filter(pl.col("arrived") <= as_of).sort("arrived", "number")
        known = told.group_by("event_id", maintain_order=True).last()
        rows = recorded.payments(day).drop("label", LABEL_TIME)
        rows = rows.filter(pl.col("event_id").is_in(wanted.implode()))
        rows = rows.join(
            known.select("event_id", "label", pl.col("arrived").alias(LABEL_TIME)),
            on="event_id",
            how="left",
            maintain_order="left",
        )
        parts.append(rows.select([*dict.fromkeys([*columns, "label", LABEL_TIME])]))
    return pl.concat(parts)


def newest_labels(connection: Connection, contract: Contract, as_of: datetime) -> pl.DataFrame:
    """Return, as corrections, each payment's newest label by arrival, where that did not come from pinned batches."""
    told = select(LABEL.c.event_id, LABEL.c.label, LABEL.c.arrived, LABEL.c.source)
    told = told.where(LABEL.c.contract == contract.name, LABEL.c.arrived <= as_of)
    rows = connection.execute(told.order_by(LABEL.c.arrived, LABEL.c.number))
    id_of = id_reader_of(contract)
    newest = {event_id: (label, arrived, source) for event_id, label, arrived, source in rows}
    return pl.DataFrame(
        [
            (id_of(event_id), "label", str(label), arrived)
            for event_id, (label, arrived, source) in newest.items()
            if source != HISTORY
        ],
        form_of(contract),
        orient="row",
    )


def newest_versions(connection: Connection, contract: Contract, as_of: datetime) -> pl.DataFrame:
    """Return, as corrections, what each corrected payment is by the newest one: every column that it states.

    Of a payment that was reversed it says so, and nothing else; of one that is there after all, that too.
    """
    told = select(CORRECTION.c.event_id, CORRECTION.c.observed, CORRECTION.c.content)
    told = told.where(CORRECTION.c.contract == contract.name, CORRECTION.c.observed <= as_of)
    rows = connection.execute(told.order_by(CORRECTION.c.observed, CORRECTION.c.number))
    newest, reversed_once = dict[str, tuple[str, datetime, str | None]](), set[str]()
    for event_id, observed, content in rows:
        newest[event_id] = event_id, observed, content
        if content is None:
            reversed_once.add(event_id)
    form, parts, id_of = form_of(contract), [], id_reader_of(contract)
    gone = [
        (id_of(each), REVERSED, None if newest[each][2] is None else STANDS, newest[each][1])
        for each in newest
        if each in reversed_once
    ]
    parts.append(pl.DataFrame(gone, form, orient="row"))
    changed = [(event_id, at, content) for event_id, at, content in newest.values() if content is not None]
    if changed:
        stated = [json.loads(content).keys() for _, _, content in changed]
        raw = pl.DataFrame(
            changed, [("event_id", pl.String), ("event_time", MOMENT), ("content", pl.String)], orient="row"
        )
        table = transactions_of(raw, contract)
        for column in in_content(contract):
            if column.name in correctable(contract):
                said = pl.Series([column.name in keys for keys in stated])
                line = [
                    pl.col("event_id"),
                    pl.lit(column.name).alias(WHAT),
                    text_of(column.name).alias(VALUE),
                    pl.col("event_time").alias(ARRIVED),
                ]
                parts.append(table.filter(said).select(line))
    return pl.concat(parts)
