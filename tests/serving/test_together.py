"""Payments of one round of the event loop are answered as if each had come alone, by one call of the model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest
from fastapi import FastAPI

from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.ports import Scorer
from mlflow_fraud.serving.app import create_app
from mlflow_fraud.serving.loading import LiveRelease, NotScored
from mlflow_fraud.serving.record import Record
from mlflow_fraud.serving.together import AT_ONCE, Together
from tests.serving.conftest import MakeRelease, as_json, go_live, kept_in

Row = dict[str, Any]
JSON = {"content-type": "application/json"}


class Counting:
    """The model, and how many rows each call of it had; one that breaks does so over many, and over one of them."""

    def __init__(self, scorer: Scorer, *, breaks_at: int | None = None) -> None:
        self.calls: list[int] = []
        self._scorer, self._breaks_at = scorer, breaks_at

    def score(self, rows: np.ndarray) -> np.ndarray:
        self.calls.append(len(rows))
        if self._breaks_at is not None and len(rows) > 1:
            raise ZeroDivisionError
        alone = self.calls.count(1) - 1
        return np.array([np.nan]) if alone == self._breaks_at else self._scorer.score(rows)


def breaks(*_: object) -> None:
    raise ZeroDivisionError


Serve = Callable[..., AbstractContextManager[tuple[FastAPI, Counting]]]


@pytest.fixture
def served(
    store: ReleaseStore, make_release: MakeRelease, schema: FeatureSchema, recorded: pl.DataFrame, tmp_path: Path
) -> Serve:
    """Give a service with a past of its own, by name, and what counts the calls of its model."""
    go_live(store, make_release())

    @contextmanager
    def serve(name: str = "", **counted: Any) -> Iterator[tuple[FastAPI, Counting]]:
        with kept_in(tmp_path / name, schema, recorded) as record:
            app = create_app(store, record=record, poll_seconds=3600)
            app.state.model.poll()
            assert record.earlier.wait(60)  # or each payment is looked up in the record first
            counting = Counting(app.state.model.current.scorer, **counted)
            app.state.model.current = replace(app.state.model.current, scorer=counting)
            yield app, counting

    return serve


async def at_once(app: FastAPI, rows: list[Row]) -> list[httpx.Response]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        posts = (client.post("/v1/score", content=as_json(row), headers=JSON) for row in rows)
        return await asyncio.gather(*posts)


def test_what_comes_at_once_is_one_call_and_each_has_the_answer_it_would_have_alone(
    served: Serve, rows: list[Row]
) -> None:
    with served("alone") as (app, counting):
        alone = [asyncio.run(at_once(app, [row]))[0].json() for row in rows]
        assert counting.calls == [1] * len(rows)
    with served("together") as (app, counting):
        together = [answer.json() for answer in asyncio.run(at_once(app, rows))]
    assert together == alone  # an answer's id has the hash of all features
    assert max(counting.calls) > 1
    assert max(counting.calls) <= AT_ONCE
    assert sum(counting.calls) == len(rows)


def test_one_that_is_sent_twice_at_once_is_one_row_and_one_answer(served: Serve, rows: list[Row]) -> None:
    with served() as (app, counting):
        before = app.state.record.place
        other = {**rows[0], "amt": rows[0]["amt"] + 1}
        first, again, refused, second = asyncio.run(at_once(app, [rows[0], rows[0], other, rows[1]]))
        assert first.json() == again.json()
        assert (refused.status_code, second.status_code) == (409, 200)
        assert app.state.record.place == before + 2
        assert sum(counting.calls) == 2


def test_one_without_a_score_keeps_no_other_of_its_round_from_an_answer(served: Serve, rows: list[Row]) -> None:
    with served(breaks_at=1) as (app, counting):
        answers = asyncio.run(at_once(app, rows[:3]))
    assert counting.calls == [3, 1, 1, 1]
    assert [answer.status_code for answer in answers] == [200, 500, 200]


@pytest.fixture
def live(store: ReleaseStore, make_release: MakeRelease, record: Record) -> LiveRelease:
    go_live(store, make_release())
    app = create_app(store, record=record, poll_seconds=3600)
    app.state.model.poll()
    current: LiveRelease = app.state.model.current
    return current


def test_a_payment_without_its_score_yet_is_in_every_past_that_is_read_meanwhile(
    live: LiveRelease, record: Record, rows: list[Row]
) -> None:
    together = Together(record)
    transaction = live.request.read(as_json(rows[0]))

    async def one() -> None:
        given = together.take(live, transaction, perf_counter())
        with record.lock:
            (unwritten,) = record.mark(live.schema.contract).unwritten
        assert unwritten.transaction == transaction
        payment, ticket = await given
        assert await record.writer.written(ticket)
        assert record.mark(live.schema.contract).unwritten == ()
        assert record.log.find(live.schema.contract, payment.key[1])

    asyncio.run(one())


def test_another_release_has_its_own_call(live: LiveRelease, record: Record, rows: list[Row]) -> None:
    together = Together(record)
    one, other = Counting(live.scorer), Counting(live.scorer)
    by_one, by_other = replace(live, scorer=one), replace(live, scorer=other)
    first, second, third = (live.request.read(as_json(row)) for row in rows[:3])

    async def swapped() -> None:
        given = [together.take(by_one, first, 0.0), together.take(by_one, second, 0.0)]
        given.append(together.take(by_other, third, 0.0))
        assert len(await asyncio.gather(*given)) == 3

    asyncio.run(swapped())
    assert (one.calls, other.calls) == ([2], [1])


def test_a_payment_whose_client_is_gone_is_in_the_record_all_the_same(
    live: LiveRelease, record: Record, rows: list[Row]
) -> None:
    together = Together(record)
    first, second = (live.request.read(as_json(row)) for row in rows[:2])

    async def gone() -> None:
        left = together.take(live, first, 0.0)
        left.cancel()
        _, ticket = await together.take(live, second, 0.0)
        assert await record.writer.written(ticket)

    asyncio.run(gone())
    kept = record.log.find(live.schema.contract, first["event_id"])
    assert kept is not None
    assert kept.answer is not None


def test_whoever_needs_the_answers_now_has_them(live: LiveRelease, record: Record, rows: list[Row]) -> None:
    together = Together(record)
    broken = replace(live, scorer=Counting(live.scorer, breaks_at=0))

    async def now() -> None:
        given = together.take(live, live.request.read(as_json(rows[0])), 0.0)
        together.settle()
        assert given.done()
        wrong = together.take(broken, live.request.read(as_json(rows[1])), 0.0)
        together.settle()
        with pytest.raises(NotScored):
            wrong.result()

    asyncio.run(now())


def test_what_breaks_down_besides_the_model_leaves_payments_without_an_answer_that_get_one_when_they_are_sent_again(
    served: Serve, rows: list[Row], schema: FeatureSchema
) -> None:
    with served() as (app, _):
        model, record, ids = app.state.model, app.state.record, [row["trans_num"] for row in rows[:3]]
        whole = model.current
        model.current = replace(whole, tally=breaks)
        assert [answer.status_code for answer in asyncio.run(at_once(app, rows[:3]))] == [500] * 3
        record.writer.flush()
        assert record.mark(schema.contract).unwritten == ()
        kept = [record.log.find(schema.contract, event_id) for event_id in ids]
        assert [payment.answer for payment in kept] == [None] * 3
        assert all(set(schema.scores) <= set(payment.scores) for payment in kept)  # which no past works out again
        model.current, place = whole, record.place
        assert [answer.status_code for answer in asyncio.run(at_once(app, rows[:3]))] == [200] * 3
        record.writer.flush()
        assert all(record.log.find(schema.contract, event_id).answer for event_id in ids)
        assert record.place == place


def test_what_cannot_even_be_given_to_be_written_is_not_held_till_the_end(
    live: LiveRelease, record: Record, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    together = Together(record)

    monkeypatch.setattr(record.writer, "put_all", breaks)

    async def one() -> None:
        with pytest.raises(ZeroDivisionError):
            await together.take(live, live.request.read(as_json(rows[0])), 0.0)
        with record.lock:
            assert record.mark(live.schema.contract).unwritten == ()

    asyncio.run(one())


def test_nobody_waits_for_ever_whatever_breaks_down(
    live: LiveRelease, record: Record, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    together = Together(record)

    monkeypatch.setattr(record, "settle_all", breaks)

    async def two() -> None:
        given = [together.take(live, live.request.read(as_json(row)), 0.0) for row in rows[:2]]
        said = await asyncio.wait_for(asyncio.gather(*given, return_exceptions=True), 10)
        assert [type(each) for each in said] == [ZeroDivisionError] * 2

    asyncio.run(two())
