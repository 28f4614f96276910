"""Reasons are worked out behind the answers: by one thread, which no answer waits for unless a client asks it to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import NamedTuple

from mlflow_fraud.adapters.explanation import Explanation, NoReasons
from mlflow_fraud.adapters.prediction_log.entries import Payment, Reasoned
from mlflow_fraud.core.explaining.reasons import Reasons
from mlflow_fraud.serving.loading import LiveRelease
from mlflow_fraud.serving.priority import step_back
from mlflow_fraud.serving.record import NOWHERE, Record

log = logging.getLogger(__name__)

AT_MOST = 1_000
"""So many answers wait for their reasons; of more, the reasons are left out and counted."""

KEPT = 1_000
"""So many of the newest are in memory, so that what is sent again is not worked out again."""

WAIT_SECONDS = 0.2
"""So long a client waits that asks for reasons together with the answer, or with all answers of a batch."""

ASKED_AT_ONCE = 50
"""So many are asked for while other requests wait."""

LATER = "`mlflow-fraud record show` works them out"
TOO_MANY = f"too many answers waited for theirs; {LATER}"
NO_NUMBER = NoReasons("what a feature added is no number")
ANOTHER = f"they were not worked out while release {{}} answered; {LATER}"


class Asked(NamedTuple):
    """An answer that is to be explained: its payment's place in the record, its id, release and features as served."""

    place: int
    prediction: str
    release: str
    features: bytes


def asked_of(payment: Payment) -> Asked:
    """Return what is to be explained of a payment that has an answer."""
    answer = payment.answer
    assert answer is not None
    return Asked(payment.place, answer.prediction, answer.release, answer.features)


Given = Future[Reasons | None]
"""The reasons once they are there; None where they could not be worked out."""

Outlook = Reasons | NoReasons | None
"""The reasons, or why there are none; None where they follow."""


class Explaining:
    """Works out reasons in the order in which they are asked for, and has the record keep them.

    `given`, `dropped` and `failed` count what became of them: worked out, no room to wait, and no number.
    """

    def __init__(self, record: Record, *, at_most: int = AT_MOST, wait: float = WAIT_SECONDS) -> None:
        self.given = self.dropped = self.failed = self.waiting = 0
        self._record, self._at_most, self._wait = record, at_most, wait
        self._lock = Lock()
        self._newest: dict[str, Given] = {}
        self._without: dict[str, NoReasons] = {}
        self._closed = False
        self._pool = ThreadPoolExecutor(1, "reasons", step_back)

    def ask(self, live: LiveRelease, asked: Asked) -> Given | NoReasons:
        """Have an answer explained, or say why it is not; never waits."""
        explanation = live.explanation
        with self._lock:
            known = self._newest.get(asked.prediction) or self.without(live, asked.release)
            if known is not None:
                return known
            if isinstance(explanation, NoReasons) or asked.release != live.manifest.version:
                return NoReasons(ANOTHER.format(asked.release))
            if self._closed or self.waiting >= self._at_most:
                self.dropped += 1
                return NoReasons(TOO_MANY)
            self.waiting += 1
            given = self._pool.submit(self._work_out, explanation, asked)
            self._newest[asked.prediction] = given
            if len(self._newest) > KEPT + self._at_most:
                del self._newest[next(iter(self._newest))]
        return given

    def without(self, live: LiveRelease, release: str) -> NoReasons | None:
        """Return why a release gives no reasons whatever is asked of it; None where it does, or was not live here."""
        if release == live.manifest.version and isinstance(live.explanation, NoReasons):
            self._without[release] = live.explanation
        return self._without.get(release)

    def awaits(self, prediction: str) -> bool:
        """Return whether an answer's reasons were asked for a short while ago, and are there by now or follow."""
        return prediction in self._newest

    async def told(self, live: LiveRelease, asked: Sequence[Asked]) -> list[Outlook]:
        """Return the reasons of answers after a short wait for all of them at most, None where they follow."""
        given, awaited = list[Given | NoReasons](), list[asyncio.Future[Reasons | None]]()
        for each in asked:
            given.append(found := self.ask(live, each))
            if isinstance(found, Future):
                awaited.append(asyncio.wrap_future(found))
            if len(given) % ASKED_AT_ONCE == 0:
                await asyncio.sleep(0)
        if awaited:
            await asyncio.wait(awaited, timeout=self._wait)
        return [_outlook(each) for each in given]

    def close(self) -> None:
        """Let go of what waits: it can be worked out from the record."""
        with self._lock:
            self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _work_out(self, explanation: Explanation, asked: Asked) -> Reasons | None:
        found = None
        try:
            found = explanation.reasons(asked.features)
            if asked.place != NOWHERE:
                self._record.writer.put(Reasoned(asked.place, asked.prediction, found.model_dump_json()))
        except Exception as error:  # whatever the library says, the next one is to be explained
            log.error("no reasons for %s: %s", asked.prediction, type(error).__name__)
        with self._lock:
            self.waiting -= 1
            self.given += found is not None
            self.failed += found is None
        return found


def _outlook(given: Given | NoReasons) -> Outlook:
    if isinstance(given, NoReasons):
        return given
    return (given.result() or NO_NUMBER) if given.done() and not given.cancelled() else None
