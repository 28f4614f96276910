"""A client that sends when a request is due, whatever became of those before: a stall is seen by all that it keeps.

`python -m benchmarks.open_loop FILE FIRST NUMBER PORT PATH RATE` sends lines of a file and prints what it saw as JSON.
A rate of 0 sends as soon as one of its connections is free. At another one the first half second is answered and its
waits do not count: a virtual machine puts aside a server that was not asked for some seconds (docs/serving.md).
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections import deque
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import uvloop

CONNECTIONS = 16
GIVEN_UP = 5.0
"""So late a request may be begun: what is late by more cannot keep up with the rate."""

BEHIND = 0.05
"""Who takes longer than the requests did to come, by so much of it, does not keep up."""

BEGIN = 0.5
"""So many seconds of requests are sent before latencies count."""

EARLY = 0.0005
"""So much too early the loop's timers may be, which have whole milliseconds."""

WHENEVER = 0.0


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
    """One request at a time; `answered` hears of each whether it was answered well, and how."""

    def __init__(self, answered: Callable[[_Connection, bool, bytes], None]) -> None:
        self._answered, self._read, self._waits = answered, b"", False
        self.transport: asyncio.Transport | None = None
        self.due = 0.0

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, _, body = self._read.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if length and len(body) >= int(length):
            self._read = b""
            self._end(head[9:12] == b"200", body)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(False, b"")

    def ask(self, request: bytes, due: float) -> None:
        """Send a request that was due at a moment."""
        self.due, self._waits = due, True
        if self.transport is None or self.transport.is_closing():  # or nobody would say that there is no answer
            asyncio.get_running_loop().call_soon(self._end, False, b"")
        else:
            self.transport.write(request)

    def _end(self, well: bool, body: bytes) -> None:
        if self._waits:
            self._waits = False
            self._answered(self, well, body)


class _Client:
    """Some connections; a request for which none is free waits, and is sent as soon as one is."""

    def __init__(self) -> None:
        self.waiting = deque[tuple[bytes, float]]()
        self.late, self.counts_from = list[float](), WHENEVER
        self.ended, self.good, self.flagged = 0, 0, 0
        self._free, self._under_way, self._idle = list[_Connection](), 0, asyncio.Event()

    async def connect(self, port: int) -> None:
        """Open the connections."""
        loop = asyncio.get_running_loop()
        for _ in range(CONNECTIONS):
            transport, made = await loop.create_connection(lambda: _Connection(self._answered), "127.0.0.1", port)
            made.transport = transport
            self._free.append(made)

    def ask(self, request: bytes, due: float) -> None:
        """Have a request sent that is due at a moment, or whenever it is sent where that is `WHENEVER`."""
        self.waiting.append((request, due))
        if self._free:
            self._send(self._free.pop())

    async def rest(self) -> None:
        """Wait for the answers to all that was asked."""
        while self._under_way or self.waiting:
            self._idle.clear()
            await self._idle.wait()

    def _send(self, connection: _Connection) -> None:
        request, due = self.waiting.popleft()
        self._under_way += 1
        connection.ask(request, due or time.perf_counter())

    def _answered(self, connection: _Connection, well: bool, body: bytes) -> None:
        if connection.due >= self.counts_from:
            self.late.append(time.perf_counter() - connection.due)
        self.ended += 1
        self.good, self.flagged = self.good + well, self.flagged + (b'"decision":"flag"' in body)
        self._under_way -= 1
        if self.waiting:
            self._send(connection)
        else:
            self._free.append(connection)
            self._idle.set()


async def send(requests: list[bytes], port: int, rate: float) -> Seen:
    """Send requests at a rate, or as fast as they are answered."""
    client, kept_up = _Client(), True
    await client.connect(port)
    begun = time.perf_counter()
    client.counts_from = begun + BEGIN if rate else WHENEVER
    for number, request in enumerate(requests):
        due = begun + number / rate if rate else WHENEVER
        while (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait + EARLY)
        if client.waiting and rate and time.perf_counter() - client.waiting[0][1] > GIVEN_UP:
            kept_up = False
            client.waiting.clear()
            break
        client.ask(request, due)
    await client.rest()
    taken = time.perf_counter() - begun
    kept_up = kept_up and (not rate or taken <= len(requests) / rate * (1 + BEHIND))
    p50, p99 = (np.quantile(client.late or [np.nan], [0.5, 0.99]) * 1e3).tolist()
    return Seen(client.good, client.ended - client.good, client.flagged, taken, p50, p99, kept_up)


def beginning(rate: float) -> int:
    """Return how many requests come before those whose latencies count."""
    return int(rate * BEGIN)


def request_of(body: bytes, port: int, path: str) -> bytes:
    """Return what a client sends."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _main(file: str, first: str, number: str, port: str, path: str, rate: str) -> None:
    with Path(file).open("rb") as lines:
        bodies = [line.rstrip(b"\n") for line in islice(lines, int(first), int(first) + int(number))]
    requests = [request_of(body, int(port), path) for body in bodies]
    gc.disable()  # a pause of the client's own would be laid to the server's charge
    print(json.dumps(uvloop.run(send(requests, int(port), float(rate)))))


if __name__ == "__main__":
    _main(*sys.argv[1:])
