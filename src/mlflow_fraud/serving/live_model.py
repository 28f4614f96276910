"""The model that answers now: the newest release that could be trusted."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event, Thread

from mlflow_fraud.adapters.last_good import LastGood
from mlflow_fraud.adapters.prediction_log.connection import RecordDamaged
from mlflow_fraud.adapters.release_store import Pointer, ReleaseStore
from mlflow_fraud.core.contract.pseudonym_key import PseudonymKey
from mlflow_fraud.core.errors import DataError, FraudError, RecordUnavailable, ReleaseRejected, SettingsError
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.release.release import Release
from mlflow_fraud.serving.clock import RECORDED, MakeClock
from mlflow_fraud.serving.history import History
from mlflow_fraud.serving.loading import LiveRelease, Tally, load_release, uncounted
from mlflow_fraud.serving.record import Record
from mlflow_fraud.serving.warm_start import warm_history

log = logging.getLogger(__name__)

REST_POLLS = 30
"""A refused release is looked at again after so many polls: it may have been mended in its place."""

STOP_SECONDS = 10.0


class LiveModel:
    """Follows the store's pointer. A request takes `current` once and uses nothing else.

    `trouble` says why the newest release is not the one that answers; it is None when it is. `from_copy` says that the
    service began with the copy of the release that answered last, and `unscored` counts the scores that were no number.
    `read_at` is when the store last said which release is live, `confirmed_at` when that was the one that answers, both
    by the monotonic clock and from the start on; `refused` counts the releases that were. `hopeless` says why no start
    can ever succeed, and `end` is called then.
    """

    def __init__(
        self,
        store: ReleaseStore,
        record: Record,
        clock: MakeClock = RECORDED,
        last_good: LastGood | None = None,
        key: PseudonymKey | None = None,
        tally_of: Callable[[str], Tally] = lambda version: uncounted,
    ) -> None:
        """`tally_of` a version counts its answers."""
        self.current: LiveRelease | None = None
        self.hopeless: RecordDamaged | None = None
        self.end: Callable[[], None] = lambda: None
        self.trouble: str | None = None
        self.from_copy = False
        self.unscored = self.refused = 0
        self.read_at = self.confirmed_at = time.monotonic()
        self._tally_of = tally_of
        self._last_good = last_good
        self._key = key
        self._copy_tried = False
        self._store = store
        self._record = record
        self._clock = clock
        self._refused: Pointer | None = None
        self._rest = 0
        self._outdated = False  # while the past has what was forgotten or put in quarantine

    def poll(self) -> None:
        """Look once at the pointer; load what it names when that is new. Never raises for a bad release.

        Labels that another process has written to the record since are taken in, too.
        """
        self._look()
        self._follow()

    def _look(self) -> None:
        try:
            pointer = self._store.latest()
            self.read_at = time.monotonic()
            if pointer is None and self.current is not None and not self.from_copy:
                raise ReleaseRejected(f"nothing is live any more in {self._store}; was it emptied? Restore it")
            if pointer is None or self._may_rest(pointer):
                return
            if self.current is None or self.current.manifest.version != pointer.version:
                self._go_live(pointer)
            self._refused = self.trouble = None
            self.from_copy = False
            self.confirmed_at = time.monotonic()
        except FraudError as error:
            self._stay(str(error))
            if self.current is None and isinstance(error, RecordDamaged):
                self.hopeless = error
                self.end()
        except Exception as error:  # whatever it is, the service goes on with what it has
            log.exception("looking for a new release failed")
            self._stay(repr(error))

    def _follow(self) -> None:
        if self.current is None:
            return
        try:
            self._outdated = self.current.history.follow() or self._outdated
            if self._outdated:
                again = warm_history(self.current.schema, self._record, self._clock)
                self.current, self._outdated = replace(self.current, history=again), False
                log.info("people were forgotten or a span is in quarantine; the past is the record's anew")
        except RecordUnavailable as error:
            log.warning("what others told the record is not read now: %s", error)

    def _may_rest(self, pointer: Pointer) -> bool:
        """Return whether `pointer` was refused a short while ago."""
        self._rest = max(self._rest - 1, 0)
        return pointer == self._refused and self._rest > 0

    def _go_live(self, pointer: Pointer) -> None:
        try:
            release = self._store.fetch(pointer.version)
            loaded = self._loaded(release)
        except (ReleaseRejected, DataError, SettingsError):
            self.refused += pointer != self._refused
            self._refused, self._rest = pointer, REST_POLLS
            raise
        self.trouble = None  # first, so that nobody sees the new release with the old one's trouble
        self.current = loaded  # one assignment: no request sees half
        log.info("live: %s", pointer.version)
        self._keep(release)

    def _loaded(self, release: Release) -> LiveRelease:
        """Return the release ready to answer, known to the record before its first answer is."""
        tally = self._tally_of(release.manifest.version)
        loaded = replace(load_release(release, self._history_for, self._key), tally=tally)
        self._record.introduce(loaded.note)
        return loaded

    def _keep(self, release: Release) -> None:
        """Keep a copy for the next cold start; where there is no room for it the service does without."""
        if self._last_good:
            try:
                self._last_good.keep(release)
            except (FraudError, OSError) as error:
                log.warning("no copy of %s was kept: %s", release.manifest.version, error)

    def _begin_with_copy(self) -> None:
        """Let the release that answered last answer again, where the store gives none at the start."""
        last_good, self._copy_tried = self._last_good, True
        try:
            kept = last_good.fetch() if last_good else None
            if kept is None:
                return
            self.current, self.from_copy = self._loaded(kept), True
            log.warning("began with the copy of %s, which answered last", kept.manifest.version)
        except Exception as error:  # a bad copy must not keep the service from looking for a good release
            log.error("the copy of what answered last cannot be used: %s", error)

    def _history_for(self, schema: FeatureSchema) -> History:
        """Return the history that is there, or a new one when the features are defined otherwise."""
        if self.current and self.current.schema == schema:
            return self.current.history
        return warm_history(schema, self._record, self._clock)

    def _stay(self, trouble: str) -> None:
        if self.current is None and not self._copy_tried:
            self._begin_with_copy()
        if trouble != self.trouble:
            live = self.current.manifest.version if self.current else "no model"
            log.error("kept %s: %s", live, trouble)
        self.trouble = trouble


@contextmanager
def polling(model: LiveModel, *, every: float) -> Iterator[None]:
    """Poll in a thread, at once and then `every` so many seconds, until the block ends."""
    stop = Event()

    def run() -> None:
        while True:
            model.poll()
            if stop.wait(every):
                return

    thread = Thread(target=run, name="release-poll", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(STOP_SECONDS)
