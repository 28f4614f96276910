"""Connections are bounded before a request is there: in number, in time to their headers, and while nobody reads."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from mlflow_fraud.serving.logs import FIELDS
from mlflow_fraud.serving.one_write import OneWrite
from mlflow_fraud.serving.problems import KINDS, MEDIA_TYPE, document

log = logging.getLogger(__name__)

HEADER_SECONDS = 5.0
"""So long a client may take from its connection, or its first letter after an answer, to the end of its headers."""

HEADER_BYTES = 16 * 1024
"""So large may headers be that come in pieces; what comes at once may be as large as one read."""

AHEAD = 100
"""So many requests of one connection may wait for the answer to the one before them."""

IDLE_SECONDS = 30
"""So long a connection stays without a request."""

UNREAD_SECONDS = 10.0
"""So long a client may take to read an answer."""

MOST = 1000
"""Connections at once, where the process may open so many files."""

QUEUE = 1024
"""Connections that wait in the system's own queue, where they cost this process nothing."""

NO_ROOM = "no-room"
"""Why a connection was refused or ended that found all others at work, or made room for another."""

OWN_FILES = 64
"""Descriptors left to the service's own files, stores and databases."""


@dataclass(frozen=True)
class Bounds:
    """How many connections there may be, and how many are let in at once: both fit below the limit on descriptors.

    The event loop takes up to `backlog` connections before it looks at the first of them, and closes one it has no room
    for three rounds later; so room is left for four times as many.
    """

    connections: int
    backlog: int
    header_seconds: float = HEADER_SECONDS

    @classmethod
    def within(cls, descriptors: int, most: int = MOST) -> Bounds:
        """Return the bounds for a process that may open so many files.

        >>> Bounds.within(256).connections, Bounds.within(1024).connections, Bounds.within(10**6).connections
        (128, 704, 1000)
        """
        backlog = min(max(descriptors // 16, 8), 128)
        return cls(max(min(most, descriptors - OWN_FILES - 4 * backlog), 8), backlog)

    @classmethod
    def of_this_process(cls) -> Bounds:
        """Return the bounds below the limit that this process was started with."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return cls.within(10**6 if soft == resource.RLIM_INFINITY else soft)


@dataclass
class Room:
    """All connections of a service, those without a whole request in the order since when."""

    bounds: Bounds
    refused: Callable[[str], None]
    waiting: dict[Connection, None] = field(default_factory=dict)


class _NotOurs(Exception):
    """What the parser reads and this service does not."""


class Connection(HttpToolsProtocol):
    """One client's connection.

    Where there are too many, the one that waits the longest for the end of a request goes; where none waits, the new
    one is told 503. So nobody keeps a place by what they do not send. What cannot be read is refused once what came
    before it is answered. The parser holds nothing back, so what a client sends without coming to the end of headers or
    to a piece of a body is counted here.
    """

    room: Room

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._begun = self._heard = False
        self._unheard = 0
        self._wrong: tuple[int, str] | None = None
        self._late: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(OneWrite(transport, self.loop))  # type: ignore[arg-type]
        self._waits()
        self._late = self.loop.call_later(self.room.bounds.header_seconds, self._headers_are_late)
        if len(self.connections) > self.room.bounds.connections:
            longest = next(iter(self.room.waiting))
            if longest is self:
                self._refuse(503, "expected a free connection, found all at work; try again in 1 s", retry=True)
            else:
                longest.leave()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self.room.waiting.pop(self, None)
        self._headers_are_there()
        self._answer_is_read()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; where headers have begun and are not whole, the time runs, and nothing that comes stops it."""
        if self._wrong:
            return
        self._heard = False
        super().data_received(data)
        self._unheard = 0 if self._heard else self._unheard + len(data)
        if self._unheard > HEADER_BYTES:
            self._refuse_next(431, f"expected headers of at most {HEADER_BYTES} bytes")
        elif self.cycle is not None and not self.cycle.response_complete:
            self._works()
            self._headers_are_there()
        elif self._late is None and not self.transport.is_closing():
            self._late = self.loop.call_later(self.room.bounds.header_seconds, self._headers_are_late)

    def on_message_begin(self) -> None:
        """Begin to read a request, where not too many wait already."""
        if len(self.pipeline) >= AHEAD:
            raise _NotOurs
        self._begun = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Read a header; what comes behind a body is left aside."""
        if self._begun:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand a request on, if it is of a version and for a host that can be told."""
        self._begun, self._heard = False, True
        version, hosts = self.parser.get_http_version(), sum(name == b"host" for name, _ in self.headers)
        if version not in ("1.0", "1.1") or hosts > 1 or (hosts == 0 and version == "1.1"):
            raise _NotOurs
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        self._heard = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """See the end of a request."""
        self._heard = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request, or see that the last answer gets away."""
        if self.transport.is_closing():
            self._let_go()
        else:
            self._waits()
        super().on_response_complete()
        if self.cycle is not None and not self.cycle.response_complete:  # one that had come already
            self._works()
        elif self._wrong:
            self._refuse(*self._wrong)

    def pause_writing(self) -> None:
        """Wait for the client to read, and not for ever."""
        super().pause_writing()
        self._unread = self._unread or self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on writing."""
        self._answer_is_read()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """End a connection on which nothing comes."""
        super().timeout_keep_alive_handler()
        self._let_go()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        if len(self.pipeline) >= AHEAD:
            self._refuse_next(429, f"expected at most {AHEAD} requests ahead of their answers")
        else:
            self._refuse_next(400, "expected a request in HTTP/1.1")

    def leave(self) -> None:
        """Make room for another connection."""
        self.room.waiting.pop(self, None)
        self.room.refused(NO_ROOM)
        self.transport.abort()

    def _waits(self) -> None:
        self.room.waiting.pop(self, None)
        self.room.waiting[self] = None

    def _works(self) -> None:
        if not self.cycle.more_body:
            self.room.waiting.pop(self, None)

    def _headers_are_there(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _answer_is_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _headers_are_late(self) -> None:
        self._late = None
        seconds = self.room.bounds.header_seconds
        if not self._begun:  # nobody asked anything
            self.transport.close()
            return
        self._refuse(408, f"expected whole headers within {seconds:g} seconds")

    def _let_go(self) -> None:
        """Have what is left of the connection cut off where the client does not read it."""
        if self.transport.get_write_buffer_size():
            self._unread = self._unread or self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def _refuse_next(self, status: int, sentence: str) -> None:
        """Refuse what comes now, behind the answers to whole requests that came before it."""
        under_way = self.cycle is not None and not self.cycle.response_complete
        if under_way and (self.pipeline or not self.cycle.more_body):
            self._wrong = (status, sentence)
            self.flow.pause_reading()
        else:
            self._refuse(status, sentence)

    def _refuse(self, status: int, sentence: str, *, retry: bool = False) -> None:
        """Answer in place of the application, and end the connection."""
        if self.transport.is_closing():
            return
        log.info("refused", extra={FIELDS: {"status": status, "kind": KINDS[status].name}})
        self.room.refused(NO_ROOM if retry else KINDS[status].name)
        begun = False
        if self.cycle is not None and not self.cycle.response_complete:
            begun = self.cycle.response_started
            self.cycle.disconnected = True  # what it sends is not waited for any more
            self.cycle.message_event.set()
        if not begun:
            body = document(status, sentence)
            more = b"retry-after: 1\r\n" if retry else b""
            headers = f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n".encode()
            self.transport.write(b"".join((STATUS_LINE[status], headers, more, b"\r\n", body)))
        self.transport.close()
        self._let_go()


class Server(uvicorn.Server):
    """A server whose queue in the system is longer than what it takes in at once.

    Both are one number to the event loop; of those that find the queue full each would try again after a second.
    """

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        for server in self.servers if self.started else ():
            for listening in server.sockets:
                with socket.socket(fileno=os.dup(listening.fileno())) as same:
                    same.listen(QUEUE)


def connections(bounds: Bounds, refused: Callable[[str], None] = lambda reason: None) -> type[Connection]:
    """Return the connections of one service, which share a room; `refused` hears why one gets no answer."""

    class Bounded(Connection):
        room = Room(bounds, refused)

    return Bounded
