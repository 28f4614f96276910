"""What the client makes of the real service: its answers, its refusals, what is known and what it was told."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from mlflow_fraud.client import AsyncClient, Conflict, Invalid, NotFound, Refused, Scored

Row = dict[str, Any]


def asked(service: TestClient) -> AsyncClient:
    return AsyncClient("http://service", key="", transport=httpx.ASGITransport(service.app))


def test_each_word_of_the_client_is_one_of_the_service(answering: TestClient, rows: list[Row]) -> None:
    label = {"trans_num": rows[0]["trans_num"], "is_fraud": 1, "label_time": rows[9]["trans_date_trans_time"]}
    reversed_ = {"id": rows[1]["trans_num"], "observed": rows[9]["trans_date_trans_time"], "transaction": None}

    async def talk() -> None:
        async with asked(answering) as client:
            first = await client.score(rows[0])
            assert await client.score(rows[0]) == first
            assert first.model_version == (await client.model()).version
            told = await client.score_batch([*rows[:3], {**rows[3], "amt": "much"}])
            assert told[0] == first
            assert [type(each) for each in told] == [Scored, Scored, Scored, Refused]
            assert isinstance(told[3], Refused)
            assert told[3].errors[0].pointer == "#/3/amt"
            assert await client.tell_labels(label) == ["noted"]
            assert await client.tell_labels([label, {**label, "trans_num": "nobody"}]) == ["known", "unmatched"]
            assert [await client.correct(reversed_), await client.correct(reversed_)] == ["noted", "known"]
            assert (await client.prediction(first.prediction_id))["probability"] == first.probability
            assert (await client.ready())["status"] == "ready"

    asyncio.run(talk())


def test_a_refusal_is_an_error_of_its_kind(answering: TestClient, rows: list[Row]) -> None:
    async def talk() -> None:
        async with asked(answering) as client:
            await client.score(rows[0])
            with pytest.raises(Conflict):
                await client.score({**rows[0], "amt": 1})
            with pytest.raises(Invalid, match="#/amt: "):
                await client.score({**rows[1], "amt": "much"})
            with pytest.raises(NotFound):
                await client.prediction("nothing/of this name")

    asyncio.run(talk())
