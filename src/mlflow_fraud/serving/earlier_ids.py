"""The ids that the record had at a start, read while the service answers already."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread

from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.core.errors import RecordUnavailable
from mlflow_fraud.core.progress import Progress, Step, tell
from mlflow_fraud.serving.known_ids import Earlier, KnownIds

log = logging.getLogger(__name__)

AT_ONCE = 10_000
"""So many places are read at once; between two of them requests get their turn."""

RETRY_SECONDS = 1.0
STOP_SECONDS = 10.0
WORK = "reading the newest ids"


class EarlierIds:
    """Hands the newest ids of the record to `known`, in a thread of its own.

    Until `known_by_now` nothing may be called new without a look into the record. What comes meanwhile is added to
    `known` by whoever takes it in, with the same `lock` held.
    """

    def __init__(self, log: PredictionLog, known: KnownIds, lock: Lock, *, at_most: int, progress: Progress) -> None:
        self.known_by_now = False
        self._log, self._known, self._lock, self._most, self._progress = log, known, lock, at_most, progress
        self._ended, self._closing, self._turn = Event(), Event(), Event()
        self._turn.set()
        self._thread = Thread(target=self._run, name="earlier-ids", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Return whether they are known within so many seconds."""
        self._ended.wait(seconds)
        return self.known_by_now

    @contextmanager
    def after(self) -> Iterator[None]:
        """Let what the first answer waits for go first, until the block ends."""
        self._turn.clear()
        try:
            yield
        finally:
            self._turn.set()

    def close(self) -> None:
        """Stop reading."""
        self._closing.set()
        self._turn.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        try:
            while not self._closing.is_set() and not self._read():
                self._closing.wait(RETRY_SECONDS)
        except Exception:  # whatever it is, each id is looked up in the record then
            log.exception("the newest ids cannot be read; each is looked up in the record")
        finally:
            self._ended.set()

    def _read(self) -> bool:
        """Return whether all were read."""
        try:
            newest = self._log.newest_ids(self._most)
            earlier, total = Earlier(), newest.last - newest.first + 1
            for place in range(newest.first, newest.last + 1, AT_ONCE):
                tell(self._progress, Step(WORK, place - newest.first, total, "payments"))
                self._turn.wait()
                if self._closing.is_set():
                    return False
                earlier.add(self._log.ids(place, min(place + AT_ONCE - 1, newest.last)), newest.latest)
        except RecordUnavailable as error:
            log.warning("the newest ids are read again: %s", error)
            return False
        with self._lock:
            self._known.come_before(earlier)
            self._known.forget(newest.latest_of_others)
        self.known_by_now = True
        tell(self._progress, Step(WORK, total, total, "payments"))
        return True
