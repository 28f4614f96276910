"""A line for each request that was refused or failed, and in it nothing that somebody sent."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

from mlflow_fraud.adapters.key_file import KeyFile
from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.serving.app import create_app
from mlflow_fraud.serving.guard import Guard
from mlflow_fraud.serving.keyring import Keyring
from mlflow_fraud.serving.limits import Limit
from mlflow_fraud.serving.logs import FIELDS, Sparing, write_lines_of_json
from mlflow_fraud.serving.record import Record
from tests.serving.conftest import MakeRelease, Raw, go_live

SECRET = "anna-meier-4111111111111111"


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    """What the service would write."""
    root, written = logging.getLogger(), io.StringIO()
    before, level = root.handlers[:], root.level
    root.handlers[:] = []
    write_lines_of_json(written)
    yield written
    root.handlers[:] = before
    root.setLevel(level)


def lines(output: io.StringIO) -> list[dict[str, Any]]:
    """Return the lines of requests."""
    read = [json.loads(line) for line in output.getvalue().splitlines()]
    return [line for line in read if "status" in line]


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys.json")


@pytest.fixture
def service(store: ReleaseStore, record: Record, make_release: MakeRelease, file: KeyFile) -> TestClient:
    go_live(store, make_release())
    guard = Guard(Keyring(file), Limit(1000, 1000), Limit(1000, 1000))
    app = create_app(store, record=record, poll_seconds=3600, guard=guard)
    app.state.model.poll()
    return TestClient(app, raise_server_exceptions=False)


def test_a_good_request_has_no_line_and_a_refused_one_says_who_and_why(
    service: TestClient, raw: Raw, stream: pl.DataFrame, output: io.StringIO
) -> None:
    row = raw(stream.row(0, named=True))
    assert service.post("/v1/score", json=row).status_code == 200
    assert lines(output) == []
    service.post("/v1/score", json={**row, "amt": SECRET})
    (line,) = lines(output)
    assert line.pop("ms") > 0
    assert {name: line[name] for name in ("says", "method", "path", "status", "kind", "key")} == {
        "says": "refused",
        "method": "POST",
        "path": "/v1/score",
        "status": 422,
        "kind": "not-what-the-contract-says",
        "key": None,
    }


def test_nothing_that_was_sent_gets_into_a_line(
    store: ReleaseStore, service: TestClient, file: KeyFile, output: io.StringIO
) -> None:
    service.get(f"/v1/predictions/{SECRET}")
    service.get(f"/{SECRET}?{SECRET}")
    service.request(SECRET.upper(), "/v1/score")
    service.post(
        "/v1/score", json={"trans_num": SECRET}, headers={"X-Who": SECRET, "Authorization": f"Bearer {SECRET}"}
    )
    assert [line["path"] for line in lines(output)] == ["/v1/predictions/{id}", "other", "/v1/score", "/v1/score"]
    assert {line["method"] for line in lines(output)} == {"GET", "other", "POST"}
    mine = "\n".join(line for line in output.getvalue().splitlines() if '"from": "httpx' not in line)
    assert SECRET.lower() not in mine.lower()


def test_a_line_names_the_key_by_its_client(
    store: ReleaseStore, record: Record, file: KeyFile, output: io.StringIO
) -> None:
    key = file.add("branch", ["score"], datetime(2026, 3, 1, tzinfo=UTC))
    guard = Guard(Keyring(file), Limit(1000, 1000), Limit(1000, 1000))
    app = create_app(store, record=record, poll_seconds=3600, guard=guard)
    TestClient(app).get("/metrics", headers={"Authorization": f"Bearer {key}"})
    (line,) = lines(output)
    assert (line["key"], line["status"]) == ("branch", 403)
    assert key not in output.getvalue()


class Broken:
    """A model that breaks down over what it is given."""

    def score(self, rows: object) -> None:
        raise ZeroDivisionError(SECRET)


def test_a_breakdown_is_a_500_with_its_kind_and_place_and_not_its_message(
    service: TestClient, raw: Raw, stream: pl.DataFrame, output: io.StringIO
) -> None:
    model = service.app.state.model  # type: ignore[attr-defined]
    model.current = replace(model.current, scorer=Broken())
    answer = service.post("/v1/score", json=raw(stream.row(0, named=True)))
    assert answer.status_code == 500
    assert answer.json()["type"] == "/problems/no-answer"
    (line,) = lines(output)
    assert line["error"] == "ZeroDivisionError"
    assert line["place"].startswith("test_logs.py:")
    assert SECRET not in output.getvalue() + answer.text


def test_a_flood_of_refusals_does_not_fill_the_disk() -> None:
    now = 0.0
    sparing = Sparing(3, clock=lambda: now)
    passed = [sparing.filter(logging.makeLogRecord({"levelno": logging.INFO})) for _ in range(10)]
    assert passed == [True] * 3 + [False] * 7
    error = logging.makeLogRecord({"levelno": logging.ERROR})
    assert sparing.filter(error)
    assert getattr(error, FIELDS)["left_out"] == 7
    now = 1.0
    after = logging.makeLogRecord({"levelno": logging.INFO})
    assert sparing.filter(after)
    assert not hasattr(after, FIELDS)


def test_a_line_is_one_line_whatever_is_said(output: io.StringIO) -> None:
    logging.getLogger("x").warning("two\nlines")
    assert json.loads(output.getvalue())["says"] == "two\nlines"
    assert output.getvalue().count("\n") == 1
