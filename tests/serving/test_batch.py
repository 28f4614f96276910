"""A batch is answered as its rows would be, sent alone in this order; nobody else waits for all of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_fraud.adapters.key_file import KeyFile
from mlflow_fraud.adapters.model_file import load_released
from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.serving import batch, body
from mlflow_fraud.serving.app import create_app
from mlflow_fraud.serving.batch import PIECE
from mlflow_fraud.serving.guard import Guard
from mlflow_fraud.serving.keyring import Keyring
from mlflow_fraud.serving.limits import Limit
from mlflow_fraud.serving.problems import MEDIA_TYPE, Problem, ProblemDocument
from mlflow_fraud.serving.record import Record
from mlflow_fraud.serving.rows import BATCH_BYTES, ROWS, rows_of
from tests.serving.conftest import MakeRelease, go_live, kept_in

Row = dict[str, Any]
BATCH = "/v1/score/batch"
JSON = {"content-type": "application/json"}


def service(store: ReleaseStore, record: Record, **given: Any) -> TestClient:
    app = create_app(store, record=record, poll_seconds=3600, **given)
    app.state.model.poll()
    return TestClient(app)


def test_a_batch_has_the_answers_of_its_rows_sent_alone(
    store: ReleaseStore,
    make_release: MakeRelease,
    schema: FeatureSchema,
    recorded: pl.DataFrame,
    rows: list[Row],
    tmp_path: Path,
) -> None:
    go_live(store, make_release())
    with kept_in(tmp_path / "alone", schema, recorded) as record:
        client = service(store, record)
        alone = [client.post("/v1/score", json=row).json() for row in rows]
    with kept_in(tmp_path / "together", schema, recorded) as record:
        client = service(store, record)
        first = client.post(BATCH, json=rows[:33])
        assert (first.status_code, first.headers["content-type"]) == (200, "application/json")
        together = first.json() + client.post(BATCH, json=rows[33:]).json()
    assert together == alone  # an answer's id has the hash of all features
    assert len(rows) > 2 * PIECE


def test_all_of_a_batch_is_in_the_record_in_its_order(
    answering: TestClient, record: Record, rows: list[Row], contract: Contract
) -> None:
    answers = answering.post(BATCH, json=rows).json()
    assert all(answer["recorded"] for answer in answers)
    kept = [record.log.find(contract, row["trans_num"]) for row in rows]
    places = [payment.place for payment in kept if payment]
    assert places == list(range(places[0], places[0] + len(rows)))
    assert [payment.answer.prediction for payment in kept if payment and payment.answer] == [
        answer["prediction_id"] for answer in answers
    ]


def test_a_row_that_is_refused_has_its_problem_and_keeps_no_other_back(answering: TestClient, rows: list[Row]) -> None:
    ahead = {**rows[3], "trans_num": "ahead", "trans_date_trans_time": "2034-01-01 00:00:00"}
    sent = [rows[0], {**rows[1], "amt": "4111111111111111"}, 7, ahead, {**rows[0], "amt": 1.0}, rows[2]]
    answer = answering.post(BATCH, json=sent)
    assert answer.status_code == 200
    told = answer.json()
    assert [each.get("status", 200) for each in told] == [200, 422, 422, 422, 409, 200]
    for each in told[1:5]:
        ProblemDocument.model_validate(each, strict=True)
    assert told[1]["errors"][0]["pointer"] == "#/1/amt"
    assert told[3]["errors"][0]["pointer"] == "#/3/trans_date_trans_time"
    assert "was scored with other content" in told[4]["detail"]
    assert "4111111111111111" not in answer.text
    assert answering.post("/v1/score", json=rows[2]).json() == told[5]


def test_a_repeat_within_a_batch_has_the_answer_of_its_first(
    answering: TestClient, record: Record, rows: list[Row]
) -> None:
    place = record.place
    told = answering.post(BATCH, json=[rows[0], rows[1], rows[0], rows[0], rows[1], rows[2]]).json()
    assert told[0] == told[2] == told[3]
    assert told[1] == told[4]
    assert record.place == place + 3
    assert answering.post(BATCH, json=[rows[0]]).json() == told[:1]


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        pytest.param(b"[]", 422, "1 to 1,000 transactions, found none", id="none"),
        pytest.param(b"{}", 422, "expected a JSON array", id="no array"),
        pytest.param(b"[{},]", 422, "expected a JSON array", id="a comma too many"),
        pytest.param(b"[{} {}]", 422, "expected a JSON array", id="a comma too few"),
        pytest.param(b"[{}", 422, "expected a JSON array", id="no end"),
        pytest.param(b"[{}] []", 422, "expected a JSON array", id="more behind it"),
        pytest.param(b"", 422, "expected a JSON array", id="nothing"),
        pytest.param(b"[\xff]", 422, "expected a JSON array", id="no UTF-8"),
        pytest.param(b"[" * 100_000, 422, "expected a JSON array", id="too deep"),
        pytest.param(b"[" + b"1," * 1_000 + b"1]", 413, "at most 1,000 transactions", id="too many"),
        pytest.param(b"[" + b" " * BATCH_BYTES + b"1]", 413, f"at most {BATCH_BYTES} bytes", id="too large"),
    ],
)
def test_what_is_no_batch_is_refused_whole_and_nothing_of_it_is_taken(
    answering: TestClient, record: Record, sent: bytes, status: int, said: str
) -> None:
    place = record.place
    answer = answering.post(BATCH, content=sent, headers=JSON)
    assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE)
    assert said in answer.json()["detail"]
    assert record.place == place


def test_rows_before_a_fault_in_the_array_are_not_taken(answering: TestClient, record: Record, rows: list[Row]) -> None:
    place = record.place
    cut_off = json.dumps(rows).encode()[:-5]
    assert answering.post(BATCH, content=cut_off, headers=JSON).status_code == 422
    assert record.place == place


@given(st.lists(st.recursive(st.none() | st.floats() | st.text() | st.integers(), st.lists), min_size=1, max_size=30))
@settings(max_examples=60)
def test_the_rows_of_an_array_are_its_elements_as_they_stand(elements: list[Any]) -> None:
    for written in (json.dumps(elements), json.dumps(elements, indent=1), json.dumps(elements, ensure_ascii=False)):
        found = [json.dumps(json.loads(row)) for row in rows_of(written.encode(errors="replace"))]
        assert found == [json.dumps(each) for each in json.loads(written.encode(errors="replace"))]


@given(st.binary(max_size=40) | st.text(alphabet='[]{},": 1x\n', max_size=40).map(str.encode))
@settings(max_examples=300)
def test_what_is_cut_up_is_an_array_and_all_else_is_refused(sent: bytes) -> None:
    try:
        read = json.loads(sent.decode())
    except (ValueError, RecursionError):
        read = None
    try:
        found = list(rows_of(sent))
    except Problem:
        found = None
    assert (found is not None) == (isinstance(read, list) and read != [])
    assert len(found or ()) == len(read if found else ())


def test_a_row_that_is_larger_than_a_request_may_be_has_a_413_of_its_own(
    answering: TestClient, rows: list[Row]
) -> None:
    told = answering.post(BATCH, json=[{**rows[0], "note": "x" * 70_000}, rows[1]]).json()
    assert [each.get("status", 200) for each in told] == [413, 200]


class BreaksDownOver:
    """A model that breaks down over a row, alone or among others."""

    def __init__(self, bad: np.ndarray, scorer: Any) -> None:
        self.bad, self.scorer = bad, scorer

    def score(self, rows: np.ndarray) -> np.ndarray:
        if any(np.array_equal(row, self.bad, equal_nan=True) for row in rows):
            raise ArithmeticError("of the library's own kind")
        return np.asarray(self.scorer.score(rows))


class Remembers:
    def __init__(self, scorer: Any) -> None:
        self.scorer, self.calls = scorer, list[np.ndarray]()

    def score(self, rows: np.ndarray) -> np.ndarray:
        self.calls.append(rows)
        return np.asarray(self.scorer.score(rows))


def remembering(answering: TestClient) -> Remembers:
    """Let the live model's scorer remember what it is asked."""
    model = answering.app.state.model  # type: ignore[attr-defined]
    watched = Remembers(model.current.scorer)
    model.current = replace(model.current, scorer=watched)
    return watched


