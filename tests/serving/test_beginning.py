"""A service is there at once: what it does not know yet it looks up, and how far it is it says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import polars as pl
import pytest
from fastapi.testclient import TestClient

from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.errors import RecordUnavailable
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.progress import Step
from mlflow_fraud.serving import beginning, earlier_ids, warm_start
from mlflow_fraud.serving.app import create_app
from mlflow_fraud.serving.beginning import Beginning, told
from mlflow_fraud.serving.live_model import LiveModel
from mlflow_fraud.serving.record import Record
from tests.serving.conftest import MakeRelease, go_live, kept_in

PATIENCE = 20.0


class Held:
    """Holds back the reading of ids until it is let go."""

    def __init__(self) -> None:
        self.gate, self.asked, self.fails = Event(), Event(), 0

    def hold(self, patch: pytest.MonkeyPatch) -> None:
        read = PredictionLog.ids

        def ids(log: PredictionLog, first: int, last: int) -> list[tuple[str, str]]:
            self.asked.set()
            self.gate.wait(PATIENCE)
            if self.fails:
                self.fails -= 1
                raise RecordUnavailable("the record is away")
            return read(log, first, last)

        patch.setattr(PredictionLog, "ids", ids)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    held = Held()
    held.hold(monkeypatch)
    yield held
    held.gate.set()


@pytest.fixture
def unread(held: Held, record: Record) -> Iterator[Record]:
    """A record whose ids are being read; it is let go before it closes, which waits for who reads."""
    yield record
    held.gate.set()


def test_a_record_is_there_before_its_ids_are_read_and_calls_nothing_new_until_then(
    held: Held, tmp_path: Path, schema: FeatureSchema, recorded: pl.DataFrame, stream: pl.DataFrame, contract: Contract
) -> None:
    with kept_in(tmp_path, schema, recorded) as record:
        new = stream.row(0, named=True)
        assert held.asked.wait(PATIENCE)
        assert not record.surely_new(contract, new)
        assert "reading the newest ids: 0 of 2,000 payments" in str(record.beginning)
        held.gate.set()
        assert record.earlier.wait(PATIENCE)
        assert record.surely_new(contract, new)
        assert not any(record.surely_new(contract, row) for row in recorded.iter_rows(named=True))
        assert str(record.beginning) == ""


def test_a_payment_that_came_while_ids_were_read_is_known_afterwards(
    held: Held, tmp_path: Path, schema: FeatureSchema, recorded: pl.DataFrame, stream: pl.DataFrame, contract: Contract
) -> None:
    with kept_in(tmp_path, schema, recorded) as record:
        came = stream.row(0, named=True)
        record.settle_all([record.enter(contract, came)])
        held.gate.set()
        assert record.earlier.wait(PATIENCE)
        record._recent.clear()  # as when many more have come
        assert not record.surely_new(contract, came)


def test_ids_that_could_not_be_read_are_read_again(
    held: Held, tmp_path: Path, schema: FeatureSchema, recorded: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(earlier_ids, "RETRY_SECONDS", 0.01)
    held.fails = 2
    held.gate.set()
    with kept_in(tmp_path, schema, recorded) as record:
        assert record.earlier.wait(PATIENCE)
    assert held.fails == 0


def test_what_the_first_answer_waits_for_goes_before_the_ids(
    held: Held, tmp_path: Path, schema: FeatureSchema, recorded: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(earlier_ids, "AT_ONCE", 100)
    with kept_in(tmp_path, schema, recorded) as record:
        assert held.asked.wait(PATIENCE)
        with record.earlier.after():
            held.gate.set()
            assert not record.earlier.wait(0.3)
        assert record.earlier.wait(PATIENCE)


def test_a_record_can_be_closed_while_its_ids_are_read(
    held: Held, tmp_path: Path, schema: FeatureSchema, recorded: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(earlier_ids, "AT_ONCE", 100)
    with kept_in(tmp_path, schema, recorded) as record:
        assert held.asked.wait(PATIENCE)
        Thread(target=held.gate.set).start()
    assert not record.earlier.wait(0)


def test_while_ids_are_read_a_repeat_gets_the_answer_that_it_got(
    unread: Record, store: ReleaseStore, make_release: MakeRelease, rows: list[dict[str, Any]]
) -> None:
    go_live(store, make_release())
    app = create_app(store, record=unread, poll_seconds=3600)
    app.state.model.poll()
    client = TestClient(app)
    first = client.post("/v1/score", json=rows[0]).json()
    place = unread.place
    assert client.post("/v1/score", json=rows[0]).json() == first
    assert client.post("/v1/score", json={**rows[0], "amt": 1.0}).status_code == 409
    assert unread.place == place


def test_while_ids_are_read_one_that_is_sent_twice_at_once_is_one_payment(
    unread: Record, store: ReleaseStore, make_release: MakeRelease, rows: list[dict[str, Any]]
) -> None:
    go_live(store, make_release())
    app = create_app(store, record=unread, poll_seconds=3600)
    app.state.model.poll()
    place = unread.place

    async def at_once() -> list[Any]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
            answers = await asyncio.gather(*(client.post("/v1/score", json=rows[0]) for _ in range(5)))
            return [answer.json()["prediction_id"] for answer in answers]

    assert len(set(asyncio.run(at_once()))) == 1
    assert unread.place == place + 1


def test_readiness_says_how_far_the_first_release_is(
    store: ReleaseStore, record: Record, make_release: MakeRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beginning, "EACH", 500)
    monkeypatch.setattr(warm_start, "REPLAYED", 700)
    record.earlier.wait(PATIENCE)
    go_live(store, make_release())
    app = create_app(store, record=record, poll_seconds=3600)
    client, said = TestClient(app), list[str]()
    after_step = record.beginning.after_step

    def asking(step: Step) -> None:
        after_step(step)
        answer = client.get("/readyz")
        assert answer.status_code == 503
        said.append(answer.json()["detail"])

    monkeypatch.setattr(record.beginning, "after_step", asking)
    app.state.model.poll()
    works = ("reading the window", "taking in the window", "replaying what came last")
    for work in works:
        assert any(f"; {work}: " in each for each in said), (work, said)
    assert any("replaying what came last: 499 of 700 payments" in each for each in said), said
    assert client.get("/readyz").status_code == 200
    assert str(record.beginning) == ""


def test_what_breaks_off_is_not_under_way_any_more(
    store: ReleaseStore, record: Record, make_release: MakeRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_live(store, make_release())
    model = LiveModel(store, record)

    def away(*given: Any) -> None:
        raise RecordUnavailable("the record is away")

    monkeypatch.setattr("mlflow_fraud.serving.warm_start._known", away)
    record.earlier.wait(PATIENCE)
    record.beginning.after_step(Step("reading the window", 1, 9, "payments"))
    model.poll()
    assert "the record is away" in str(model.trouble)
    assert str(record.beginning) == ""


def test_the_time_left_goes_by_the_time_since_a_work_began() -> None:
    now = 0.0
    beginning = Beginning(clock=lambda: now)
    beginning.after_step(Step("reading the window", 0, 1000, "payments"))
    now = 10.0
    beginning.after_step(Step("reading the window", 250, 1000, "payments"))
    assert str(beginning) == "reading the window: 250 of 1,000 payments, about 30 s left"


def test_what_is_told_of_is_handed_on_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beginning, "EACH", 4)
    progress = Beginning()
    seen = [(each, str(progress)) for each in told(range(10), "counting", 10, progress)]
    assert [each for each, _ in seen] == list(range(10))
    assert [said.partition(" of")[0] for _, said in seen[::3]] == [f"counting: {n}" for n in (0, 3, 3, 7)]
    assert str(progress) == ""


def test_how_many_wait_is_known_without_counting_them(
    record: Record, contract: Contract, stream: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*given: Any) -> None:
        raise RecordUnavailable("the record is away")

    append = record.log.append
    monkeypatch.setattr(record.log, "append", away)
    at = stream["event_time"][0]
    payments = [
        record.enter(contract, {"event_id": f"w{number}", "event_time": at + timedelta(seconds=number), "amount": 1})
        for number in range(30)
    ]
    tickets = record.writer.put_all(payments)
    assert record.writer.backlog == 30 == len(record.writer.unwritten())
    assert record.writing(payments[7]) is tickets[7]
    monkeypatch.setattr(record.log, "append", append)
    for _ in range(200):
        if not record.writer.backlog:
            break
        Event().wait(0.05)
    assert record.writer.backlog == 0 == len(record.writer.unwritten())
    assert record.writing(payments[7]).written is True
