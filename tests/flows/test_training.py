"""A flow that trains while MLflow is away asks it as seldom as can be, and says once what it does not have."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flows import training as flow
from mlflow_fraud.adapters.mlflow_tracking import Logged
from mlflow_fraud.core.learning.candidates import CANDIDATES
from mlflow_fraud.operations.tracking.mirror import not_tracked
from mlflow_fraud.paths import SHIPPED
from mlflow_fraud.stages.logged import Tried

AWAY = Tried(None, why="MLflow does not answer", away=True)
WRONG = Tried(None, why="its figure was changed")
THERE = Tried(Logged("run", "1", "", True))

Train = Callable[..., tuple[list[str], dict[str, Tried]]]

ALL = (*CANDIDATES, SHIPPED)


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Train:
    """Run the flow's steps with an MLflow that answers so, one answer after the other; return who was asked for."""

    def trained(*answers: Tried, at_first: bool = True) -> tuple[list[str], dict[str, Tried]]:
        asked: list[str] = []
        published: dict[str, Tried] = {}
        left = iter(answers)

        def ensure_logged(candidate: str) -> Tried:
            asked.append(candidate)
            return next(left)

        monkeypatch.setattr(flow, "ask_mlflow", lambda: at_first)
        monkeypatch.setattr(flow, "reproduce", lambda stage: "ran")
        monkeypatch.setattr(flow, "publish_candidates", lambda: None)
        monkeypatch.setattr(flow, "ensure_logged", ensure_logged)
        monkeypatch.setattr(flow, "publish_runs", published.update)
        flow.training.fn.__wrapped__()  # type: ignore[attr-defined]
        assert list(published) == list(ALL)
        return asked, published

    return trained


def test_each_candidate_is_asked_for_once_where_mlflow_is_there(train: Train) -> None:
    asked, published = train(THERE, THERE, THERE, THERE)
    assert asked == list(ALL)
    assert not_tracked(published) == ""


def test_who_went_away_is_asked_once_more_and_at_the_end(train: Train) -> None:
    first, second, third, last = ALL
    asked, published = train(THERE, AWAY, AWAY)
    assert asked == [first, second, second]
    assert not_tracked(published) == (
        f"not in MLflow: {second}, {third}, {last}; `mlflow-fraud track` makes up for it (MLflow does not answer)"
    )


def test_who_was_away_from_the_start_is_asked_at_the_end_alone(train: Train) -> None:
    asked, published = train(AWAY, at_first=False)
    assert asked == [next(iter(ALL))]
    assert not_tracked(published).startswith(f"not in MLflow: {', '.join(ALL)};")


def test_who_is_there_again_at_the_end_gets_all(train: Train) -> None:
    first, second, third, last = ALL
    asked, published = train(AWAY, THERE, THERE, THERE, THERE)
    assert asked == [first, first, second, third, last]
    assert not_tracked(published) == ""


def test_what_is_wrong_with_one_candidate_keeps_no_other_out(train: Train) -> None:
    first, second, third, last = ALL
    asked, published = train(WRONG, THERE, THERE, THERE, WRONG)
    assert asked == [first, second, third, last, first]
    assert not_tracked(published).startswith(f"not in MLflow: {first}; ")
