"""Who may ask for what, and how often; nothing of a key is told to anybody."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from mlflow_fraud.adapters.key_file import KeyFile
from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.environment import Environment
from mlflow_fraud.serving.app import create_app
from mlflow_fraud.serving.guard import Client, Guard
from mlflow_fraud.serving.keyring import Keyring
from mlflow_fraud.serving.limits import Limit
from mlflow_fraud.serving.main import guard_of, require_keys
from mlflow_fraud.serving.problems import Problem
from mlflow_fraud.serving.record import Record
from mlflow_fraud.serving.scopes import BY_PATH, needed, template

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
Serve = Callable[..., TestClient]


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys.json")


@pytest.fixture
def serve(store: ReleaseStore, record: Record, file: KeyFile) -> Serve:
    """Make the service, with no model, behind the guard."""

    def make(*, requests: float = 1000, labels: float = 1000) -> TestClient:
        guard = Guard(Keyring(file), Limit(1, requests, clock=lambda: 0.0), Limit(1, labels, clock=lambda: 0.0))
        return TestClient(create_app(store, record=record, poll_seconds=3600, guard=guard))

    return make


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def a_path(stated: str) -> str:
    return stated.replace("{id}", "xgboost-1.2f")


def paths_of(routes: Iterable[Any]) -> Iterator[str]:
    """Yield each path, those of routers within too."""
    for route in routes:
        if hasattr(route, "path"):
            yield route.path
        inner = getattr(route, "original_router", route)
        yield from paths_of(getattr(inner, "routes", ()))


def ask(client: TestClient, path: str, key: str = "") -> int:
    """Return the status of a request that a handler would answer 503 or 422, if it got there."""
    headers = bearer(key) if key else {}
    method = "POST" if needed(path) <= {"score", "label"} and needed(path) else "GET"
    return client.request(method, a_path(path), headers=headers).status_code


@pytest.mark.parametrize("path", BY_PATH)
def test_a_path_is_open_to_the_scopes_that_are_stated_and_to_no_other(serve: Serve, file: KeyFile, path: str) -> None:
    keys = {scope: file.add(scope, [scope], NOW) for scope in ("score", "label", "admin")}
    client = serve()
    assert (ask(client, path) == 401) == bool(needed(path))
    for scope, key in keys.items():
        assert (ask(client, path, key) == 403) == bool(needed(path) and scope not in needed(path)), scope


def test_every_path_of_the_service_is_stated_and_its_openapi_says_the_scope(serve: Serve) -> None:
    app: Any = serve().app
    paths = {*paths_of(app.routes), *app.openapi()["paths"]}
    assert {"/v1/score", "/docs", "/openapi.json"} <= paths
    assert {path for path in paths if not template(path)} == set()
    for path, methods in app.openapi()["paths"].items():
        for operation in methods.values():
            assert set(operation.get("x-scopes", ())) == needed(path)
            assert {"401", "403", "429"} <= set(operation["responses"]) or not needed(path)


@pytest.mark.parametrize("path", ["/v1/scores", "/v1/score/", "//v1/score", "/v1/score%2f..", "/livez/", "/LIVEZ"])
def test_a_path_that_is_not_stated_is_not_open(serve: Serve, file: KeyFile, path: str) -> None:
    key = file.add("branch", ["score"], NOW)
    client = serve()
    assert client.get(path).status_code == 401
    assert client.get(path, headers=bearer(key)).status_code == 403


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("", id="nothing"),
        pytest.param("Bearer", id="no key"),
        pytest.param("Bearer fraud_" + "A" * 43, id="another key"),
        pytest.param("Basic {key}", id="another scheme"),
        pytest.param("{key}", id="no scheme"),
        pytest.param("Bearer {key}, Bearer {key}", id="two in one"),
        pytest.param("Bearer {gone}", id="a removed one"),
        pytest.param("Bearer {over}", id="one that is over"),
    ],
)
def test_all_who_have_no_valid_key_get_one_and_the_same_answer(serve: Serve, file: KeyFile, header: str) -> None:
    keys = {"key": file.add("branch", ["score"], NOW), "gone": file.add("gone", ["score"], NOW)}
    keys["over"] = file.add("over", ["score"], NOW, datetime(2026, 3, 2, tzinfo=UTC))
    file.remove("gone")
    client = serve()
    plain = client.get("/v1/model")
    answer = client.get("/v1/model", headers={"Authorization": header.format(**keys)})
    assert (plain.status_code, answer.status_code) == (401, 401)
    assert answer.content == plain.content
    assert answer.headers == plain.headers
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_key_that_is_there_twice_is_none(serve: Serve, file: KeyFile) -> None:
    key = file.add("branch", ["score"], NOW)
    twice = [("Authorization", f"Bearer {key}"), ("Authorization", f"Bearer {key}")]
    assert serve().get("/v1/model", headers=twice).status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_in_any_spelling(serve: Serve, file: KeyFile, scheme: str) -> None:
    key = file.add("branch", ["score"], NOW)
    assert serve().get("/v1/model", headers={"Authorization": f"{scheme} {key}"}).status_code == 503


def test_without_a_file_of_keys_nobody_is_asked_for_one(serve: Serve) -> None:
    assert serve().post("/v1/score", json={}).status_code == 503


def test_too_many_requests_are_told_when_to_come_again(serve: Serve, file: KeyFile) -> None:
    keys = [file.add("branch", ["score"], NOW) for _ in range(2)]
    other = file.add("web", ["score"], NOW)
    client = serve(requests=4)
    statuses = [client.get("/v1/model", headers=bearer(keys[number % 2])).status_code for number in range(5)]
    assert statuses == [503, 503, 503, 503, 429]
    late = client.get("/v1/model", headers=bearer(keys[0]))
    assert (late.status_code, late.headers["retry-after"]) == (429, "1")
    assert client.get("/v1/model", headers=bearer(other)).status_code == 503
    assert client.get("/livez").status_code == 200


def test_where_no_key_is_asked_for_an_address_has_the_limit(serve: Serve) -> None:
    client = serve(requests=2)
    assert [client.get("/v1/model").status_code for _ in range(3)] == [503, 503, 429]


def test_labels_have_a_limit_of_their_own(serve: Serve, file: KeyFile) -> None:
    key = file.add("disputes", ["label", "score"], NOW)
    client = serve(labels=3)
    statuses = [client.post("/v1/labels", json={}, headers=bearer(key)).status_code for _ in range(4)]
    assert statuses == [503, 503, 503, 429]
    assert client.post("/v1/score", json={}, headers=bearer(key)).status_code == 503


def test_many_labels_in_one_request_count_as_many() -> None:
    client = Client("disputes", True, Limit(1, 10, clock=lambda: 0.0), Limit(1, 1))
    client.take_labels(9)
    with pytest.raises(Problem, match="at most 10 labels an hour") as caught:
        client.take_labels(2)
    assert caught.value.status == 429
    client.take_labels(1)
    with pytest.raises(Problem, match="at most 10 labels in one request") as caught:
        client.take_labels(11)
    assert caught.value.status == 413


def test_the_limits_are_those_of_the_settings(file: KeyFile) -> None:
    guard = guard_of(Environment(rate_limit=2, rate_burst=3, labels_per_hour=7200), Keyring(file))
    assert (guard._requests.a_second, guard._requests.most) == (2, 3)
    assert (guard._labels.a_second, guard._labels.most) == (2, 7200)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "scoring.bank.example"])
def test_no_one_else_can_reach_a_service_that_asks_for_no_key(file: KeyFile, host: str) -> None:
    with pytest.raises(SettingsError, match="mlflow-fraud keys add NAME --scope score"):
        require_keys(Keyring(file), host, file.path)
    file.add("old", ["score"], NOW, datetime(2026, 3, 2, tzinfo=UTC))
    with pytest.raises(SettingsError, match="expected a valid API key"):
        require_keys(Keyring(file), host, file.path)
    file.add("branch", ["score"], NOW)
    require_keys(Keyring(file), host, file.path)


def test_on_this_machine_it_says_aloud_that_no_key_is_asked_for(
    file: KeyFile, caplog: pytest.LogCaptureFixture
) -> None:
    require_keys(Keyring(file), "127.0.0.1", file.path)
    assert "no API keys: whoever is on this machine may score" in caplog.text
    file.add("old", ["score"], NOW, datetime(2026, 3, 2, tzinfo=UTC))
    require_keys(Keyring(file), "localhost", file.path)
    assert "has expired, so nobody gets in" in caplog.text
