"""A client that sends when a request is due, whatever became of those before: a stall is seen by all that it keeps.

`python -m benchmarks.open_loop FILE FIRST NUMBER PORT PATH RATE` sends lines of a file and prints what it saw as JSON.
A rate of 0 sends as soon as one of its connections is free.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

CONNECTIONS = 16
GIVEN_UP = 5.0
"""So late a request may be begun: what is late by more cannot keep up with the rate."""


class Seen(NamedTuple):
    """What became of requests: how many were answered well a second, and latencies from when they were due in ms."""

    answered: int
    refused: int
    flagged: int
    seconds: float
    p50: float
    p99: float
    kept_up: bool


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self) -> None:
        self._read, self._answer = b"", asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, _, body = self._read.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if length and len(body) >= int(length):
            self._read = b""
            self._answer.set_result((head[9:12] == b"200", body))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._answer.done():
            self._answer.set_result((False, b""))

    async def ask(self, request: bytes) -> tuple[bool, bytes]:
        """Send a request, and return whether it was answered well, and how."""
        if self.transport.is_closing():  # or nobody would say that there is no answer
            return False, b""
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        answer: tuple[bool, bytes] = await self._answer
        return answer


async def send(requests: list[bytes], port: int, rate: float) -> Seen:
    """Send requests at a rate, or as fast as they are answered."""
    loop, late, good, flagged, kept_up = asyncio.get_running_loop(), list[float](), 0, 0, True
    free: asyncio.Queue[_Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait((await loop.create_connection(_Connection, "127.0.0.1", port))[1])

    async def one(connection: _Connection, request: bytes, due: float) -> None:
        nonlocal good, flagged
        well, body = await connection.ask(request)
        late.append(time.perf_counter() - due)
        good, flagged = good + well, flagged + (b'"decision":"flag"' in body)
        free.put_nowait(connection)

    under_way, begun = set[asyncio.Task[None]](), time.perf_counter()
    for number, request in enumerate(requests):
        due = begun + number / rate if rate else 0.0
        if rate and (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        connection = await free.get()
        if rate and time.perf_counter() - due > GIVEN_UP:
            kept_up = False
            break
        task = loop.create_task(one(connection, request, due or time.perf_counter()))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)
    taken = time.perf_counter() - begun
    p50, p99 = (np.quantile(late, [0.5, 0.99]) * 1e3).tolist()
    return Seen(good, len(late) - good, flagged, taken, p50, p99, kept_up)


def request_of(body: bytes, port: int, path: str) -> bytes:
    """Return what a client sends."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _main(file: str, first: str, number: str, port: str, path: str, rate: str) -> None:
    with Path(file).open("rb") as lines:
        bodies = [line.rstrip(b"\n") for line in islice(lines, int(first), int(first) + int(number))]
    requests = [request_of(body, int(port), path) for body in bodies]
    print(json.dumps(asyncio.run(send(requests, int(port), float(rate)))))


if __name__ == "__main__":
    _main(*sys.argv[1:])
