"""What it costs to have a payment in the record before its answer leaves, against a line of JSON in a file."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import uvloop

from benchmarks.table import Line
from mlflow_fraud.adapters.prediction_log.connection import Synchronous
from mlflow_fraud.adapters.prediction_log.entries import Answer, Payment
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.prediction_ids import prediction_id
from mlflow_fraud.adapters.prediction_log.rows import PaymentRows
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.serving.record import open_record
from mlflow_fraud.wall import utc_now
from tests.postgres_server import running_postgres

RATE, PAYMENTS = 200, 1_000
ROUNDS = 2

Write = Callable[[Payment], Awaitable[object]]


class Cost(NamedTuple):
    """Of one payment: processor time in all threads, and how long its answer waited; microseconds."""

    processor: float
    median: float
    p99: float

    def __str__(self) -> str:
        return f"{self.processor:.0f} us of CPU, waits p50 {self.median:.0f} us, p99 {self.p99:.0f} us"


def sqlite(transactions: pl.DataFrame, schema: FeatureSchema) -> Line:
    """SQLite as it is shipped: a commit is in the operating system's hands."""
    return _line("SQLite, normal", _sqlite("normal"), transactions, schema, "0.2 ms of CPU")


def floor(transactions: pl.DataFrame, schema: FeatureSchema) -> Line:
    """SQLite as it is shipped, beside a program that has nothing but the same insert, without a thread of its own."""
    return _line("SQLite, normal", _sqlite("normal"), transactions, schema, theirs=_bare, said="sqlite3 alone")


def sqlite_full(transactions: pl.DataFrame, schema: FeatureSchema) -> Line:
    """SQLite that waits for the disk."""
    return _line("SQLite, full", _sqlite("full"), transactions, schema)


def postgres(transactions: pl.DataFrame, schema: FeatureSchema) -> Line:
    """PostgreSQL on the same machine."""
    with running_postgres() as address:
        return _line("PostgreSQL", lambda: _record(address), transactions, schema)


def _line(
    name: str,
    ours: Callable[[], object],
    transactions: pl.DataFrame,
    schema: FeatureSchema,
    wanted: str = "",
    theirs: Callable[[], object] | None = None,
    said: str = "a line of JSON",
) -> Line:
    """Take turns with the baseline, so that both meet the machine as it is; the best of some rounds counts."""
    rows = transactions.tail(PAYMENTS * ROUNDS).drop("label", "batch", strict=False).to_dicts()
    payments = [_payment(place, row, len(schema.names)) for place, row in enumerate(rows, start=1)]
    taken: dict[str, list[Cost]] = {"ours": [], "theirs": []}
    for part in range(ROUNDS):
        chosen = payments[part * PAYMENTS : (part + 1) * PAYMENTS]
        for side, made in (("ours", ours), ("theirs", theirs or _lines)):
            runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)  # which the service has
            with made() as write, runner:  # type: ignore[attr-defined]
                taken[side].append(runner.run(_paced(write, chosen)))
    best, base = min(taken["ours"]), min(taken["theirs"])
    what = f"a payment into the record at {RATE}/s: {name}"
    return Line(what, str(best), f"{base} ({said})", f"{best.processor / base.processor:.1f} x as long", wanted)


async def _paced(write: Write, payments: list[Payment]) -> Cost:
    """Write at a steady rate; what the pace itself costs is taken off."""

    async def nothing(_: Payment) -> None:
        return None

    idle, _ = await _run(nothing, payments)
    busy, waits = await _run(write, payments)
    median, p99 = np.quantile(waits, [0.5, 0.99])
    return Cost((busy - idle) / len(payments) * 1e6, float(median) * 1e6, float(p99) * 1e6)


async def _run(write: Write, payments: list[Payment]) -> tuple[float, list[float]]:
    waits, begun, start = [], time.process_time(), time.perf_counter()
    for number, payment in enumerate(payments):
        await asyncio.sleep(max(0.0, start + number / RATE - time.perf_counter()))
        asked = time.perf_counter()
        await write(payment)
        waits.append(time.perf_counter() - asked)
    return time.process_time() - begun, waits


def _sqlite(synchronous: Synchronous) -> Callable[[], object]:
    @contextmanager
    def made() -> Iterator[Write]:
        with (
            tempfile.TemporaryDirectory() as folder,
            _record(f"sqlite:///{Path(folder) / 'record.db'}", synchronous) as write,
        ):
            yield write

    return made


@contextmanager
def _record(address: str, synchronous: Synchronous = "normal") -> Iterator[Write]:
    with open_record(address, synchronous=synchronous, wait=10.0) as record:

        async def write(payment: Payment) -> object:
            (ticket,) = record.settle_all([payment])  # as a payment that came alone
            return await record.writer.written(ticket)

        yield write


@contextmanager
def _lines() -> Iterator[Write]:
    """A line of JSON for each, without its answer and without an index: what the service wrote before."""
    with tempfile.NamedTemporaryFile() as file:

        async def write(payment: Payment) -> object:
            line = json.dumps({"scored": [payment.contract, payment.transaction]}, default=str, separators=(",", ":"))
            return os.write(file.fileno(), line.encode() + b"\n")

        yield write


@contextmanager
def _bare() -> Iterator[Write]:
    """The same row into the same table, made and committed alone, as any program would do it."""
    with tempfile.TemporaryDirectory() as folder:
        log = PredictionLog(f"sqlite:///{Path(folder) / 'record.db'}")
        log.close()
        rows, connection = PaymentRows(log.engine.dialect), sqlite3.connect(Path(folder) / "record.db")
        connection.isolation_level = None
        for setting in ("synchronous=NORMAL", "wal_autocheckpoint=0"):  # the rest is the file's
            connection.execute(f"PRAGMA {setting}")

        async def write(payment: Payment) -> object:
            return connection.execute(rows.insert, rows.of(payment))

        with closing(connection):
            yield write


def _payment(place: int, row: dict[str, object], width: int) -> Payment:
    features = np.arange(width, dtype=np.float32).tobytes()
    version = "xgboost-0123456789ab"
    answer = Answer(prediction_id(version, place, f"{place:012x}"), version, features, 0.01, False, 0.5, 900)
    return Payment(place, "sparkov", row, utc_now(), scores={"amount_score_by_card_30d": 17}, answer=answer)
