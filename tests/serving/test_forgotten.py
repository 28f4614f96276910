"""Who is forgotten while a service runs is gone from it too, and nothing that is told later brings them back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from mlflow_fraud.adapters.prediction_log.forgetting import Known, erase
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.tables import CORRECTION, LABEL, PAYMENT
from mlflow_fraud.core.contract.forgotten import mark_of
from mlflow_fraud.core.errors import RecordUnavailable
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.serving.record import Record
from mlflow_fraud.wall import utc_now

Row = dict[str, Any]


def forget(record: Record, card: int, *, earlier: timedelta = timedelta()) -> None:
    log = PredictionLog(str(record.log))
    erase(log.engine, Known("sparkov", "card", mark_of(card)), at=utc_now() - earlier)
    log.close()


def rows_of(record: Record, event_id: str) -> list[int]:
    with record.log.reading() as connection:
        return [
            connection.execute(select(func.count()).select_from(table).where(table.c.event_id == event_id)).scalar_one()
            for table in (PAYMENT, LABEL, CORRECTION)
        ]


def later(row: Row, days: int) -> str:
    at = datetime.fromisoformat(row["trans_date_trans_time"]) + timedelta(days=days)
    return at.strftime("%Y-%m-%d %H:%M:%S")


def test_nothing_that_is_told_of_a_forgotten_payment_is_kept(
    answering: TestClient, record: Record, rows: list[Row]
) -> None:
    row = rows[0]
    answering.post("/v1/score", json=row)
    forget(record, row["cc_num"])
    label = {"trans_num": row["trans_num"], "is_fraud": 1, "label_time": later(row, 3)}
    assert answering.post("/v1/labels", json=label).status_code == 404
    correction = {"id": row["trans_num"], "observed": later(row, 3), "transaction": {**row, "amt": 5.0}}
    assert answering.post("/v1/corrections", json=correction).status_code == 404
    assert rows_of(record, row["trans_num"]) == [0, 0, 0]


def test_the_past_of_somebody_who_is_forgotten_is_gone_after_the_next_look(
    answering: TestClient, record: Record, rows: list[Row], schema: FeatureSchema, stream: pl.DataFrame
) -> None:
    card = stream["card"][0]
    theirs = [row for row, who in zip(rows, stream["card"], strict=True) if who == card]
    others = next(row for row, who in zip(rows, stream["card"], strict=True) if who != card)
    answers = [answering.post("/v1/score", json=row).json() for row in (*theirs, others)]
    forget(record, card)
    answering.app.state.model.poll()  # type: ignore[attr-defined]
    history = answering.app.state.model.current.history  # type: ignore[attr-defined]
    events = history._past.snapshot().events
    assert card not in set(events["card"])
    assert len(set(events["card"])) == 11
    again = answering.post("/v1/score", json=theirs[0]).json()
    assert again["prediction_id"] != answers[0]["prediction_id"]
    assert again["recorded"] is True
    assert rows_of(record, theirs[0]["trans_num"])[0] == 1
    assert answering.post("/v1/score", json=others).json() == answers[-1]


def test_somebody_whom_a_machine_with_a_slow_clock_forgot_is_let_go_too(
    answering: TestClient, record: Record, rows: list[Row], stream: pl.DataFrame
) -> None:
    model, cards = answering.app.state.model, stream["card"].unique(maintain_order=True)[:2]  # type: ignore[attr-defined]
    for row in rows:
        answering.post("/v1/score", json=row)
    for card, earlier in zip(cards, (timedelta(), timedelta(hours=1)), strict=True):
        forget(record, card, earlier=earlier)
        model.poll()
        assert card not in set(model.current.history._past.snapshot().events["card"])


def test_a_past_that_cannot_be_read_anew_yet_is_read_at_the_next_look(
    answering: TestClient, record: Record, rows: list[Row], stream: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, card = answering.app.state.model, stream["card"][0]  # type: ignore[attr-defined]
    answering.post("/v1/score", json=rows[0])
    forget(record, card)
    with monkeypatch.context() as patch:
        patch.setattr("mlflow_fraud.serving.live_model.warm_history", time_out)
        model.poll()
    assert card in set(model.current.history._past.snapshot().events["card"])
    model.poll()
    assert card not in set(model.current.history._past.snapshot().events["card"])


def test_what_waits_of_somebody_who_is_forgotten_is_not_written(
    answering: TestClient, record: Record, rows: list[Row]
) -> None:
    row = rows[0]
    append = record.log.append
    record.log.append = time_out  # type: ignore[method-assign]
    assert answering.post("/v1/score", json=row).json()["recorded"] is False
    forget(record, row["cc_num"])
    answering.app.state.model.poll()  # type: ignore[attr-defined]
    record.log.append = append  # type: ignore[method-assign]
    answering.post("/v1/score", json=rows[1])
    record.writer.flush()
    assert rows_of(record, row["trans_num"]) == [0, 0, 0]


def time_out(*_: Any) -> None:
    raise RecordUnavailable("the record is away")
