"""A client gives typed answers and errors, sends again what may be sent again, and shows its key to nobody."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from mlflow_fraud import client as of_the_service
from mlflow_fraud.client import (
    AsyncClient,
    Client,
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    Patience,
    Refused,
    Scored,
    ServiceError,
    Unavailable,
)
from mlflow_fraud.core.errors import SettingsError

ANSWER = {
    "probability": 0.25,
    "decision": "pass",
    "threshold": 0.5,
    "model_version": "xgboost-1",
    "prediction_id": "xgboost-1.a1",
    "recorded": True,
    "review": False,
    "of_a_later_service": [],
}
SCORED = Scored(0.25, "pass", 0.5, "xgboost-1", "xgboost-1.a1", True, False)
Came = httpx.Response | httpx.RequestError
Calls = Callable[[list[Came]], tuple[Any, list[float]]]


def problem(status: int, **headers: str) -> httpx.Response:
    wrong = [{"pointer": "#/amt", "detail": "expected a number"}]
    document = {"type": "/problems/x", "title": "X", "status": status, "detail": "said", "errors": wrong}
    return httpx.Response(status, json=document, headers=headers)


class Played:
    """A service that answers as it is told, in this order."""

    def __init__(self, answers: list[Came]) -> None:
        self.answers, self.asked = answers, list[httpx.Request]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers[len(self.asked) - 1]
        if isinstance(answer, httpx.Response):
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)  # read once
        raise answer


def waiting(service: Played, slept: list[float], **told: Any) -> Scored:
    with Client(
        "http://service", key="k", transport=httpx.MockTransport(service), sleep=slept.append, **told
    ) as client:
        return client.score({"id": "a"})


def awaiting(service: Played, slept: list[float], **told: Any) -> Scored:
    async def asked() -> Scored:
        async def sleep(seconds: float) -> None:
            slept.append(seconds)

        to = httpx.MockTransport(service)
        async with AsyncClient("http://service", key="k", transport=to, sleep=sleep, **told) as client:
            return await client.score({"id": "a"})

    return asyncio.run(asked())


@pytest.fixture(params=[waiting, awaiting], ids=["sync", "async"])
def score(request: pytest.FixtureRequest) -> Callable[..., Scored]:
    """Score one transaction with either client."""
    asked: Callable[..., Scored] = request.param
    return asked


def test_an_answer_is_a_value_and_what_it_says_besides_is_left_aside(score: Callable[..., Scored]) -> None:
    service = Played([httpx.Response(200, json=ANSWER)])
    assert score(service, []) == SCORED
    assert service.asked[0].headers["Authorization"] == "Bearer k"
    assert json.loads(service.asked[0].content) == {"id": "a"}


def test_what_may_be_sent_again_is_and_the_service_says_when(score: Callable[..., Scored]) -> None:
    slept: list[float] = []
    gone = httpx.ConnectError("refused")
    service = Played([gone, problem(503), problem(429, **{"Retry-After": "3"}), httpx.Response(200, json=ANSWER)])
    assert score(service, slept) == SCORED
    assert slept == [0.1, 0.2, 3.0]
    assert len({request.content for request in service.asked}) == 1  # the same id, so one row and one answer


def test_a_moment_to_come_again_at_is_believed_as_seconds_are(score: Callable[..., Scored]) -> None:
    slept: list[float] = []
    at = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    assert score(Played([problem(503, **{"Retry-After": at}), httpx.Response(200, json=ANSWER)]), slept) == SCORED
    assert slept == [Patience().longest]


@pytest.mark.parametrize("last", [httpx.ReadTimeout("slow"), problem(503), problem(429, **{"Retry-After": "9999"})])
def test_patience_ends(score: Callable[..., Scored], last: Came) -> None:
    slept: list[float] = []
    service = Played([last] * 3)
    with pytest.raises(Unavailable):
        score(service, slept, patience=Patience(attempts=3, longest=1))
    assert len(service.asked) == 3
    assert max(slept) <= 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, NotAllowed), (403, NotAllowed), (404, NotFound), (409, Conflict), (413, Invalid), (422, Invalid)],
)
def test_what_would_be_refused_again_is_not_sent_again(
    score: Callable[..., Scored], status: int, kind: type[ServiceError]
) -> None:
    service = Played([problem(status)])
    with pytest.raises(kind, match=f"{status} said \\(#/amt: expected a number\\)") as told:
        score(service, [])
    assert told.value.status == status
    assert told.value.problem is not None
    assert told.value.problem.errors[0].pointer == "#/amt"


def test_an_answer_from_something_in_between_is_told_all_the_same(score: Callable[..., Scored]) -> None:
    with pytest.raises(Unavailable, match="500 Internal Server Error"):
        score(Played([httpx.Response(500, text="<html>")]), [])


@pytest.mark.parametrize(
    "said",
    [{"status": "error", "message": "x"}, {"status": None}, {"errors": ["x"]}, {"errors": [{"code": 1}]}, [1], "x"],
)
def test_an_error_document_of_another_kind_is_an_error_of_its_status(score: Callable[..., Scored], said: Any) -> None:
    with pytest.raises(Unavailable, match="502 Bad Gateway") as told:
        score(Played([httpx.Response(502, json=said)] * 4), [])
    assert told.value.status == 502


def test_the_status_is_that_of_the_answer_whatever_its_document_says(score: Callable[..., Scored]) -> None:
    with pytest.raises(NotAllowed, match="403 no entry"):
        score(Played([httpx.Response(403, json={"status": 200, "detail": "no entry"})]), [])


def test_an_answer_that_leads_elsewhere_is_no_fault_of_the_request(score: Callable[..., Scored]) -> None:
    with pytest.raises(ServiceError, match="302 Found") as told:
        score(Played([httpx.Response(302, headers={"Location": "/login"})]), [])
    assert type(told.value) is ServiceError


@pytest.mark.parametrize(
    "said",
    [
        {"text": "<html>"},
        {"json": ["ok"]},
        {"json": {"probability": 0.5}},
        {"json": ANSWER | {"probability": "0.5"}},
        {"json": ANSWER | {"threshold": None}},
        {"json": ANSWER | {"threshold": True}},
        {"json": ANSWER | {"decision": "maybe"}},
        {"json": ANSWER | {"recorded": 1}},
    ],
)
def test_a_good_answer_that_is_none_of_the_service_is_told_and_not_asked_for_again(
    score: Callable[..., Scored], said: dict[str, Any]
) -> None:
    service = Played([httpx.Response(200, **said)])
    with pytest.raises(ServiceError, match="the answer to POST /v1/score is none of this service"):
        score(service, [])
    assert len(service.asked) == 1


def test_what_cannot_be_unpacked_is_none_of_the_service(score: Callable[..., Scored]) -> None:
    service = Played([httpx.DecodingError("no gzip")] * 4)
    with pytest.raises(ServiceError, match=r"none of this service \(DecodingError\)"):
        score(service, [])
    assert len(service.asked) == 1


@pytest.mark.parametrize("told", [[ANSWER], [ANSWER] * 3])
def test_a_batch_with_another_number_of_answers_is_none_of_the_service(told: list[dict[str, Any]]) -> None:
    service = Played([httpx.Response(200, json=told)])
    with (
        Client("http://service", key="", transport=httpx.MockTransport(service)) as client,
        pytest.raises(ServiceError, match="none of this service"),
    ):
        client.score_batch([{"id": "a"}, {"id": "b"}])


def test_labels_with_another_number_of_outcomes_are_none_of_the_service() -> None:
    service = Played([httpx.Response(200, json=[{"status": "noted"}])])
    with (
        Client("http://service", key="", transport=httpx.MockTransport(service)) as client,
        pytest.raises(ServiceError, match="none of this service"),
    ):
        client.tell_labels([{"id": "a"}, {"id": "b"}])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("1.5"), datetime(2020, 1, 1), "\ud800", {1}])
def test_what_json_does_not_have_is_refused_before_it_is_sent_and_not_repeated(value: Any) -> None:
    service = Played([])
    with (
        Client("http://service", key="", transport=httpx.MockTransport(service)) as client,
        pytest.raises(Invalid, match="what is sent to POST /v1/score is no JSON"),
    ):
        client.score({"id": "a", "amt": value})
    assert service.asked == []


@pytest.mark.parametrize("url", ["", "service:8000", "localhost:8000", "ftp://service", "http://", "http://[::bad"])
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_what_is_no_address_of_a_service_is_said_at_once(kind: type[Client | AsyncClient], url: str) -> None:
    with pytest.raises(SettingsError, match="no address of a service; expected one such as http://"):
        kind(url, key="")


@pytest.mark.parametrize("key", ["é", "two\nlines"])
def test_a_key_that_no_header_takes_is_said_at_once_and_not_shown(key: str) -> None:
    with pytest.raises(SettingsError, match="letters that no header takes") as told:
        Client("http://service", key=key)
    assert key not in str(told.value)


def test_an_id_that_no_address_has_is_of_nothing() -> None:
    with (
        Client("http://service", key="", transport=httpx.MockTransport(Played([problem(404)]))) as client,
        pytest.raises(NotFound),
    ):
        client.prediction("\ud800")


def test_a_batch_has_an_answer_or_a_problem_in_each_place() -> None:
    service = Played([httpx.Response(200, json=[ANSWER, json.loads(problem(422).content)])])
    with Client("http://service", key="", transport=httpx.MockTransport(service)) as client:
        first, second = client.score_batch([{"id": "a"}, {"id": "b"}], reasons=5)
    assert first == SCORED
    assert service.asked[0].url.query == b"reasons=5"
    assert isinstance(second, Refused)
    assert (second.status, second.errors[0].detail) == (422, "expected a number")
    assert "Authorization" not in service.asked[0].headers


def test_the_key_is_that_of_the_environment_and_in_no_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FRAUD_API_KEY", "of-the-bank")
    service = Played([problem(401)])
    with caplog.at_level(logging.DEBUG), pytest.raises(NotAllowed) as told:
        Client("http://service", transport=httpx.MockTransport(service)).model()
    assert service.asked[0].headers["Authorization"] == "Bearer of-the-bank"
    assert "of-the-bank" not in caplog.text + str(told.value)


def test_both_clients_have_the_same_words() -> None:
    words = [{name for name in vars(kind) if not name.startswith("_")} for kind in (Client, AsyncClient)]
    assert words[0] == words[1] >= {"score", "score_batch", "tell_labels", "correct", "model", "prediction", "ready"}


def test_the_list_of_what_is_exported_is_whole_and_sorted() -> None:
    public = {name for name, value in vars(of_the_service).items() if isinstance(value, type)}
    assert of_the_service.__all__ == sorted(public)
