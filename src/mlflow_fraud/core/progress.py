"""How far long work has come, in a sentence: what is done, of how much, and the time left."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

Progress = Callable[[str], None]
"""Takes a line that is worth a person's notice."""


class Step(NamedTuple):
    """How much of a work is done; `total` is None where nobody knows, `at_most` where it may end sooner."""

    work: str
    done: int
    total: int | None
    unit: str
    note: str = ""
    at_most: bool = False


@runtime_checkable
class StepWatcher(Protocol):
    """A `Progress` that also hears of every step, and says as many of them as it likes."""

    def __call__(self, line: str) -> None:
        """Take notice of a line of progress."""

    def after_step(self, step: Step) -> None:
        """Take notice of how far a work has come; its first step says where it starts."""


def tell(progress: Progress, step: Step) -> None:
    """Hand a step to a progress that listens to steps."""
    if isinstance(progress, StepWatcher):
        progress.after_step(step)


def sentence(step: Step, elapsed: float, *, start: int = 0) -> str:
    """Return what is done and how long the rest takes, if it goes on as it did in the `elapsed` seconds since `start`.

    >>> sentence(Step("forest", 20, 60, "trees"), 31)
    'forest: 20 of 60 trees, about 1 min left'
    >>> sentence(Step("xgboost", 500, 2000, "rounds", "average precision 0.8123", at_most=True), 100.0)
    'xgboost: 500 of at most 2,000 rounds, average precision 0.8123, at most 5 min left'
    >>> sentence(Step("logistic", 12, None, "steps"), 8), sentence(Step("forest", 60, 60, "trees"), 240)
    ('logistic: 12 steps in 8 s', 'forest: 60 of 60 trees in 4 min')
    """
    whole = "" if step.total is None else f" of {'at most ' * step.at_most}{step.total:,}"
    note = f", {step.note}" if step.note else ""
    unit = step.unit if (step.total or step.done) != 1 else step.unit.removesuffix("s")
    done = f"{step.work}: {step.done:,}{whole} {unit}"
    if step.total is None or step.done >= step.total or step.done <= start:
        return f"{done} in {duration(elapsed)}{note}"
    left = elapsed * (step.total - step.done) / (step.done - start)
    return f"{done}{note}, {'at most' if step.at_most else 'about'} {duration(left)} left"


def duration(seconds: float) -> str:
    """Return a time as roughly as a person asks for it.

    >>> duration(0.2), duration(38), duration(100), duration(3000), duration(9000)
    ('1 s', '38 s', '2 min', '50 min', '2.5 h')
    """
    if seconds < 60:
        return f"{max(round(seconds), 1)} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def pause(elapsed: float) -> float:
    """Return how many seconds to be silent after a line: longer work speaks less often, and none is silent for long.

    >>> pause(1), pause(100), pause(3600)
    (5.0, 10.0, 30.0)
    """
    return float(min(max(elapsed / 10, 5.0), 30.0))
