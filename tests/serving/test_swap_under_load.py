"""A real service under load follows promotions by another process without a failed request, and may be killed."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from threading import Event, Thread
from typing import Any

import polars as pl
import pytest

from mlflow_fraud.adapters.prediction_log.past import RecordedPast
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.serving.record import Record
from tests.s3_server import S3Server
from tests.serving.conftest import MakeRelease, Raw, as_json, go_live, kept_in
from tests.serving.conftest import service as in_process
from tests.serving.service_process import JSON, PATIENCE, Place, running_service

pytestmark = pytest.mark.slow

CLIENTS = 4


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, location: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    if request.param == "folder":
        return Place(str(location), "", dict(os.environ))
    server: S3Server = request.getfixturevalue("s3_server")
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    return Place(f"s3://{server.bucket}/live", server.endpoint_url, dict(os.environ))


@dataclass
class Load:
    """What the clients have seen so far: each answer, its status and the version it named."""

    statuses: list[int] = field(default_factory=list)
    versions: list[list[str]] = field(default_factory=lambda: [[] for _ in range(CLIENTS)])
    errors: list[Exception] = field(default_factory=list)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By the payment's id."""

    def all_see(self, version: str) -> bool:
        return all(seen and seen[-1] == version for seen in self.versions)


def test_the_version_changes_under_load_with_no_failed_request_and_a_kill_takes_no_answer_that_was_recorded(
    place: Place,
    make_release: MakeRelease,
    few_features: FeatureSchema,
    recorded: pl.DataFrame,
    schema: FeatureSchema,
    stream: pl.DataFrame,
    raw: Raw,
    tmp_path: Path,
) -> None:
    first, second, bad, third = releases = [make_release(rounds=n) for n in (2, 3, 4)] + [make_release(few_features)]
    for release in releases:
        place.store.put(release)
    rows = [raw(row) for row in stream.iter_rows(named=True)]
    place.promote(first.manifest.version)
    with kept_in(tmp_path, schema, recorded):
        pass
    with running_service(place, tmp_path) as service, load(service.port, rows) as seen:
        wait_until(lambda: seen.all_see(first.manifest.version), seen)

        place.promote(second.manifest.version)
        wait_until(lambda: seen.all_see(second.manifest.version), seen)

        with service.asleep():
            place.promote(bad.manifest.version)
            place.store._blobs.write(f"releases/{bad.manifest.version}/model.onnx", b"trees of another wood")
        wait_until(lambda: "was altered" in str(service.card()["trouble"]), seen)

        place.promote(third.manifest.version)
        wait_until(lambda: seen.all_see(third.manifest.version), seen)
        assert service.card()["trouble"] is None
        assert seen.errors == []

        go_live(place.store, first)  # whether it answers by the time of the kill is left to chance
        answered = len(seen.statuses)
        wait_until(lambda: len(seen.statuses) > answered + 5, seen)
        service.kill()
    assert len(seen.errors) == CLIENTS  # each of which was asking then
    assert set(seen.statuses) == {200}
    for versions in seen.versions:
        assert [version for version, _ in itertools.groupby(versions)][:3] == [
            release.manifest.version for release in (first, second, third)
        ]
    with kept_in(tmp_path) as record:
        promised = require_kept(seen, record, schema)
        assert len(promised) > 50
        with in_process(place.store, record) as again:
            number = promised[-1]
            row = {**rows[int(number.partition("-")[2]) % len(rows)], "trans_num": number}
            assert again.post("/v1/score", json=row).json() == {**seen.answers[number], "recorded": True}


def require_kept(seen: Load, record: Record, schema: FeatureSchema) -> list[str]:
    """Require that the record has each answer that was said to be in it; return the ids of their payments."""
    promised = {number: each["prediction_id"] for number, each in seen.answers.items() if each["recorded"]}
    found = RecordedPast(record.log, schema.contract, record.place).behind(0)
    kept = {each.transaction["event_id"]: each.answer and each.answer.prediction for each in found}
    assert {number: kept.get(number) for number in promised} == promised
    return list(promised)


@contextmanager
def load(port: int, rows: list[dict[str, Any]]) -> Iterator[Load]:
    """Send transactions from several clients, one after the other in each, until the block ends."""
    seen, stop = Load(), Event()

    def send(client: int) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            for number in itertools.count():
                if stop.is_set():
                    return
                row = {**rows[number % len(rows)], "trans_num": f"{client}-{number}"}
                connection.request("POST", "/v1/score", as_json(row), JSON)
                answer = connection.getresponse()
                body = json.loads(answer.read())
                seen.statuses.append(answer.status)
                assert answer.status == 200, body
                seen.versions[client].append(body["model_version"])
                seen.answers[row["trans_num"]] = body
        except Exception as error:
            seen.errors.append(error)
        finally:
            connection.close()

    clients = [Thread(target=send, args=[client]) for client in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield seen
    finally:
        stop.set()
        for client in clients:
            client.join()


def wait_until(condition: Callable[[], object], seen: Load) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert not seen.errors, seen.errors
        assert time.monotonic() < until, "the service did not follow"
        time.sleep(0.05)
