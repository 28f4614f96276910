"""How far a start has come: the port is open by then, and whoever asks is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from threading import Lock
from typing import NamedTuple, TypeVar

from mlflow_fraud.core.progress import Progress, Step, sentence, tell

EACH = 10_000
"""So many are taken between two words on how far it is."""

Taken = TypeVar("Taken")


class _UnderWay(NamedTuple):
    step: Step
    since: float
    start: int


class Beginning:
    """The works of a start that are under way, each as its last step left it; a `StepWatcher`.

    >>> beginning = Beginning(clock=lambda: 0.0)
    >>> beginning.after_step(Step("reading the window", 200_000, 1_000_000, "payments"))
    >>> str(beginning)
    'reading the window: 200,000 of 1,000,000 payments in 1 s'
    >>> beginning.after_step(Step("reading the window", 1_000_000, 1_000_000, "payments"))
    >>> str(beginning)
    ''
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self._under_way: dict[str, _UnderWay] = {}

    def __call__(self, line: str) -> None:
        """Leave a single line to whoever reads logs."""

    def after_step(self, step: Step) -> None:
        """Take notice of how far a work has come; the last step of it ends it."""
        with self._lock:
            if step.total is not None and step.done >= step.total:
                self._under_way.pop(step.work, None)
                return
            before = self._under_way.get(step.work)
            since, start = (before.since, before.start) if before else (self._clock(), step.done)
            self._under_way[step.work] = _UnderWay(step, since, start)

    def forget(self) -> None:
        """Leave out what broke off."""
        with self._lock:
            self._under_way.clear()

    def __str__(self) -> str:
        """What is under way and how far it is; empty where nothing is."""
        with self._lock:
            now, under_way = self._clock(), tuple(self._under_way.values())
        return "; ".join(sentence(step, now - since, start=start) for step, since, start in under_way)


def told(taken: Iterable[Taken], work: str, total: int, progress: Progress) -> Iterator[Taken]:
    """Return the same, and say every now and then how many of them were taken."""
    tell(progress, Step(work, 0, total, "payments"))
    for number, each in enumerate(taken):
        if number % EACH == EACH - 1:
            tell(progress, Step(work, number, total, "payments"))
        yield each
    tell(progress, Step(work, total, total, "payments"))