def test_a_piece_is_scored_in_one_call(
    answering: TestClient, record: Record, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "PIECE_SECONDS", 60)
    record.earlier.wait(20)
    watched = remembering(answering)
    answering.post(BATCH, json=rows)
    assert [len(call) for call in watched.calls] == [PIECE, PIECE, 50 - 2 * PIECE]


def test_a_piece_ends_where_its_rows_take_long_and_none_is_left_out(
    answering: TestClient, record: Record, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "PIECE_SECONDS", 0)
    record.earlier.wait(20)
    watched = remembering(answering)
    assert len(answering.post(BATCH, json=rows).json()) == len(rows)
    assert [len(call) for call in watched.calls] == [1] * len(rows)


def test_where_the_model_breaks_down_only_the_row_to_blame_is_without_a_score(
    answering: TestClient, record: Record, rows: list[Row], contract: Contract
) -> None:
    model = answering.app.state.model  # type: ignore[attr-defined]
    good = model.current
    watched = Remembers(good.scorer)
    model.current = replace(good, scorer=watched)
    answering.post(BATCH, json=[{**rows[0], "trans_num": "as-before"}])
    bad = watched.calls[0][0]
    model.current = replace(good, scorer=BreaksDownOver(bad, good.scorer))
    twin = {**rows[0], "trans_num": "as-before-again", "cc_num": rows[0]["cc_num"]}
    sent = [{**rows[5], "trans_num": "x"}, {**rows[6], "trans_num": "y"}]
    told = answering.post(BATCH, json=sent).json()
    assert [each.get("status", 200) for each in told] == [200, 200]
    model.current = replace(good, scorer=AlwaysBreaks())
    told = answering.post(BATCH, json=[twin, rows[7]]).json()
    assert [each["status"] for each in told] == [500, 500]
    assert model.unscored == 2
    assert (kept := record.find(contract, "as-before-again")) is not None
    assert kept.answer is None
    model.current = good
    assert [each["recorded"] for each in answering.post(BATCH, json=[twin, rows[7]]).json()] == [True, True]


