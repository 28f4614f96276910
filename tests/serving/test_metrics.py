"""What is counted is what happened, and nothing of it is of a person."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from fastapi.testclient import TestClient
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from mlflow_fraud.adapters.key_file import KeyFile
from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.core.errors import FraudError
from mlflow_fraud.serving import metrics
from mlflow_fraud.serving.app import create_app
from mlflow_fraud.serving.connections import Bounds, connections
from mlflow_fraud.serving.guard import Guard
from mlflow_fraud.serving.keyring import Keyring
from mlflow_fraud.serving.limits import Limit
from mlflow_fraud.serving.metrics import Metrics
from mlflow_fraud.serving.record import Record
from tests.conftest import ROOT
from tests.serving.conftest import MakeRelease, Raw, go_live, with_file

Row = dict[str, Any]
SECRET = "anna-meier-4111111111111111"


class Shown:
    """The metrics of a service as they are shown now."""

    def __init__(self, client: TestClient, headers: dict[str, str] | None = None) -> None:
        answer = client.get("/metrics", headers=headers)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain; version=")
        self.text = answer.text
        self.samples = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]

    def __call__(self, name: str, **labels: str) -> float:
        """Return the sum of the samples with these labels."""
        return sum(
            sample.value for sample in self.samples if sample.name == name and labels.items() <= sample.labels.items()
        )


@pytest.fixture
def row(raw: Raw, stream: pl.DataFrame) -> Row:
    return raw(stream.row(0, named=True))


def test_each_answer_is_counted_by_path_status_and_decision(answering: TestClient, row: Row) -> None:
    answers = [answering.post("/v1/score", json={**row, "trans_num": f"n{n}"}).json() for n in range(3)]
    answering.post("/v1/score/batch", json=[{**row, "trans_num": f"b{n}"} for n in range(4)])
    answering.post("/v1/score", json={**row, "amt": SECRET})
    answering.get(f"/{SECRET}")
    answering.get(f"/v1/predictions/{SECRET}")
    shown, version = Shown(answering), answers[0]["model_version"]
    assert shown("fraud_request_seconds_count", path="/v1/score", status="2xx") == 3
    assert shown("fraud_request_seconds_count", path="/v1/score", status="4xx") == 1
    assert shown("fraud_request_seconds_count", path="/v1/score/batch", status="2xx") == 1
    assert shown("fraud_request_seconds_count", path="other", status="4xx") == 1
    assert shown("fraud_request_seconds_count", path="/v1/predictions/{id}", status="4xx") == 1
    assert 0 < shown("fraud_request_seconds_sum", path="/v1/score", status="2xx") < 60
    assert shown("fraud_batch_rows_total") == 4
    assert shown("fraud_probability_count", version=version) == 7
    assert shown("fraud_decisions_total", version=version) == 7
    assert shown("fraud_requests_refused_total", reason="not-what-the-contract-says") == 1
    assert shown("fraud_requests_refused_total", reason="not-there") == 2
    assert SECRET not in shown.text


def test_a_repeat_is_an_answer_and_no_second_score(answering: TestClient, row: Row) -> None:
    for _ in range(3):
        answering.post("/v1/score", json=row)
    shown = Shown(answering)
    assert shown("fraud_request_seconds_count", path="/v1/score", status="2xx") == 3
    assert shown("fraud_probability_count") == 1


def test_labels_that_were_noted_are_counted(answering: TestClient, row: Row) -> None:
    said = {"trans_num": row["trans_num"], "is_fraud": 1, "label_time": "2020-06-01 10:00:00"}
    answering.post("/v1/labels", json=said)
    assert Shown(answering)("fraud_labels_taken_total") == 0
    answering.post("/v1/score", json=row)
    answering.post("/v1/labels", json=said)
    assert Shown(answering)("fraud_labels_taken_total") == 1


class NoNumber:
    def score(self, rows: np.ndarray) -> np.ndarray:
        return np.full(len(rows), np.nan)


def test_what_got_no_score_and_what_was_answered_in_need_is_counted(
    answering: TestClient, record: Record, row: Row
) -> None:
    model = answering.app.state.model  # type: ignore[attr-defined]
    good = model.current
    model.current = replace(good, scorer=NoNumber())
    answering.post("/v1/score", json=row)
    model.current, model.from_copy, record.writer._trouble = good, True, "the record is away"
    assert answering.post("/v1/score", json={**row, "trans_num": "b"}).json()["recorded"] is False
    shown = Shown(answering)
    assert shown("fraud_unscored_total") == 1
    assert shown("fraud_degraded_answers_total", why="not_recorded") == 1
    assert shown("fraud_degraded_answers_total", why="from_copy") == 1
    assert shown("fraud_model_from_copy") == 1


def test_the_live_release_and_what_keeps_a_newer_one_out_are_shown(
    client: TestClient, store: ReleaseStore, make_release: MakeRelease
) -> None:
    assert Shown(client)("fraud_model_live") == 0
    model = client.app.state.model  # type: ignore[attr-defined]
    go_live(store, make_release())
    model.poll()
    shown, version = Shown(client), make_release().manifest.version
    assert shown("fraud_model_live") == 1 == shown("fraud_live_release_info", version=version, candidate="xgboost")
    assert shown("fraud_reload_trouble") == 0 == shown("fraud_releases_refused_total")
    go_live(store, with_file(make_release(), "golden.json", b"{}"))
    for _ in range(3):  # it rests meanwhile, and is one refusal however often it is looked at
        model.poll()
        model._rest = 0
    shown = Shown(client)
    assert shown("fraud_reload_trouble") == 1 == shown("fraud_releases_refused_total")
    assert shown("fraud_live_release_info", version=version) == 1


def test_the_pointer_grows_older_while_the_store_says_nothing(
    answering: TestClient, store: ReleaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = answering.app.state.model  # type: ignore[attr-defined]

    def away(*given: Any) -> None:
        raise FraudError("the store is away")

    later = time.monotonic() + 100
    with monkeypatch.context() as patch:
        patch.setattr(type(store), "latest", away)
        patch.setattr("mlflow_fraud.serving.metrics.time.monotonic", lambda: later)
        model.poll()
        read = model.read_at
    assert later - read >= 99
    assert model.confirmed_at < later
    model.poll()
    assert model.read_at > read
    shown = Shown(answering)
    assert 0 <= shown("fraud_pointer_age_seconds") < 60
    assert 0 <= shown("fraud_release_confirmed_age_seconds") < 60


def test_only_the_newest_releases_have_scores_of_their_own() -> None:
    counted = Metrics()
    for number in range(metrics.VERSIONS + 3):
        counted.of_version(f"v{number}")(0.4, number % 2 == 0)
    text = counted.shown().decode()
    assert set(re.findall(r'fraud_decisions_total\{.*version="(v\d)"', text)) == {f"v{n}" for n in range(3, 8)}
    assert counted.of_version("v7") is counted.of_version("v7")


def test_refusals_are_counted_by_the_name_of_the_key_and_never_by_an_address(
    store: ReleaseStore, record: Record, tmp_path: Path, row: Row
) -> None:
    file = KeyFile(tmp_path / "keys.json")
    at = datetime(2026, 3, 1, tzinfo=UTC)
    guard = Guard(Keyring(file), Limit(1, 3, clock=lambda: 0.0), Limit(1, 1))
    open_to_all = TestClient(create_app(store, record=record, poll_seconds=3600, guard=guard), client=("10.9.8.7", 1))
    assert open_to_all.post("/v1/score", content=b"x").status_code == 415
    assert "10.9.8.7" not in Shown(open_to_all).text
    keys = {name: file.add(name, [scope], at) for name, scope in (("branch", "score"), ("watch", "admin"))}
    guard = Guard(Keyring(file), Limit(1, 3, clock=lambda: 0.0), Limit(1, 1))
    client = TestClient(create_app(store, record=record, poll_seconds=3600, guard=guard))
    headers = {name: {"Authorization": f"Bearer {key}"} for name, key in keys.items()}
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers=headers["branch"]).status_code == 403
    for _ in range(3):
        client.post("/v1/score", json=row, headers=headers["branch"])
    shown = Shown(client, headers["watch"])
    assert shown("fraud_requests_refused_total", reason="no-valid-key", key="") == 1
    assert shown("fraud_requests_refused_total", reason="beyond-the-key", key="branch") == 1
    assert shown("fraud_requests_refused_total", reason="not-now", key="branch") == 2
    assert shown("fraud_requests_refused_total", reason="too-many", key="branch") == 1


def test_no_more_names_of_keys_are_told_apart_than_stated() -> None:
    counted = Metrics()
    for number in range(metrics.KEYS + 20):
        counted.refused("too-many", f"key{number}")
    text = counted.shown().decode()
    assert len(set(re.findall(r'fraud_requests_refused_total\{key="(\w+)"', text))) == metrics.KEYS + 1
    assert 'fraud_requests_refused_total{key="others",reason="too-many"} 20.0' in text


def test_what_a_connection_is_refused_for_is_counted_too() -> None:
    counted = Metrics()
    room = connections(Bounds(1, 1), counted.refused).room
    room.refused("no-room")
    assert 'reason="no-room"} 1.0' in counted.shown().decode()


def test_two_services_count_for_themselves_and_leave_nothing_behind(
    store: ReleaseStore, record: Record, row: Row
) -> None:
    before = {metric.name for metric in REGISTRY.collect()}
    first, second = (TestClient(create_app(store, record=record, poll_seconds=3600)) for _ in range(2))
    first.post("/v1/score", json=row)
    assert Shown(first)("fraud_requests_refused_total") == 1
    assert Shown(second)("fraud_requests_refused_total") == 0
    assert {metric.name for metric in REGISTRY.collect()} == before


def names_of(text: str) -> set[str]:
    """Return the names of ours that are shown."""
    return {name for name in re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE) if name.startswith("fraud_")}


def everything() -> Metrics:
    """Return metrics in which each has a value."""
    counted = Metrics()
    counted.of_version("v")(0.1, True)
    counted.answered("/v1/score", 422, 0.1, "branch")
    return counted


def test_the_page_has_every_metric_and_no_other(answering: TestClient, row: Row) -> None:
    answering.post("/v1/score", json=row)
    answering.get("/nothing")
    names = names_of(Shown(answering).text)
    page = (ROOT / "docs/serving.md").read_text().partition("## What it measures")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(fraud_\w+)", page, re.MULTILINE)) == names
    for buckets in (metrics.SECONDS,):
        assert f"from {buckets[0] * 1000:g} ms to {buckets[-1]:g} s" in page
    assert f"the {metrics.VERSIONS} newest releases" in page
    assert f"{metrics.KEYS} names" in page


ALERTS = ROOT / "docs/alerts.yml"


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def test_the_alerts_are_rules_as_prometheus_reads_them() -> None:
    document = yaml.safe_load(ALERTS.read_text())
    assert set(document) == {"groups"}
    for group in document["groups"]:
        assert set(group) <= {"name", "interval", "rules"}
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) >= 11
    for rule in rules():
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"\d+[smh]", rule["for"])
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert set(rule["annotations"]) == {"summary", "runbook"}
        assert all(rule["expr"].count(a) == rule["expr"].count(b) for a, b in ("()", "{}", "[]"))


def test_every_metric_of_an_alert_is_shown_with_its_labels(answering: TestClient, row: Row) -> None:
    answering.post("/v1/score", json=row)
    answering.get("/nothing")
    shown = Shown(answering)
    labels: dict[str, set[str]] = {}
    for sample in shown.samples:
        labels.setdefault(sample.name, set()).update(sample.labels)
    for rule in rules():
        asked = re.findall(r"\b(fraud_\w+)(?:\{([^}]*)\})?", rule["expr"])
        assert asked, rule["alert"]
        for name, by in asked:
            assert name in labels, (rule["alert"], name)
            assert set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", by)) <= labels[name], (rule["alert"], by)


NO_FAULT = {"fraud_probability", "fraud_decisions", "fraud_batch_rows", "fraud_labels_taken", "fraud_reasons_given"}
NO_FAULT |= {"fraud_live_release_info", "fraud_record_waiting", "fraud_reasons_waiting"}
"""What is counted of good answers, and what waits: that which waits too long is dropped, lost or trouble."""


def test_what_counts_or_tells_of_a_fault_has_a_rule(answering: TestClient, row: Row) -> None:
    answering.post("/v1/score", json=row)
    answering.get("/nothing")
    names = {name.removesuffix("_total") for name in names_of(Shown(answering).text)}
    asked = {
        name for rule in rules() for name in re.findall(r"\b(fraud_\w+?)(?:_total|_count|_bucket)?\b", rule["expr"])
    }
    assert names - asked == NO_FAULT


def test_every_alert_leads_to_a_heading_of_the_runbook() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "docs/runbook.md").read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for rule in rules():
        page, _, anchor = rule["annotations"]["runbook"].rpartition("#")
        assert page == "docs/runbook.md"
        assert anchor in anchors, rule["alert"]


@pytest.mark.parametrize("count", [pytest.param(Metrics.answered, id="an answer")])
def test_counting_costs_microseconds(count: Callable[..., None]) -> None:
    counted = everything()
    tally, best = counted.of_version("v"), float("inf")
    for _ in range(5):
        begun = time.process_time()
        for _ in range(2_000):
            tally(0.01, False)
            count(counted, "/v1/score", 200, 0.002)
        best = min(best, (time.process_time() - begun) / 2_000)
    assert best < 50e-6  # some six on an idle machine
