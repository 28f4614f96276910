"""What a client of the service sees."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient

from mlflow_fraud.adapters.model_file import load_released
from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.core.features.batch import build_features
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.measuring.calibration import Calibration
from mlflow_fraud.serving.app import create_app
from mlflow_fraud.serving.record import Record
from tests.serving.conftest import CALIBRATION, THRESHOLD, MakeRelease, Raw, go_live, matrix, with_file

FORBIDDEN = {
    "mlflow",
    "prefect",
    "dvc",
    "great_expectations",
    "sklearn",
    "pandas",
    "skl2onnx",
    "matplotlib",
    "onnx",
    "xgboost",
}


def poll(client: TestClient) -> None:
    client.app.state.model.poll()  # type: ignore[attr-defined]


@pytest.fixture
def row(raw: Raw, stream: pl.DataFrame) -> dict[str, Any]:
    """A transaction as a client sends it."""
    return raw(stream.row(0, named=True))


def test_without_a_model_the_service_lives_and_says_that_it_cannot_answer(
    client: TestClient, row: dict[str, Any]
) -> None:
    assert client.get("/livez").status_code == 200
    for answer in (client.get("/readyz"), client.get("/v1/model"), client.post("/v1/score", json=row)):
        assert answer.status_code == 503
        assert "nothing was promoted yet" in answer.json()["detail"]
        assert answer.headers["retry-after"]


def test_a_first_release_that_is_refused_is_the_reason_given(
    client: TestClient, store: ReleaseStore, make_release: MakeRelease
) -> None:
    go_live(store, with_file(make_release(), "model.onnx", b"not trees"))
    poll(client)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "not a model that can be loaded" in answer.json()["detail"]


def test_an_answer_has_all_that_leads_back_to_it(
    answering: TestClient, make_release: MakeRelease, row: dict[str, Any]
) -> None:
    assert answering.get("/readyz").status_code == 200
    answer = answering.post("/v1/score", json=row).json()
    manifest = make_release().manifest
    assert answer["model_version"] == manifest.version
    assert answer["threshold"] == THRESHOLD
    assert answer["decision"] == ("flag" if answer["probability"] >= THRESHOLD else "pass")
    assert answer["prediction_id"].startswith(f"{manifest.version}.")


def test_a_stream_served_one_by_one_has_the_scores_of_the_batch(
    answering: TestClient,
    make_release: MakeRelease,
    schema: FeatureSchema,
    recorded: pl.DataFrame,
    stream: pl.DataFrame,
    raw: Raw,
) -> None:
    answers = [answering.post("/v1/score", json=raw(row)).json() for row in stream.iter_rows(named=True)]
    features = build_features(pl.concat([recorded, stream]), schema).tail(len(stream))
    release = make_release()
    expected = load_released(release.manifest, release.files).score(matrix(features))
    np.testing.assert_array_equal([answer["probability"] for answer in answers], expected)
    assert {answer["decision"] for answer in answers} == {"flag", "pass"}


def test_an_answer_is_the_calibrated_probability(
    answering: TestClient, client: TestClient, store: ReleaseStore, make_release: MakeRelease, row: dict[str, Any]
) -> None:
    calibrated = answering.post("/v1/score", json=row).json()["probability"]
    go_live(store, make_release(calibration=Calibration()))
    poll(client)
    own = client.post("/v1/score", json={**row, "trans_num": "another"}).json()["probability"]
    assert calibrated != own
    assert calibrated == CALIBRATION(np.array([own]))[0]


def test_a_transaction_at_the_threshold_is_flagged(
    client: TestClient, store: ReleaseStore, make_release: MakeRelease, row: dict[str, Any]
) -> None:
    go_live(store, make_release())
    poll(client)
    probability = client.post("/v1/score", json=row).json()["probability"]
    for threshold, decision in ((probability, "flag"), (np.nextafter(probability, 1), "pass")):
        go_live(store, make_release(threshold=float(threshold)))
        poll(client)
        assert client.post("/v1/score", json={**row, "trans_num": decision}).json()["decision"] == decision


class NoNumber:
    """A model whose answer is no number."""

    def score(self, rows: np.ndarray) -> np.ndarray:
        return np.full(len(rows), np.nan)


def test_a_score_that_is_no_number_is_an_error_that_is_counted_and_never_a_pass(
    answering: TestClient, row: dict[str, Any]
) -> None:
    model = answering.app.state.model  # type: ignore[attr-defined]
    model.current = replace(model.current, scorer=NoNumber())
    for count in (1, 2):
        answer = answering.post("/v1/score", json=row)
        assert answer.status_code == 500
        assert "no number" in answer.json()["detail"]
        assert answering.get("/v1/model").json()["unscored"] == count


def test_a_service_that_began_with_the_copy_says_so(
    store: ReleaseStore, location: Path, record: Record, make_release: MakeRelease, tmp_path: Path
) -> None:
    go_live(store, make_release())
    told: dict[str, Any] = {"record": record, "poll_seconds": 3600, "last_good": tmp_path / "last-good"}
    with TestClient(create_app(store, **told)) as first:
        wait_until_ready(first)
    location.rename(location.with_name("away"))
    location.write_text("no folder")
    with TestClient(create_app(store, **told)) as again:
        assert "the copy of what answered last" in wait_until_ready(again)


def wait_until_ready(client: TestClient) -> str:
    """Return what the service says of itself once it can answer."""
    for _ in range(200):
        answer = client.get("/readyz")
        if answer.status_code == 200:
            return str(answer.json()["status"])
        sleep(0.05)
    raise AssertionError(answer.text)


def test_the_same_transaction_again_has_the_same_answer_and_id(answering: TestClient, row: dict[str, Any]) -> None:
    answers = [answering.post("/v1/score", json=row).json() for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    other = answering.post("/v1/score", json={**row, "trans_num": "another"}).json()
    assert other["prediction_id"] != answers[0]["prediction_id"]


def test_a_request_against_the_contract_is_refused_with_the_columns_name(
    answering: TestClient, row: dict[str, Any]
) -> None:
    answer = answering.post("/v1/score", json={**row, "amt": "much", "category": "groceries"})
    assert answer.status_code == 422
    assert [wrong["pointer"] for wrong in answer.json()["errors"]] == ["#/category", "#/amt"]
    unfinished = answering.post("/v1/score", content=b"{", headers={"content-type": "application/json"})
    assert unfinished.status_code == 422


def test_the_model_says_where_it_came_from_and_what_keeps_a_newer_one_out(
    answering: TestClient, store: ReleaseStore, make_release: MakeRelease, schema: FeatureSchema
) -> None:
    manifest = make_release().manifest
    card = answering.get("/v1/model").json()
    assert card == {
        "version": manifest.version,
        "candidate": "xgboost",
        "features_sha256": schema.sha256,
        "created": manifest.created,
        "trouble": None,
        "unscored": 0,
    }
    go_live(store, with_file(make_release(), "golden.json", b"{}"))
    poll(answering)
    later = answering.get("/v1/model").json()
    assert later["version"] == manifest.version
    assert "cannot be loaded" in later["trouble"]


def test_the_api_describes_the_request_of_the_live_contract(answering: TestClient) -> None:
    document = answering.get("/openapi.json").json()
    body = document["paths"]["/v1/score"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["amt"]["minimum"] == 0.01
    assert "is_fraud" not in body["properties"]


def test_the_polling_begins_and_ends_with_the_service(
    client: TestClient, store: ReleaseStore, make_release: MakeRelease
) -> None:
    go_live(store, make_release())
    with client:
        pass
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("module", ["mlflow_fraud.serving.app", "mlflow_fraud.serving.main"])
def test_the_service_imports_no_training_tool(module: str) -> None:
    code = f"import {module}, json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {name.partition(".")[0] for name in json.loads(done.stdout)} & FORBIDDEN


def test_importing_the_service_makes_no_file(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", "import mlflow_fraud.serving.main"], cwd=tmp_path, check=True)
    assert list(tmp_path.iterdir()) == []


def test_a_label_is_taken_after_its_score_once_and_may_change(answering: TestClient, row: dict[str, Any]) -> None:
    said = {"trans_num": row["trans_num"], "is_fraud": 1, "label_time": "2020-06-01 10:00:00"}
    assert answering.post("/v1/labels", json=said).status_code == 404
    answering.post("/v1/score", json=row)
    other = {**said, "is_fraud": 0, "label_time": "2020-06-21 10:00:00"}
    outcomes = [answering.post("/v1/labels", json=each).json()["status"] for each in (said, said, other)]
    assert outcomes == ["noted", "known", "noted"]


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"is_fraud": 2}, id="no label"),
        pytest.param({"label_time": "soon"}, id="no time"),
        pytest.param({"trans_num": 7}, id="no id"),
    ],
)
def test_a_label_that_is_not_what_the_contract_says_is_refused(
    answering: TestClient, row: dict[str, Any], wrong: dict[str, Any]
) -> None:
    said = {"trans_num": row["trans_num"], "is_fraud": 1, "label_time": "2020-06-01 10:00:00"}
    assert answering.post("/v1/labels", json=said | wrong).status_code == 422
