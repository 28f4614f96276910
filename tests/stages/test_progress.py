"""Steps become lines every few seconds: none are missing for long, and none flood a log."""

from __future__ import annotations

import itertools

import pytest

from mlflow_fraud.core.progress import Step, StepWatcher
from mlflow_fraud.stages import progress as module
from mlflow_fraud.stages.progress import Paced, watched


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def run(steps: int, seconds: float, *, work: str = "xgboost") -> list[tuple[float, str]]:
    """Return what is said, and when, of a work of so many steps and seconds."""
    clock, said = Clock(), list[tuple[float, str]]()
    progress = Paced(lambda line: said.append((clock.now - 100, line)), clock)
    for done in range(steps + 1):
        progress.after_step(Step(work, done, steps, "rounds"))
        clock.now += seconds / steps
    return said


@pytest.mark.parametrize(("steps", "seconds"), [(2000, 60), (2000, 7200), (60, 240), (100_000, 600), (40, 300)])
def test_long_work_is_heard_of_every_few_seconds_and_does_not_flood(steps: int, seconds: float) -> None:
    said = run(steps, seconds)
    gaps = [later[0] - earlier[0] for earlier, later in itertools.pairwise([(0.0, ""), *said])]
    assert max(gaps) <= 30 + 2 * seconds / steps
    assert min(gaps[:-1]) >= 5
    assert said[-1][1].startswith(f"xgboost: {steps:,} of {steps:,} rounds in ")
    assert all(line == line.strip() and "\r" not in line for _, line in said)


def test_short_work_says_nothing() -> None:
    assert run(2000, 4.9) == []


def test_a_second_fit_of_the_same_work_has_a_clock_of_its_own() -> None:
    clock, said = Clock(), list[str]()
    progress = Paced(said.append, clock)
    for _ in range(2):
        for done in range(3):
            progress.after_step(Step("forest", done, 2, "trees"))
            clock.now += 10
        clock.now += 1000
    assert said == ["forest: 1 of 2 trees, about 10 s left", "forest: 2 of 2 trees in 20 s"] * 2


def test_a_fit_that_was_cut_short_leaves_no_clock_behind() -> None:
    clock, said = Clock(), list[str]()
    progress = Paced(said.append, clock)
    for done in (0, 1, 0, 1):  # the second begins 1000 s later
        clock.now += 1000 if done == 0 else 10
        progress.after_step(Step("xgboost", done, 2, "rounds"))
    assert said == ["xgboost: 1 of 2 rounds, about 10 s left"] * 2


def test_lines_are_said_at_once_and_put_a_step_off() -> None:
    clock, said = Clock(), list[str]()
    progress = Paced(said.append, clock)
    progress.after_step(Step("forest", 0, 9, "trees"))
    clock.now += 8
    progress("calibrated")
    progress.after_step(Step("forest", 1, 9, "trees"))
    assert said == ["calibrated"]
    assert isinstance(progress, StepWatcher)


def test_silence_is_broken_and_ends_with_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENCE", 0.0)
    said = list[str]()
    with watched("logistic", said.append):
        while not said:
            pass
    assert said[0] == "logistic: still at it after 1 s"
    told = len(said)
    with pytest.raises(ZeroDivisionError), watched("logistic", said.append):
        1 / 0  # noqa: B018
    assert len(said) == told
