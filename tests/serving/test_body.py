"""A body is bounded before it is read: in size, in time and in form."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
from collections.abc import AsyncIterator, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.core.contract.bounds import BODY_BYTES
from mlflow_fraud.serving.body import BoundedBody, within
from mlflow_fraud.serving.telling import LABELS_BYTES
from tests.serving.conftest import MakeRelease
from tests.serving.service_process import JSON, Place, running_service

Sent = list[dict[str, Any]]
JSON_TYPE = (b"content-type", b"application/json")


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with what was sent."""
    message = await receive()
    assert not message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": message["body"]})


def asked(
    pieces: list[bytes], *headers: tuple[bytes, bytes], wait: float = 0, path: str = "/"
) -> tuple[int, bytes, int]:
    """Send a body in pieces; return the status, the answer, and how many pieces were taken."""
    sent: Sent = []
    taken = 0

    async def messages() -> AsyncIterator[dict[str, Any]]:
        nonlocal taken
        for number, piece in enumerate(pieces, start=1):
            await asyncio.sleep(wait)
            taken = number
            yield {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        yield {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def ask() -> None:
        source = messages()
        app = BoundedBody(echo, at_most=1000, larger={"/many": 2000}, seconds=0.2)
        scope = {"type": "http", "method": "POST", "path": path, "headers": list(headers)}
        await app(scope, lambda: anext(source), send)  # type: ignore[arg-type]

    asyncio.run(ask())
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]), taken


def test_a_body_in_pieces_is_handed_on_whole() -> None:
    assert asked([b"a" * 400, b"", b"b" * 600]) == (200, b"a" * 400 + b"b" * 600, 3)


def test_a_request_without_a_body_is_handed_on() -> None:
    assert asked([b""]) == (200, b"", 1)


@pytest.mark.parametrize("kind", [b"text/plain", b"application/x-www-form-urlencoded", b"", b"application/jsonp"])
def test_a_body_that_is_no_json_by_its_header_is_refused(kind: bytes) -> None:
    """A page in somebody's browser can send such a one to this machine without being asked; JSON it cannot."""
    headers = [(b"content-length", b"2"), *([(b"content-type", kind)] if kind else [])]
    assert asked([b"{}"], *headers)[0] == 415


@pytest.mark.parametrize("kind", [b"application/json", b"Application/JSON; charset=utf-8"])
def test_json_is_told_by_its_header_in_any_spelling(kind: bytes) -> None:
    assert asked([b"{}"], (b"content-length", b"2"), (b"content-type", kind))[:2] == (200, b"{}")


def test_a_refused_body_of_small_size_is_taken_in_so_that_the_connection_stays() -> None:
    assert asked([b"a", b"b"], (b"content-length", b"2"))[2] == 2


def test_a_path_may_have_a_larger_bound() -> None:
    assert asked([b"a" * 1500], path="/many")[0] == 200
    assert asked([b"a" * 2001], path="/many")[0] == 413


def test_a_body_that_says_it_is_too_large_is_refused_unread() -> None:
    status, answer, taken = asked([b"a"] * 3, (b"content-length", b"1001"), (b"expect", b"100-continue"))
    assert (status, taken) == (413, 0)
    assert json.loads(answer)["detail"].startswith("expected a body of at most 1000 bytes")


@pytest.mark.parametrize("declared", [b"9" * 5000, b"1" + b"0" * 30])
def test_a_length_that_is_no_length_is_too_large(declared: bytes) -> None:
    assert asked([b"a"], (b"content-length", declared))[0] == 413


def test_a_body_without_a_length_is_refused_once_it_is_too_large() -> None:
    assert asked([b"a" * 400] * 9)[0] == 413


def test_a_body_of_just_the_size_is_taken() -> None:
    assert asked([b"a" * 1000], (b"content-length", b"1000"), JSON_TYPE)[0] == 200
    assert asked([b"a" * 1001], (b"content-length", b"17"), JSON_TYPE)[0] == 413


@pytest.mark.parametrize("encoding", [b"gzip", b"GZIP", b"deflate", b"br", b"gzip, gzip"])
def test_a_compressed_body_is_refused(encoding: bytes) -> None:
    status, answer, _ = asked([gzip.compress(b"a" * 10**6)], (b"content-encoding", encoding))
    assert status == 415
    assert b"without a content-encoding" in answer


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    status, answer, taken = asked([b"a"] * 50, wait=0.05)
    assert (status, taken < 10) == (408, True)
    assert b"within 0.2 seconds" in answer


def test_a_client_that_goes_away_gets_no_answer() -> None:
    sent: Sent = []

    async def ask() -> None:
        async def gone() -> dict[str, Any]:
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await BoundedBody(echo)({"type": "http", "path": "/", "headers": []}, gone, send)  # type: ignore[arg-type]

    asyncio.run(ask())
    assert sent == []


def pieces(number: int) -> Iterator[bytes]:
    for _ in range(number):
        yield b"x" * 65_536


@pytest.mark.slow
def test_a_service_answers_large_bodies_and_keeps_none_of_them(
    location: Path, make_release: MakeRelease, tmp_path: Path
) -> None:
    release, place = make_release(), Place(str(location), "", dict(os.environ))
    place.store.put(release)
    place.promote(release.manifest.version)
    with running_service(place, tmp_path) as service:
        before = memory(service.process.pid)
        for path, at_most in (("/v1/score", BODY_BYTES), ("/v1/labels", LABELS_BYTES)):
            for body, chunked in ((b"x" * 50_000_000, False), (pieces(400), True), (b"x" * (at_most + 1), False)):
                connection = HTTPConnection("127.0.0.1", service.port, timeout=30)
                connection.request(
                    "POST",
                    path,
                    body,
                    encode_chunked=chunked,
                    headers=JSON | ({"Transfer-Encoding": "chunked"} if chunked else {}),
                )
                answer = connection.getresponse()
                assert (answer.status, "at most" in answer.read().decode()) == (413, True)
                connection.close()
        assert memory(service.process.pid) - before < 20_000_000
    log = PredictionLog(f"sqlite:///{tmp_path / 'record.db'}")
    assert log.last_place() == 0
    log.close()


def memory(process: int) -> int:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_a_body_that_is_there_needs_no_timer() -> None:
    async def there() -> bytes:
        return b"{}"

    with pytest.raises(StopIteration) as read:  # without an event loop, which alone has timers
        within(10, there()).send(None)
    assert read.value.value == b"{}"


def test_one_that_waits_for_a_body_can_be_cancelled() -> None:
    async def cancelled() -> bool:
        seen: list[str] = []

        async def never() -> bytes:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise
            return b""

        task = asyncio.ensure_future(within(10, never()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return seen == ["cancelled"]

    assert asyncio.run(cancelled())
