"""Progress with a clock: steps become lines every few seconds, and silence is broken."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mlflow_fraud.core.progress import Progress, Step, duration, pause, sentence
from mlflow_fraud.stages.run import say

SILENCE = 20.0
"""After so many seconds without a line, one says that the work goes on."""


class Paced:
    """Says every line at once, and of the steps one every few seconds; the last of those that took long, too."""

    def __init__(self, say: Progress, clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._clock = clock
        self._starts: dict[str, tuple[float, int]] = {}
        self._shown: set[str] = set()
        self._last = clock()

    def __call__(self, line: str) -> None:
        """Say the line."""
        self._last = self._clock()
        self._say(line)

    def after_step(self, step: Step) -> None:
        """Say how far it is, unless something was said just before."""
        now = self._clock()
        began, start = self._starts.setdefault(step.work, (now, step.done))
        if step.done < start or step.done == 0:
            began, start = self._starts[step.work] = (now, step.done)
        ended = step.done == step.total
        due = now - max(self._last, began) >= pause(now - began) and step.done > start
        if due or (ended and step.work in self._shown):
            self(sentence(step, now - began, start=start))
            self._shown.add(step.work)
        if ended:
            self._starts.pop(step.work)
            self._shown.discard(step.work)

    def silent_for(self) -> float:
        """Return the seconds since the last line."""
        return self._clock() - self._last


@contextmanager
def watched(work: str, say: Progress = say) -> Iterator[Paced]:
    """Give a paced progress for `work`; where nothing is said for long, a line says how long it has been at it."""
    progress, began, ended = Paced(say), time.monotonic(), threading.Event()

    def break_silence() -> None:
        while not ended.wait(1.0):
            if progress.silent_for() >= SILENCE:
                progress(f"{work}: still at it after {duration(time.monotonic() - began)}")

    thread = threading.Thread(target=break_silence, daemon=True)
    thread.start()
    try:
        yield progress
    finally:
        ended.set()
        thread.join()
