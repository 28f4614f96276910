"""What came of a retraining that was asked for is what it left: a note of its end, or a decision with the reason."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from mlflow_fraud.adapters.files import read_json, write_json
from mlflow_fraud.core.watching.retrain import Asked
from mlflow_fraud.operations.monitoring import asked, retrainings
from mlflow_fraud.operations.monitoring.asked import read_asked, write_asked
from mlflow_fraud.operations.monitoring.retrainings import MOST, noted, read_notes
from mlflow_fraud.paths import ASKED, decision_file

DAY, REASON, UNHEARD = date(2021, 3, 1), "a refresh: 14 mature days", timedelta(hours=20)


class Clock:
    """The time of day, as a test has it."""

    now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A folder in which a refresh was asked for."""
    monkeypatch.chdir(tmp_path)
    clock = Clock()
    for module in (asked, retrainings):
        monkeypatch.setattr(module, "utc", clock)
    with noted(REASON):
        pass  # of an earlier time: it answers nothing that was asked for after it
    write_asked("xgboost-1", Asked(DAY, "refresh", REASON))
    return clock


def came() -> tuple[str, str]:
    (only,) = read_asked("xgboost-1", UNHEARD)
    return only.came, only.how


def train(reason: str, error: type[BaseException] | None = None) -> None:
    with noted(reason):
        if error:
            raise error


def test_it_is_under_way_until_nothing_was_heard_of_it_for_too_long(clock: Clock) -> None:
    assert came() == ("under way", "")
    clock.now += timedelta(hours=21)
    assert came() == ("nothing", "was not heard of in 20 hours")


@pytest.mark.parametrize(
    ("error", "how"), [(RuntimeError, "failed"), (KeyboardInterrupt, "was stopped"), (SystemExit, "was stopped")]
)
def test_of_one_that_failed_or_was_stopped_nothing_came_until_another_one_ends_with_a_verdict(
    error: type[BaseException], how: str, clock: Clock
) -> None:
    with pytest.raises(error):
        train(REASON, error)
    assert came() == ("nothing", how)
    train("asked for by hand")
    assert came() == ("verdict", "")


def test_the_failure_of_another_one_says_nothing_of_it(clock: Clock) -> None:
    with pytest.raises(RuntimeError):
        train("asked for by hand", RuntimeError)
    assert came() == ("under way", "")


def test_a_decision_that_came_from_another_clone_is_a_verdict(clock: Clock) -> None:
    write_json(decision_file("xgboost-2"), {"asked": REASON, "promote": False})
    assert came() == ("verdict", "")


def test_the_same_words_are_one_asking_and_those_of_an_earlier_form_were_answered(clock: Clock) -> None:
    write_asked("xgboost-1", Asked(DAY, "refresh", REASON))
    assert len(read_asked("xgboost-1", UNHEARD)) == 1
    write_json(ASKED, [{name: value for name, value in read_json(ASKED)[0].items() if name != "at"}])
    assert came() == ("verdict", "")


def test_of_notes_the_last_ones_are_kept(clock: Clock) -> None:
    for number in range(MOST + 3):
        train(f"number {number}")
    assert [each.reason for each in read_notes()] == [f"number {number}" for number in range(3, MOST + 3)]
