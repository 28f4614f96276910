"""Connections that ask nothing, or slowly, or read nothing, take the place of nobody."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import polars as pl
import pytest
import uvicorn

from mlflow_fraud.serving import connections as module
from mlflow_fraud.serving.connections import AHEAD, HEADER_SECONDS, Bounds, Server, connections
from stack.place import free_ports
from tests.serving.conftest import MakeRelease, Raw
from tests.serving.service_process import Place, Service, answers, running_service
from tests.serving.test_body import memory

ASKED = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
ANSWERED = b"HTTP/1.1 200"
LARGE = 16_000_000
Connect = Callable[..., socket.socket]


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer at once; `/slow` when the client goes, `/large` with a lot."""
    if scope["path"] == "/slow":
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    body = b"x" * LARGE if scope["path"] == "/large" else b"ok"
    length = str(len(body)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def serving(bounds: Bounds) -> Iterator[int]:
    """Serve `app` on a thread of its own; yield the port."""
    (port,) = free_ports(1)
    config = uvicorn.Config(
        app, port=port, http=connections(bounds), ws="none", lifespan="off", backlog=bounds.backlog, log_config=None,
        timeout_graceful_shutdown=1, timeout_keep_alive=1,
    )  # fmt: skip
    server = Server(config)
    thread = Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield port
    finally:
        server.force_exit = server.should_exit = True
        thread.join()


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Open a connection and say something."""
    with ExitStack() as opened:

        def open_(port: int, said: bytes = b"") -> socket.socket:
            made = opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            made.sendall(said)
            return made

        yield open_


def rest(connection: socket.socket) -> bytes:
    """Return what comes until the other side ends the connection."""
    parts = []
    try:
        while part := connection.recv(65_536):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


def problem(answer: bytes) -> dict[str, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert b"connection: close" in head.lower()
    found: dict[str, Any] = json.loads(body)
    return found


def test_headers_that_come_letter_by_letter_are_waited_for_once(connect: Connect) -> None:
    with serving(Bounds(10, 8, header_seconds=0.3)) as port:
        slow, begun = connect(port, b"GET / HTTP/1.1\r\nx: "), time.monotonic()
        slow.settimeout(0.05)
        answer = b""
        while not answer and time.monotonic() - begun < 5:
            try:
                slow.sendall(b"a")
                answer = slow.recv(65_536)
            except TimeoutError:
                continue
        assert problem(answer)["status"] == 408
        assert 0.25 < time.monotonic() - begun < 2


def test_the_second_request_of_a_connection_has_no_longer(connect: Connect) -> None:
    with serving(Bounds(10, 8, header_seconds=0.3)) as port:
        slow, begun = connect(port, ASKED), time.monotonic()
        assert slow.recv(65_536).startswith(ANSWERED)
        slow.sendall(ASKED[:9])
        assert b" 408 " in rest(slow)
        assert time.monotonic() - begun < 0.9


def test_who_says_nothing_is_let_go_without_a_word(connect: Connect) -> None:
    with serving(Bounds(10, 8, header_seconds=0.2)) as port:
        assert rest(connect(port)) == b""


def test_who_waits_the_longest_makes_room_and_who_is_at_work_does_not(connect: Connect) -> None:
    with serving(Bounds(3, 8)) as port:
        at_work = connect(port, ASKED.replace(b"/ ", b"/slow "))
        time.sleep(0.1)
        first, second = connect(port), connect(port)
        time.sleep(0.1)
        third = connect(port, ASKED)
        assert third.recv(65_536).startswith(ANSWERED)
        assert rest(first) == b""
        second.sendall(ASKED)
        assert second.recv(65_536).startswith(ANSWERED)
        at_work.settimeout(0.1)
        with pytest.raises(TimeoutError):
            at_work.recv(1)


def test_a_body_that_does_not_come_keeps_no_place(connect: Connect) -> None:
    with serving(Bounds(2, 8)) as port:
        held = [connect(port, b"POST /slow HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nx") for _ in range(2)]
        time.sleep(0.1)
        assert connect(port, ASKED).recv(65_536).startswith(ANSWERED)
        assert rest(held[0]) == b""


def test_where_all_are_at_work_a_new_one_is_told_503(connect: Connect) -> None:
    with serving(Bounds(2, 8)) as port:
        for _ in range(2):
            connect(port, ASKED.replace(b"/ ", b"/slow "))
        time.sleep(0.1)
        answer = rest(connect(port))
        assert problem(answer)["status"] == 503
        assert b"retry-after: 1" in answer


@pytest.mark.parametrize(
    ("said", "status"),
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400, id="TLS"),
        pytest.param(b"GET /\r\n\r\n", 400, id="no version"),
        pytest.param(b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", 400, id="a length that is none"),
        pytest.param(b"GET / HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n", 400, id="two hosts"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="no host"),
        pytest.param(b"GET / HTTP/2.0\r\nhost: x\r\n\r\n", 400, id="another version"),
        pytest.param(b"POST /slow HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 400, id="no chunk"),
        pytest.param(b"GET / HTTP/1.1\r\nx: " + b"a" * 100_000, 431, id="headers without an end"),
    ],
)
def test_what_is_no_http_is_refused_in_words(connect: Connect, said: bytes, status: int) -> None:
    with serving(Bounds(3, 8)) as port:
        assert problem(rest(connect(port, said)))["status"] == status
        assert connect(port, ASKED).recv(65_536).startswith(ANSWERED)


def test_an_answer_that_nobody_reads_is_not_kept(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UNREAD_SECONDS", 0.2)
    with serving(Bounds(3, 8)) as port:
        kept, closing = (
            connect(port, ASKED.replace(b"/ ", b"/large ").replace(b"host", header + b"host"))
            for header in (b"", b"connection: close\r\n")
        )
        time.sleep(0.6)
        assert len(rest(kept)) < LARGE
        assert len(rest(closing)) < LARGE


def test_requests_that_come_together_are_answered_in_turn(connect: Connect) -> None:
    with serving(Bounds(3, 8)) as port:
        many = connect(port, ASKED * 20)
        assert rest(many).count(ANSWERED) == 20


def test_what_is_no_http_is_refused_behind_the_answers_to_what_came_before_it(connect: Connect) -> None:
    with serving(Bounds(3, 8)) as port:
        answers_there_are = rest(connect(port, ASKED * 3 + b"\x16\x03\r\n\r\n"))
        assert [part[:3] for part in answers_there_are.split(b"HTTP/1.1 ")[1:]] == [b"200"] * 3 + [b"400"]


def test_so_many_requests_wait_and_no_more(connect: Connect) -> None:
    with serving(Bounds(3, 8)) as port:
        said = [part[:3] for part in rest(connect(port, ASKED * (2 * AHEAD))).split(b"HTTP/1.1 ")[1:]]
        assert said == [b"200"] * (AHEAD + 1) + [b"429"]


def test_what_follows_a_body_without_an_end_is_not_kept(connect: Connect) -> None:
    chunked = b"POST /slow HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
    with serving(Bounds(3, 8)) as port:
        connection = connect(port, chunked)
        time.sleep(0.1)
        connection.sendall(b"x: " + b"a" * 100_000)
        assert problem(rest(connection))["status"] == 431


@pytest.mark.parametrize("descriptors", [64, 100, 256, 1024, 4096, 10**6])
def test_connections_and_those_that_are_let_in_at_once_fit_below_the_descriptors(descriptors: int) -> None:
    bounds = Bounds.within(descriptors)
    assert bounds.connections + 4 * bounds.backlog <= max(descriptors - 60, 40)


DESCRIPTORS = 256


@pytest.mark.slow
def test_a_service_of_few_descriptors_answers_while_hundreds_hold_on_to_it(
    location: Path,
    make_release: MakeRelease,
    stream: pl.DataFrame,
    raw: Raw,
    tmp_path: Path,
    connect: Connect,
) -> None:
    release, place = make_release(), Place(str(location), "", dict(os.environ))
    place.store.put(release)
    place.promote(release.manifest.version)
    rows = [raw(row) for row in stream.iter_rows(named=True)]
    with running_service(place, tmp_path, descriptors=DESCRIPTORS) as service:
        before = memory(service.process.pid)
        half_open = [connect(service.port) for _ in range(450)]
        half_said = [connect(service.port, ASKED[:20]) for _ in range(450)]
        for row in rows[:20]:
            service.score(row)
            assert answers(service.port, "/livez")
        assert open_files(service) < DESCRIPTORS
        with_bodies = [connect(service.port, head(60_000) + b"x" * 50_000) for _ in range(60)]
        for row in rows[20:30]:
            service.score(row)
        assert memory(service.process.pid) - before < 30_000_000
        time.sleep(HEADER_SECONDS + 1)
        assert [len(rest(each)) for each in half_open] == [0] * 450
        statuses = {rest(each)[9:12] for each in half_said}
        assert statuses <= {b"408", b""}
        assert {rest(each)[9:12] for each in with_bodies} <= {b"408", b""}
        assert open_files(service) < 60
        service.score(rows[30])
    assert "out of system resource" not in (tmp_path / "service.log").read_text()


def head(length: int) -> bytes:
    typed = b"POST /v1/score HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    return typed + b"content-length: %d\r\n\r\n" % length


def open_files(service: Service) -> int:
    return len(list(Path(f"/proc/{service.process.pid}/fd").iterdir()))