class AlwaysBreaks:
    def score(self, rows: np.ndarray) -> np.ndarray:
        raise ArithmeticError("of the library's own kind")


class NoNumberFor:
    """A model that gives no number to the row at a place."""

    def __init__(self, place: int, scorer: Any) -> None:
        self.place, self.scorer = place, scorer

    def score(self, rows: np.ndarray) -> np.ndarray:
        scores = np.array(self.scorer.score(rows))
        scores[self.place] = np.nan
        return scores


def test_a_score_that_is_no_number_is_one_row_s_problem(
    answering: TestClient, record: Record, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "PIECE_SECONDS", 60)  # all five are one piece, however busy the machine is
    record.earlier.wait(20)
    model = answering.app.state.model  # type: ignore[attr-defined]
    model.current = replace(model.current, scorer=NoNumberFor(2, model.current.scorer))
    told = answering.post(BATCH, json=rows[:5]).json()
    assert [each.get("status", 200) for each in told] == [200, 200, 500, 200, 200]
    assert model.unscored == 1


@pytest.mark.parametrize("size", [1, 2, 7, PIECE, 50])
def test_a_row_scores_alone_as_it_does_among_many_to_the_bit(make_release: MakeRelease, size: int) -> None:
    release = make_release()
    scorer = load_released(release.manifest, release.files, threads=1)
    rows = np.random.default_rng(size).normal(50, 100, (size, _width(release))).astype(np.float32)
    alone = [scorer.score(rows[place : place + 1])[0] for place in range(size)]
    np.testing.assert_array_equal(scorer.score(rows), alone)


