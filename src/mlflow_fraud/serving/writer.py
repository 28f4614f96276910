"""What is scored goes into the record in the background; an answer waits for it, but not for long."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from threading import Condition, Event, Thread
from typing import Protocol

from mlflow_fraud.adapters.prediction_log.entries import Entry, Payment
from mlflow_fraud.core.errors import RecordUnavailable

log = logging.getLogger(__name__)

WAIT_SECONDS = 0.05
"""So long an answer waits for the record before it says `recorded: false`."""

AT_ONCE = 500
"""So many entries are written in one transaction at most."""

BACKLOG = 100_000
"""So many entries are held while the record cannot be written; of more the oldest are lost."""

RETRY_SECONDS = 0.5
TIDY_SECONDS = 1.0
CLOSE_SECONDS = 10.0

Waiting = tuple[Entry, Future[bool] | None]
"""An entry, and whom to tell that it is written; nobody where the answer has left."""


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
        self.trouble: str | None = None
        self.lost = 0
        self._log, self._most, self._wait = log, backlog, wait
        self._waiting: deque[Waiting] = deque()
        self._in_hand: list[Waiting] = []
        self._changed = Condition()  # the writer alone waits for it
        self._broken = False
        self._closing = Event()
        self._threads = [Thread(target=run, name=run.__name__, daemon=True) for run in (self._write, self._tidy)]
        for thread in self._threads:
            thread.start()

    def put(self, entry: Entry) -> Future[bool]:
        """Give an entry to be written; the future says whether it is, and is never an error."""
        done: Future[bool] = Future()
        with self._changed:
            if self.trouble:
                done.set_result(False)
            self._waiting.append((entry, None if self.trouble else done))
            if len(self._waiting) > self._most:
                self._lose_oldest()
            self._changed.notify()
        return done

    async def written(self, done: Future[bool]) -> bool:
        """Return whether an entry is in the record, after a short wait at most."""
        if done.done():
            return done.result()
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(done)), self._wait)
        except TimeoutError:
            with self._changed:
                self.trouble = self.trouble or f"the record did not take a payment within {self._wait * 1000:.0f} ms"
            return False

    def again(self, place: int) -> Future[bool]:
        """Return what says whether a payment that was given before is written."""
        found: Future[bool] = Future()
        with self._changed:
            for entry, done in (*self._in_hand, *self._waiting):
                if isinstance(entry, Payment) and entry.place == place:
                    if done is not None:
                        return done
                    found.set_result(False)
                    return found
        found.set_result(True)
        return found

    def unwritten(self) -> list[Payment]:
        """Return the payments that the record may not hold yet, in their order."""
        with self._changed:
            return [entry for entry, _ in (*self._in_hand, *self._waiting) if isinstance(entry, Payment)]

    def close(self) -> None:
        """Write what is left, for some seconds at most."""
        self._closing.set()
        with self._changed:
            self._changed.notify()
        for thread in self._threads:
            thread.join(CLOSE_SECONDS)
        left = len(self.unwritten())
        if left:
            log.error("%d payments are lost to the record: it could not be written to the end", left)

    def _write(self) -> None:
        while self._take_in_hand():
            try:
                self._log.append([entry for entry, _ in self._in_hand])
            except RecordUnavailable as error:
                self._put_back(str(error))
                if self._closing.wait(RETRY_SECONDS):
                    return
            else:
                self._let_go()

    def _take_in_hand(self) -> bool:
        """Take what waits, once there is something; return False where nothing more will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing.is_set())
            self._in_hand = [self._waiting.popleft() for _ in range(min(len(self._waiting), AT_ONCE))]
            return bool(self._in_hand)

    def _let_go(self) -> None:
        with self._changed:
            written, self._in_hand, self.trouble = self._in_hand, [], None
            mended, self._broken = self._broken, False
        if mended:
            log.warning("the record is written again")
        for _, done in written:
            if done is not None:
                done.set_result(True)

    def _put_back(self, trouble: str) -> None:
        with self._changed:
            given_up = [done for _, done in (*self._in_hand, *self._waiting) if done is not None]
            self._waiting = deque((entry, None) for entry, _ in (*self._in_hand, *self._waiting))
            self._in_hand, self.trouble = [], trouble
            new, self._broken = not self._broken, True
        if new:
            log.error("%s; answers go out all the same, with `recorded: false`", trouble)
        for done in given_up:
            done.set_result(False)

    def _lose_oldest(self) -> None:
        _, done = self._waiting.popleft()
        self.lost += 1
        if done is not None:
            done.set_result(False)

    def _tidy(self) -> None:
        while not self._closing.wait(TIDY_SECONDS):
            try:
                self._log.tidy()
            except RecordUnavailable as error:
                log.debug("not tidied: %s", error)
