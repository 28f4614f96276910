"""What is told of payments after they were scored counts from its moment on, and all of it stays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient

from mlflow_fraud.adapters.prediction_log.afterwards import as_table, labels_of
from mlflow_fraud.adapters.prediction_log.entries import Label
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.past import RecordedPast
from mlflow_fraud.core.features.batch import build_features, model_matrix
from mlflow_fraud.core.features.later import Later
from mlflow_fraud.core.features.past import Value
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.serving.history import History
from mlflow_fraud.serving.label_schema import LabelMessage
from mlflow_fraud.serving.record import Record
from mlflow_fraud.serving.warm_start import warm_history
from tests.serving.conftest import kept_in

Row = dict[str, Any]
HOUR = timedelta(hours=1)


def sent(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def time_of(row: Row) -> datetime:
    return datetime.fromisoformat(row["trans_date_trans_time"])


def label_of(row: Row, label: int, *, after: timedelta = HOUR) -> Row:
    return {"trans_num": row["trans_num"], "is_fraud": label, "label_time": sent(time_of(row) + after)}


def correction_of(row: Row, *, after: timedelta = HOUR, **other: Any) -> Row:
    transaction = {**row, **other} if other else None
    return {"id": row["trans_num"], "observed": sent(time_of(row) + after), "transaction": transaction}


def told(client: TestClient, path: str, body: Any) -> tuple[int, Any]:
    answer = client.post(path, json=body)
    return answer.status_code, answer.json()


def test_many_labels_each_have_their_own_outcome(answering: TestClient, rows: list[Row]) -> None:
    for row in rows[:3]:
        answering.post("/v1/score", json=row)
    labels = [label_of(rows[0], 1), label_of(rows[1], 0), label_of(rows[9], 1), label_of(rows[2], 1, after=-HOUR)]
    status, found = told(answering, "/v1/labels", [*labels, labels[0]])
    assert status == 200
    assert [each["status"] for each in found] == ["noted", "noted", "unmatched", "too early", "known"]


def test_a_chargeback_that_is_reversed_leaves_both_labels_and_the_newest_counts(
    answering: TestClient, record: Record, rows: list[Row]
) -> None:
    answer = answering.post("/v1/score", json=rows[0]).json()
    for label, days in ((1, 5), (0, 40)):
        said = label_of(rows[0], label, after=timedelta(days=days))
        assert told(answering, "/v1/labels", said) == (200, {"status": "noted"})
        assert told(answering, "/v1/labels", said) == (200, {"status": "known"})
    found = answering.get(f"/v1/predictions/{answer['prediction_id']}").json()
    assert [label["label"] for label in found["labels"]] == [1, 0]


def test_a_label_before_its_payment_is_refused(answering: TestClient, rows: list[Row]) -> None:
    answering.post("/v1/score", json=rows[0])
    status, problem = told(answering, "/v1/labels", label_of(rows[0], 1, after=-HOUR))
    assert status == 422
    assert "not before the payment's own" in problem["errors"][0]["detail"]


def test_of_many_labels_one_that_is_none_refuses_all(answering: TestClient, record: Record, rows: list[Row]) -> None:
    for row in rows[:2]:
        answering.post("/v1/score", json=row)
    before = record.log.last_label()
    status, problem = told(answering, "/v1/labels", [label_of(rows[0], 1), label_of(rows[1], 2)])
    assert status == 422
    assert problem["errors"][0]["pointer"] == "#/1/is_fraud"
    assert record.log.last_label() == before
    assert told(answering, "/v1/labels", [])[0] == 422
    assert told(answering, "/v1/labels", [label_of(rows[0], 1)] * 1001)[0] == 422


def test_a_reversed_payment_is_told_once_and_scores_nothing(
    answering: TestClient, record: Record, rows: list[Row]
) -> None:
    answer = answering.post("/v1/score", json=rows[0]).json()
    places = record.log.last_place()
    assert told(answering, "/v1/corrections", correction_of(rows[0])) == (200, {"status": "noted"})
    assert told(answering, "/v1/corrections", correction_of(rows[0])) == (200, {"status": "known"})
    assert record.log.last_place() == places
    assert answering.post("/v1/score", json=rows[0]).json() == answer
    found = answering.get(f"/v1/predictions/{answer['prediction_id']}").json()
    assert [each["transaction"] for each in found["corrections"]] == [None]


def test_a_corrected_amount_is_another_payment_only_to_what_comes_later(answering: TestClient, rows: list[Row]) -> None:
    answering.post("/v1/score", json=rows[0])
    other = {**rows[0], "amt": 1234.5}
    status, problem = told(answering, "/v1/score", other)
    assert status == 409
    assert "/v1/corrections" in problem["detail"]
    assert told(answering, "/v1/corrections", correction_of(rows[0], amt=1234.5)) == (200, {"status": "noted"})
    assert told(answering, "/v1/score", other)[0] == 409


@pytest.mark.parametrize(
    ("other", "named"), [({"cc_num": 4}, "cc_num"), ({"trans_num": "b"}, "trans_num"), ({"merchant": "b"}, "merchant")]
)
def test_another_card_id_or_merchant_is_no_correction(
    answering: TestClient, rows: list[Row], other: Row, named: str
) -> None:
    answering.post("/v1/score", json=rows[0])
    status, problem = told(answering, "/v1/corrections", correction_of(rows[0], **other))
    assert status == 409
    assert f"the payment's own {named}" in problem["detail"]


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        pytest.param({"observed": "2300-01-01 00:00:00"}, 422, id="a moment that is not there yet"),
        pytest.param({"observed": "soon"}, 422, id="no moment"),
        pytest.param({"id": "nobody's"}, 404, id="an id that was never scored"),
        pytest.param({"transaction": {"amt": 3}}, 422, id="half a transaction"),
    ],
)
def test_a_correction_that_none_can_be_is_refused_and_leaves_no_trace(
    answering: TestClient, record: Record, rows: list[Row], wrong: Row, status: int
) -> None:
    answering.post("/v1/score", json=rows[0])
    assert told(answering, "/v1/corrections", {**correction_of(rows[0]), **wrong})[0] == status
    assert record.log.last_correction() == 0


def test_a_column_that_is_there_twice_is_refused_also_inside_a_correction(
    answering: TestClient, rows: list[Row]
) -> None:
    answering.post("/v1/score", json=rows[0])
    correction = '{"id": "%s", "observed": "%s", "transaction": {"amt": 1, "amt": 2}}'
    body = correction % (rows[0]["trans_num"], sent(time_of(rows[0]) + HOUR))
    answer = answering.post("/v1/corrections", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422


def lived(history: History, rows: list[Row], first: int = 0) -> list[list[Value]]:
    """Return the features of each row; of every third an amount is mended, of every fifth it is reversed."""
    found: list[list[Value]] = []
    for number, row in enumerate(rows, first):
        features, scores, payment = history.observe(row)
        history.record.settle_all([payment._replace(scores=scores)])
        found.append(features)
        history.record.writer.flush()
        if number % 3 == 0:
            history.correct(row["event_id"], {**row, "amount": row["amount"] + 50_000}, row["event_time"])
        if number % 5 == 0:
            history.correct(row["event_id"], None, row["event_time"] + HOUR)
        history.learn([LabelMessage(row["event_id"], 1, row["event_time"])])
        if number % 2 == 0:
            history.learn([LabelMessage(row["event_id"], 0, row["event_time"] + HOUR)])
    return found


def batch_of(record: Record, schema: FeatureSchema, whole: pl.DataFrame, number: int) -> list[list[float]]:
    """Return what the batch engine makes of the record's last payments."""
    contract = schema.contract
    past = RecordedPast(record.log, contract, record.log.last_place())
    labels = past.known_since(None).select("event_id", "label", "arrived")
    later = Later(as_table(past.corrections_since(None), contract), labels)
    features = build_features(whole.sort("event_time", "event_id"), schema, later)
    return model_matrix(features.tail(number), schema).tolist()


