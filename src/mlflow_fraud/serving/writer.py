"""What is scored goes into the record in the background; an answer waits for it, but not for long."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Condition, Event, Lock, Thread
from typing import Protocol

from mlflow_fraud.adapters.prediction_log.entries import Entry, Payment, Reasoned
from mlflow_fraud.core.errors import RecordUnavailable
from mlflow_fraud.serving.priority import step_back

log = logging.getLogger(__name__)

WAIT_SECONDS = 0.05
"""So long an answer waits for the record before it says `recorded: false`."""

AT_ONCE = 500
"""So many entries are written in one transaction at most."""

BACKLOG = 100_000
"""So many entries are held while the record cannot be written; of more the oldest are lost."""

RETRY_SECONDS = 0.5
TIDY_SECONDS = 1.0
IDLE_SECONDS = 0.5
CLOSE_SECONDS = 10.0


class Ticket:
    """Says of one entry whether it is written: None while that is not known."""

    __slots__ = ("waiters", "written")

    def __init__(self, written: bool | None = None) -> None:
        self.written = written
        self.waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    @property
    def is_open(self) -> bool:
        """Whether it is not known yet."""
        return self.written is None


Waiting = tuple[Entry, Ticket]


class Log(Protocol):
    """Where entries are kept."""

    def append(self, entries: Sequence[Entry]) -> None:
        """Keep all or none; raise `RecordUnavailable` where that cannot be done now."""

    def tidy(self) -> None:
        """Do what need not be done while an answer waits."""


class Writer:
    """Writes entries in the order in which they come, as many at once as are there, in a thread of its own.

    Where the record cannot be written, entries wait in memory and no answer waits for them any more (the breaker),
    until one try succeeds. `trouble` says why; `lost` counts those for which there was no room.
    """

    def __init__(self, log: Log, *, backlog: int = BACKLOG, wait: float = WAIT_SECONDS) -> None:
        self.lost = 0
        self._trouble: str | None = None  # of the last write
        self._noticed: str | None = None  # of the last look, while nothing is written
        self._log, self._most, self._wait = log, backlog, wait
        self._waiting: deque[Waiting] = deque()
        self._in_hand: list[Waiting] = []
        self._open: dict[int, Ticket] = {}  # by place, of the payments in both
        self._lock = Lock()
        self._idle, self._flushing = Condition(self._lock), 0
        self._sleeps, self._alarm = False, Lock()  # which the writer alone waits for: a condition costs more than it
        self._alarm.acquire()
        self._broken = False
        self._closing = Event()
        self._threads = [Thread(target=run, name=run.__name__, daemon=True) for run in (self._write, self._tidy)]
        for thread in self._threads:
            thread.start()

    @property
    def trouble(self) -> str | None:
        """Why the record cannot be written now, None where it can."""
        return self._trouble or self._noticed

    def put(self, entry: Entry) -> Ticket:
        """Give an entry to be written; the ticket says whether it is."""
        with self._lock:
            ticket = self._take(entry)
            self._rouse()
        return ticket

    def put_all(self, entries: Sequence[Entry]) -> list[Ticket]:
        """Give entries to be written together; the tickets say whether each is.

        They are begun once there are `AT_ONCE`, something comes alone, or one is waited for: a thread that writes a few
        of many takes turns with the one that makes the others, and turns cost more than the writing.
        """
        with self._lock:
            tickets = [self._take(entry) for entry in entries]
            if len(self._waiting) >= AT_ONCE:
                self._rouse()
        return tickets

    async def written(self, ticket: Ticket) -> bool:
        """Return whether an entry is in the record, after a short wait at most."""
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        with self._lock:
            if ticket.written is not None:
                return ticket.written
            ticket.waiters.append((loop, waiter))
            self._rouse()
        patience = loop.call_later(self._wait, _wake, [waiter])
        await waiter
        patience.cancel()
        if ticket.is_open:
            with self._lock:
                if ticket.is_open:
                    self._trouble = self._trouble or f"no payment was taken within {self._wait * 1000:.0f} ms"
        return bool(ticket.written)

    def leave_out(self, unwanted: Callable[[Payment], bool]) -> None:
        """Write none of the payments that wait of which a function says so."""
        gone, kept = list[Waiting](), deque[Waiting]()
        with self._lock:
            for each in self._waiting:
                (gone if isinstance(each[0], Payment) and unwanted(each[0]) else kept).append(each)
            self._waiting = kept
            self._forget(gone)
            told = self._tell([ticket for _, ticket in gone], False)
        _wake_all(told)

    def again(self, place: int) -> Ticket:
        """Return the ticket of a payment that was given before."""
        with self._lock:
            return self._open.get(place) or Ticket(True)

    def flush(self) -> None:
        """Wait until all that was given is written, or cannot be."""
        with self._lock:
            self._rouse()
            self._flushing += 1
            while (self._in_hand or self._waiting) and not self._broken:
                self._idle.wait(IDLE_SECONDS)
            self._flushing -= 1

    def unwritten(self) -> list[Payment]:
        """Return the payments that the record may not hold yet, in their order."""
        with self._lock:
            return [entry for entry, _ in (*self._in_hand, *self._waiting) if isinstance(entry, Payment)]

    @property
    def backlog(self) -> int:
        """How many payments the record may not hold yet."""
        return len(self._open)

    def close(self) -> None:
        """Write what is left, for some seconds at most."""
        self._closing.set()
        with self._lock:
            self._rouse()
        for thread in self._threads:
            thread.join(CLOSE_SECONDS)
        left = self.backlog
        if left:
            log.error("%d payments are lost to the record: it could not be written to the end", left)

    def _take(self, entry: Entry) -> Ticket:
        ticket = Ticket(False if self._trouble else None)
        self._waiting.append((entry, ticket))
        if isinstance(entry, Payment):
            self._open[entry.place] = ticket
        if len(self._waiting) > self._most:
            self._lose_oldest()
        return ticket

    def _rouse(self) -> None:
        """Wake the writer where it sleeps, with the lock held."""
        if self._sleeps:
            self._sleeps = False
            self._alarm.release()

    def _write(self) -> None:
        while self._take_in_hand():
            try:
                self._write_in_hand()
            except RecordUnavailable as error:
                self._put_back(str(error))
                if self._closing.wait(RETRY_SECONDS):
                    return
            else:
                self._let_go()

    def _write_in_hand(self) -> None:
        try:
            self._log.append([entry for entry, _ in self._in_hand])
        except RecordUnavailable:
            raise
        except Exception:  # whatever it is, what comes after it has to be written
            log.exception("what no record takes is left out of %d entries", len(self._in_hand))
            self._write_one_by_one()

    def _take_in_hand(self) -> bool:
        """Take what waits, once there is something; return False where nothing more will come."""
        while True:
            with self._lock:
                if self._waiting or self._closing.is_set():
                    if len(self._waiting) <= AT_ONCE:
                        self._in_hand = list(self._waiting)
                        self._waiting.clear()
                    else:
                        self._in_hand = [self._waiting.popleft() for _ in range(AT_ONCE)]
                    return bool(self._in_hand)
                self._sleeps = True
            self._alarm.acquire()

    def _write_one_by_one(self) -> None:
        """Write what is in hand one by one, without what no record takes; what an outage stops stays in hand."""
        while self._in_hand:
            entry, ticket = self._in_hand[0]
            try:
                self._log.append([entry])
            except RecordUnavailable:
                raise
            except Exception as error:
                log.error("an entry is lost to the record: %s", type(error).__name__)
                self._let_go_of_first(ticket, written=False)
            else:
                self._let_go_of_first(ticket, written=True)

    def _let_go_of_first(self, ticket: Ticket, *, written: bool) -> None:
        with self._lock:
            entry, _ = self._in_hand[0]
            self._forget(self._in_hand[:1])
            del self._in_hand[0]
            self.lost += not written and _cannot_be_had_again(entry)
            told = self._tell([ticket], written)
        _wake_all(told)

    def _let_go(self) -> None:
        with self._lock:
            told = self._tell([ticket for _, ticket in self._in_hand], True)
            mended = self._broken or self._noticed
            self._forget(self._in_hand)
            self._in_hand, self._trouble, self._noticed, self._broken = [], None, None, False
            if self._flushing:
                self._idle.notify_all()
        if mended:
            log.warning("the record is written again")
        _wake_all(told)

    def _put_back(self, trouble: str) -> None:
        with self._lock:
            left = (*self._in_hand, *self._waiting)
            told = self._tell([ticket for _, ticket in left], False)
            self._waiting = deque(left)
            new = not self._broken or trouble != self._trouble
            self._in_hand, self._trouble, self._broken = [], trouble, True
            self._idle.notify_all()
        if new:
            log.error("%s; answers go out all the same, with `recorded: false`", trouble)
        _wake_all(told)

    def _tell(self, tickets: list[Ticket], written: bool) -> Waiters:
        """Write on tickets what became of them; return who waits for them, by event loop."""
        told: Waiters = {}
        for ticket in tickets:
            ticket.written = written
            for loop, waiter in ticket.waiters:
                told.setdefault(loop, []).append(waiter)
            ticket.waiters = []
        return told

    def _forget(self, settled: Sequence[Waiting]) -> None:
        for entry, _ in settled:
            if isinstance(entry, Payment):
                self._open.pop(entry.place, None)

    def _lose_oldest(self) -> None:
        oldest = self._waiting.popleft()
        self.lost += _cannot_be_had_again(oldest[0])
        self._forget([oldest])
        _wake_all(self._tell([oldest[1]], False))

    def _tidy(self) -> None:
        step_back()
        while not self._closing.wait(TIDY_SECONDS):
            with self._lock:
                self._rouse()  # of a batch whose client is gone nobody waits
            try:
                self._log.tidy()
            except RecordUnavailable as error:
                self._notice(str(error))
            else:
                self._notice(None)

    def _notice(self, trouble: str | None) -> None:
        """Remember what troubles the record also while nothing is written."""
        with self._lock:
            before, self._noticed = self._noticed, trouble
            written = self._trouble is None
        if trouble and not before and written:
            log.error("%s", trouble)
        elif before and not trouble and written:
            log.warning("the record can be used again")


def _cannot_be_had_again(entry: Entry) -> bool:
    """Return whether an entry that is not written is lost: reasons can be worked out again."""
    return not isinstance(entry, Reasoned)


Waiters = dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]]


def _wake_all(waiters: Waiters) -> None:
    for loop, waiting in waiters.items():
        with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            loop.call_soon_threadsafe(_wake, waiting)


def _wake(waiters: list[asyncio.Future[None]]) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)