def _width(release: Any) -> int:
    return len(json.loads(release.files["golden.json"])["rows"][0])


def test_every_row_counts_against_the_limit(
    store: ReleaseStore, record: Record, make_release: MakeRelease, rows: list[Row], tmp_path: Path
) -> None:
    go_live(store, make_release())
    guard = Guard(Keyring(KeyFile(tmp_path / "keys.json")), Limit(1, 30, clock=lambda: 0.0), Limit(1, 1))
    client = service(store, record, guard=guard)
    assert client.post(BATCH, json=rows[:20]).status_code == 200
    place = record.place
    refused = client.post(BATCH, json=rows[20:40])
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
    assert record.place == place
    assert client.post(BATCH, json=rows[20:29]).status_code == 200
    assert client.post(BATCH, json=rows).status_code == 429
    big = service(store, record, guard=Guard(Keyring(KeyFile(tmp_path / "k")), Limit(1, 10), Limit(1, 1)))
    refused = big.post(BATCH, json=rows)
    assert (refused.status_code, refused.json()["detail"]) == (413, "expected at most 10 transactions in one request")


def test_others_get_their_turn_between_the_pieces_of_a_batch(
    store: ReleaseStore, record: Record, make_release: MakeRelease, rows: list[Row]
) -> None:
    go_live(store, make_release())
    app = create_app(store, record=record, poll_seconds=3600)
    app.state.model.poll()
    record.earlier.wait(20)
    ended: list[str] = []

    async def ask(client: httpx.AsyncClient, name: str, path: str, sent: Any) -> None:
        answer = await client.post(path, json=sent)
        assert answer.status_code == 200
        ended.append(name)

    async def at_once() -> None:
        many = [{**row, "trans_num": f"{number}-{row['trans_num']}"} for number in range(4) for row in rows]
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
            batch = asyncio.create_task(ask(client, "batch", BATCH, many))
            await asyncio.sleep(0)
            await asyncio.gather(*(ask(client, "one", "/v1/score", row) for row in rows[:5]))
            await batch

    asyncio.run(at_once())
    assert ended == ["one"] * 5 + ["batch"]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(body, "LARGE_AT_ONCE", 2)
    return


def test_of_too_many_batches_at_once_the_last_are_told_to_come_later(
    few: None, store: ReleaseStore, record: Record, make_release: MakeRelease, rows: list[Row]
) -> None:
    go_live(store, make_release())
    app = create_app(store, record=record, poll_seconds=3600)
    app.state.model.poll()

    async def at_once() -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
            alone = {**rows[0], "trans_num": "alone"}  # whose time is there, whichever comes first
            sent = [client.post(BATCH, json=rows[:30]) for _ in range(4)] + [client.post("/v1/score", json=alone)]
            answers = await asyncio.gather(*sent)
            again = await client.post(BATCH, json=rows[:30])
            return [answer.status_code for answer in (*answers, again)]

    assert asyncio.run(at_once()) == [200, 200, 503, 503, 200, 200]


def test_a_batch_is_described_with_its_bounds(answering: TestClient) -> None:
    operation = answering.get("/openapi.json").json()["paths"][BATCH]["post"]
    shape = operation["requestBody"]["content"]["application/json"]["schema"]
    assert (shape["type"], shape["minItems"], shape["maxItems"]) == ("array", 1, ROWS)
    assert shape["items"]["properties"]["amt"]["minimum"] == 0.01
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert [each["$ref"].rpartition("/")[2] for each in answer["items"]["anyOf"]] == ["Scored", "ProblemDocument"]