def test_engine_and_batch_agree_on_payments_that_were_corrected_and_labels_that_changed(
    recorded: pl.DataFrame, stream: pl.DataFrame, record: Record, schema: FeatureSchema
) -> None:
    online = lived(warm_history(schema, record), stream.to_dicts())
    batch = np.array(batch_of(record, schema, pl.concat([recorded, stream]), len(stream)), np.float32)
    served = np.array(online, np.float32)
    for place, name in enumerate(schema.names):
        if name == "distance":  # two libraries' sines may differ in the last bit
            np.testing.assert_allclose(served[:, place], batch[:, place], rtol=1e-6)
        else:
            np.testing.assert_array_equal(served[:, place], batch[:, place], err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("replayed", [0, 2_000])
def test_a_service_that_starts_again_knows_corrections_and_changed_labels(
    recorded: pl.DataFrame,
    stream: pl.DataFrame,
    schema: FeatureSchema,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    replayed: int,
) -> None:
    rows = stream.to_dicts()
    with kept_in(tmp_path / "never", schema, recorded) as record:
        expected = lived(warm_history(schema, record), rows)
    monkeypatch.setattr("mlflow_fraud.serving.warm_start.REPLAYED", replayed)
    found: list[list[Value]] = []
    for start in range(0, 50, 10):
        with kept_in(tmp_path / "stops", schema, recorded) as record:
            found += lived(warm_history(schema, record), rows[start : start + 10], start)
    for number, (after, before) in enumerate(zip(found, expected, strict=True)):
        assert dict(zip(schema.names, after, strict=True)) == dict(zip(schema.names, before, strict=True)), number


@contextmanager
def another_process(record: Record) -> Iterator[PredictionLog]:
    log = PredictionLog(str(record.log))
    yield log
    log.close()


def test_labels_that_another_process_wrote_are_known_after_the_next_look(
    answering: TestClient, record: Record, schema: FeatureSchema, stream: pl.DataFrame, rows: list[Row]
) -> None:
    row = stream.to_dicts()[0]
    answering.post("/v1/score", json=rows[0])
    history = answering.app.state.model.current.history  # type: ignore[attr-defined]
    later = {**row, "event_time": row["event_time"] + 2 * HOUR, "event_id": "later"}
    before = dict(zip(schema.names, history.look(later), strict=True))
    with another_process(record) as other:
        label = Label((schema.contract.name, row["event_id"]), 1, row["event_time"] + HOUR)
        other.add_labels([label], received=datetime(2026, 1, 1), source="file")
    answering.app.state.model.poll()  # type: ignore[attr-defined]
    after = dict(zip(schema.names, history.look(later), strict=True))
    changed = [name for name in schema.names if before[name] != after[name]]
    assert changed
    assert all("fraud" in name for name in changed)
    assert told(answering, "/v1/labels", label_of(rows[0], 1)) == (200, {"status": "known"})


def test_labels_of_a_payment_are_in_the_order_in_which_they_were_told(
    record: Record, schema: FeatureSchema, stream: pl.DataFrame
) -> None:
    history, row = warm_history(schema, record), stream.to_dicts()[0]
    record.settle_all([history.observe(row).payment])
    days = [timedelta(days=n) for n in (3, 1, 2)]
    history.learn([LabelMessage(row["event_id"], n % 2, row["event_time"] + days[n]) for n in range(3)])
    known = labels_of(record.log, schema.contract, [row["event_id"]])
    assert known[row["event_id"]] == [(n % 2, row["event_time"] + days[n]) for n in range(3)]
