"""A payment is answered to the byte as the framework's route answers it, which a query leads to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from mlflow_fraud.adapters.key_file import KeyFile
from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.serving.app import create_app
from mlflow_fraud.serving.guard import Guard
from mlflow_fraud.serving.keyring import Keyring
from mlflow_fraud.serving.limits import Limit
from mlflow_fraud.serving.record import Record
from tests.serving.conftest import PATIENCE, as_json

Sent = dict[str, Any]
JSON = {"content-type": "application/json"}
PLAIN, ROUTED = "/v1/score", "/v1/score?way=the-framework's"
"""What nobody asks for changes no answer, but the way to it."""


def both(client: TestClient, body: bytes, headers: Mapping[str, str] = JSON) -> list[tuple[Any, ...]]:
    """Return what each of the ways says to the same request."""
    answers = [client.post(path, content=body, headers=headers) for path in (PLAIN, ROUTED)]
    return [(each.status_code, list(each.headers.raw), each.content) for each in answers]


@pytest.mark.parametrize("wrong", [
    pytest.param({}, id="good"),
    pytest.param({"trans_num": "ünï\u2028"}, id="an id of other letters"),
    pytest.param({"amt": "much", "category": "groceries"}, id="two values"),
    pytest.param({"amt": 1e300}, id="too large"),
    pytest.param({"amt": None}, id="null"),
    pytest.param({"trans_date_trans_time": "2999-01-01 00:00:00"}, id="ahead of now"),
    pytest.param({"unknown": [1, {"a": None}]}, id="more columns"),
])  # fmt: skip
def test_a_payment_is_answered_alike(answering: TestClient, rows: list[Sent], wrong: Sent) -> None:
    hot, routed = both(answering, as_json(rows[0] | wrong))
    assert hot == routed


@pytest.mark.parametrize("body", [
    pytest.param(b"", id="nothing"),
    pytest.param(b"{", id="half"),
    pytest.param(b"[]", id="an array"),
    pytest.param(b"\xff\xfe", id="no text"),
    pytest.param(b'{"amt": NaN}', id="no number"),
    pytest.param(b'{"amt": 1, "amt": 2}', id="twice"),
    pytest.param(b"[" * 60_000, id="deep"),
    pytest.param(b" " * 70_000, id="large"),
])  # fmt: skip
def test_what_is_no_payment_is_refused_alike(answering: TestClient, body: bytes) -> None:
    hot, routed = both(answering, body)
    assert hot == routed
    assert hot[0] in (413, 415, 422)


def test_other_forms_methods_and_paths_are_refused_alike(answering: TestClient, rows: list[Sent]) -> None:
    body = as_json(rows[0])
    for headers in ({"content-type": "text/plain"}, {**JSON, "content-encoding": "gzip"}, {}):
        hot, routed = both(answering, body, headers)
        assert hot == routed
        assert hot[0] == 415
    assert [answering.get(path).status_code for path in (PLAIN, ROUTED)] == [405, 405]
    assert answering.post(f"{PLAIN}/", content=body, headers=JSON).status_code == 404


def test_alerts_and_other_content_are_said_alike(answering: TestClient, rows: list[Sent]) -> None:
    said = [both(answering, as_json(row)) for row in rows]
    assert all(hot == routed for hot, routed in said)
    assert {json.loads(hot[2])["decision"] for hot, _ in said} == {"flag", "pass"}
    hot, routed = both(answering, as_json(rows[0] | {"amt": 12.34}))
    assert hot == routed
    assert hot[0] == 409


def test_who_may_not_ask_is_refused_alike(
    store: ReleaseStore, record: Record, rows: list[Sent], tmp_path: Path
) -> None:
    file, now = KeyFile(tmp_path / "keys.json"), datetime(2026, 3, 1, 12, tzinfo=UTC)
    keys = ["", "nonsense", file.add("branch", ["label"], now), *[file.add("web", ["score"], now)] * 2]
    guard = Guard(Keyring(file), Limit(0.1, 3, clock=lambda: 0.0), Limit(1, 1, clock=lambda: 0.0))
    client = TestClient(create_app(store, record=record, poll_seconds=3600, guard=guard))
    said = [both(client, as_json(rows[0]), {**JSON, "authorization": f"Bearer {key}"}) for key in keys]
    assert [(hot[0], routed[0]) for hot, routed in said] == [(401, 401), (401, 401), (403, 403), (503, 503), (503, 429)]
    assert all(hot == routed for hot, routed in said[:4])


class NoNumber:
    """A model whose answer is no number."""

    def score(self, rows: np.ndarray) -> np.ndarray:
        return np.full(len(rows), np.nan)


class Broken:
    """A model that breaks down."""

    def score(self, rows: np.ndarray) -> np.ndarray:
        raise ZeroDivisionError


@pytest.mark.parametrize("scorer", [NoNumber(), Broken()])
def test_what_gets_no_score_fails_alike(answering: TestClient, rows: list[Sent], scorer: Any) -> None:
    model = answering.app.state.model  # type: ignore[attr-defined]
    model.current = replace(model.current, scorer=scorer)
    hot, routed = both(answering, as_json(rows[0]))
    assert hot == routed
    assert (hot[0], model.unscored) == (500, 2)


def test_without_a_model_both_say_why(client: TestClient, record: Record, rows: list[Sent]) -> None:
    assert record.earlier.wait(PATIENCE)  # what is under way is said too, and how far it is
    hot, routed = both(client, as_json(rows[0]))
    assert hot == routed
    assert hot[0] == 503


def test_reasons_are_given_where_they_are_asked_for(answering: TestClient, rows: list[Sent]) -> None:
    answer = answering.post(f"{PLAIN}?reasons=3", json=rows[0])
    assert len(answer.json()["reasons"]["strongest"]) <= 3
    assert answering.post(f"{PLAIN}?reasons=0", json=rows[0]).status_code == 422
