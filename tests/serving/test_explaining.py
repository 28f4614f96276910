"""Reasons come after the answer: none waits for them, and none are lost that a release can give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from threading import Event
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from mlflow_fraud.adapters.explanation import Explanation, NoReasons
from mlflow_fraud.adapters.model_file import load_log_odds
from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.core.explaining.reasons import Contributions, Row
from mlflow_fraud.serving import explaining
from mlflow_fraud.serving.record import Record
from tests.serving.conftest import MakeRelease, go_live, service
from tests.serving.service_process import until

Sent = dict[str, Any]
THRESHOLD = 0.02
FOLLOW = {"status": "follow", "why": None, "base": None, "strongest": [], "others": None}


@pytest.fixture
def answering(store: ReleaseStore, record: Record, make_release: MakeRelease) -> Iterator[TestClient]:
    go_live(store, make_release(threshold=THRESHOLD))
    with service(store, record) as client:
        yield client


def settle(client: TestClient) -> None:
    """Wait until what was asked for is worked out and in the record."""
    state = client.app.state  # type: ignore[attr-defined]
    until(lambda: state.explaining.waiting == 0)
    state.record.writer.flush()


def score(client: TestClient, row: Sent, reasons: int | None = None) -> dict[str, Any]:
    answer = client.post("/v1/score", json=row, params={} if reasons is None else {"reasons": reasons})
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


def kept(client: TestClient, answer: dict[str, Any]) -> Any:
    return client.get(f"/v1/predictions/{answer['prediction_id']}").json()["reasons"]


def explain_by(client: TestClient, explainer: Any) -> None:
    """Let what answers be explained by something else."""
    model = client.app.state.model  # type: ignore[attr-defined]
    assert isinstance(model.current.explanation, Explanation)
    model.current = replace(model.current, explanation=replace(model.current.explanation, explainer=explainer))


def test_alerts_have_their_reasons_a_moment_after_the_answer_and_others_have_none(
    answering: TestClient, record: Record, rows: list[Sent], make_release: MakeRelease
) -> None:
    answers = [score(answering, row) for row in rows]
    settle(answering)
    assert {answer["decision"] for answer in answers} == {"flag", "pass"}
    files = make_release().files
    log_odds = load_log_odds("model.onnx", files["model.onnx"])
    assert log_odds is not None
    for answer in answers:
        if answer["decision"] == "pass":
            assert answer["reasons"] is kept(answering, answer) is None
            continue
        assert answer["reasons"] == FOLLOW
        found, told = kept(answering, answer), record.log.by_prediction(answer["prediction_id"])
        assert told is not None
        assert found["status"] == "given"
        assert {"code", "en", "fr", "contribution", "direction"} == found["strongest"][0].keys()
        served = np.frombuffer(told.payment["features"], np.float32)
        summed = found["base"] + found["others"] + sum(each["contribution"] for each in found["strongest"])
        assert summed == pytest.approx(log_odds(served[np.newaxis])[0], abs=1e-3)


def test_whoever_asks_has_them_with_the_answer_whatever_was_decided(answering: TestClient, rows: list[Sent]) -> None:
    explaining_there = answering.app.state.explaining  # type: ignore[attr-defined]
    explaining_there._wait = 20.0  # a machine may be busy
    answers = [score(answering, row, 3) for row in rows[:8]]
    settle(answering)
    for row, answer in zip(rows, answers, strict=False):
        assert answer["reasons"]["status"] == "given"
        assert len(answer["reasons"]["strongest"]) <= 3
        assert kept(answering, answer)["strongest"][:3] == answer["reasons"]["strongest"]
        assert score(answering, row, 3) == answer
    assert explaining_there.given == 8
    for wrong in ("0", "11", "many"):
        assert answering.post("/v1/score", json=rows[9], params={"reasons": wrong}).status_code == 422


class Held:
    """Explains nothing until it may."""

    def __init__(self, client: TestClient) -> None:
        self.may = Event()
        model = client.app.state.model  # type: ignore[attr-defined]
        self._then = model.current.explanation.explainer

    def contributions(self, row: Row) -> Contributions:
        assert self.may.wait(30)
        return self._then.contributions(row)  # type: ignore[no-any-return]


def hold(client: TestClient) -> Held:
    """Let no reasons be worked out until they may."""
    held = Held(client)
    explain_by(client, held)
    return held


def test_no_answer_waits_for_reasons_and_more_than_may_wait_are_left_out_and_counted(
    answering: TestClient, rows: list[Sent]
) -> None:
    held, state = hold(answering), answering.app.state  # type: ignore[attr-defined]
    state.explaining._at_most = 1
    first, *others = [answer for row in rows if (answer := score(answering, row))["decision"] == "flag"]
    assert [answer["reasons"] for answer in (first, *others)] == [FOLLOW] * (1 + len(others)) != [FOLLOW]
    assert (state.explaining.waiting, state.explaining.dropped) == (1, len(others))
    assert kept(answering, first)["status"] == "follow"  # after a wait, which ends
    held.may.set()
    settle(answering)
    assert kept(answering, first)["status"] == "given"


def test_what_was_left_out_is_worked_out_when_it_is_asked_for_or_the_way_to_it_is_told(
    answering: TestClient, store: ReleaseStore, record: Record, rows: list[Sent], make_release: MakeRelease
) -> None:
    answering.app.state.explaining._at_most = 0  # type: ignore[attr-defined]
    answer = next(answer for row in rows if (answer := score(answering, row))["decision"] == "flag")
    record.writer.flush()
    assert kept(answering, answer)["why"] == explaining.TOO_MANY
    go_live(store, make_release(rounds=3))
    with service(store, record) as another:
        assert kept(another, answer)["why"] == explaining.ANOTHER.format(answer["model_version"])
    go_live(store, make_release(threshold=THRESHOLD))
    with service(store, record) as restarted:
        restarted.app.state.explaining._wait = 20.0  # type: ignore[attr-defined]
        assert kept(restarted, answer)["status"] == "given"
        settle(restarted)
    told = record.log.by_prediction(answer["prediction_id"])
    assert told is not None
    assert told.payment["reasons"]


def test_of_what_is_not_flagged_reasons_that_were_asked_for_follow_until_they_are_there(
    answering: TestClient, rows: list[Sent]
) -> None:
    held, state = hold(answering), answering.app.state  # type: ignore[attr-defined]
    state.explaining._wait = 0.01
    asked = next(answer for row in rows if (answer := score(answering, row, 5))["decision"] == "pass")
    assert asked["reasons"] == FOLLOW
    assert kept(answering, asked)["status"] == "follow"
    held.may.set()
    settle(answering)
    assert kept(answering, asked)["status"] == "given"


def test_a_release_that_gives_no_reasons_says_so_with_each_alert_also_when_another_one_answers_by_then(
    answering: TestClient, rows: list[Sent]
) -> None:
    model = answering.app.state.model  # type: ignore[attr-defined]
    explained = model.current
    model.current = replace(explained, explanation=NoReasons("this model has none"))
    none = {**FOLLOW, "status": "none", "why": "this model has none"}
    row, answer = next((row, answer) for row in rows if (answer := score(answering, row))["decision"] == "flag")
    assert answer["reasons"] == score(answering, row)["reasons"] == score(answering, row, 5)["reasons"] == none
    assert kept(answering, answer) == none
    model.current = replace(explained, manifest=explained.manifest.model_copy(update={"version": "xgboost-later"}))
    assert score(answering, row)["reasons"] == none


class Broken:
    def contributions(self, row: Row) -> Contributions:
        return Contributions(0.0, np.full(len(row), np.nan))


def test_what_cannot_be_explained_is_counted_and_keeps_nothing_else_back(
    answering: TestClient, record: Record, rows: list[Sent]
) -> None:
    state = answering.app.state  # type: ignore[attr-defined]
    state.explaining._wait = 20.0
    good = state.model.current.explanation.explainer
    explain_by(answering, Broken())
    assert score(answering, rows[0], 5)["reasons"]["why"] == "what a feature added is no number"
    explain_by(answering, good)
    assert score(answering, rows[1], 5)["reasons"]["status"] == "given"
    settle(answering)
    assert (state.explaining.failed, state.explaining.given) == (1, 1)
    state.explaining.close()
    assert score(answering, rows[2], 5)["reasons"]["status"] == "none"


def test_each_alert_of_a_batch_is_explained(answering: TestClient, rows: list[Sent]) -> None:
    answers = answering.post("/v1/score/batch", json=rows).json()
    settle(answering)
    assert {(answer["decision"], answer["reasons"] is None) for answer in answers} == {("flag", False), ("pass", True)}
    for answer in answers:
        if answer["decision"] == "flag":
            assert answer["reasons"] == FOLLOW
            assert kept(answering, answer)["status"] == "given"


def test_a_batch_that_asks_for_reasons_has_those_of_its_rows_sent_alone(
    answering: TestClient, rows: list[Sent]
) -> None:
    state = answering.app.state  # type: ignore[attr-defined]
    state.explaining._wait = 20.0
    sent = [*rows[:9], {**rows[9], "amt": "much"}, rows[2]]
    together = answering.post("/v1/score/batch", json=sent, params={"reasons": 3}).json()
    settle(answering)
    assert [each.get("status") for each in together] == [None] * 9 + [422, None]
    alone = [score(answering, row, 3) for row in (*rows[:9], rows[2])]
    assert [each for each in together if "probability" in each] == alone
    assert {each["reasons"]["status"] for each in alone} == {"given"}
    assert state.explaining.given == 9
    assert [kept(answering, each)["strongest"][:3] for each in alone] == [
        each["reasons"]["strongest"] for each in alone
    ]
    for wrong in ("0", "11", "many"):
        assert answering.post("/v1/score/batch", json=rows[9:], params={"reasons": wrong}).status_code == 422


def test_a_batch_waits_once_for_its_reasons_and_is_told_what_follows_and_what_was_left_out(
    answering: TestClient, rows: list[Sent]
) -> None:
    held, state = hold(answering), answering.app.state  # type: ignore[attr-defined]
    state.explaining._at_most, state.explaining._wait = 4, 0.05
    began = perf_counter()
    told = [each["reasons"] for each in answering.post("/v1/score/batch", json=rows[:40], params={"reasons": 3}).json()]
    assert perf_counter() - began < 40 * 0.05
    held.may.set()
    assert told[:4] == [FOLLOW] * 4
    assert {(each["status"], each["why"]) for each in told[4:]} == {("none", explaining.TOO_MANY)}
    settle(answering)
    assert (state.explaining.given, state.explaining.dropped) == (4, 36)
