"""The verdict is closed unless everything holds, and says why."""

from __future__ import annotations

import pytest

from mlflow_fraud.core.decision import CompareRule, decide, select
from mlflow_fraud.core.interval import Interval
from mlflow_fraud.core.metrics import Metrics

RULE = CompareRule(
    floors={"average_precision": 0.4, "recall": 0.3}, max_loss={"recall": 0.02}, min_gain=0.0, min_frauds=50
)
GOOD: Metrics = {"f1": 0.8, "recall": 0.75, "average_precision": 0.85, "frauds": 100}
GAIN = Interval(0.03, 0.01, 0.05)


@pytest.mark.parametrize(
    ("challenger", "champion", "gain", "validated", "reason"),
    [
        pytest.param({**GOOD, "frauds": 49}, None, None, True, "only 49 frauds", id="too few frauds to judge"),
        pytest.param({**GOOD, "frauds": None}, None, None, True, "only 0 frauds", id="frauds not counted"),
        pytest.param({**GOOD, "recall": 0.2}, None, None, True, "below the floor", id="under a floor"),
        pytest.param({**GOOD, "recall": None}, None, None, True, "recall is missing", id="a metric is missing"),
        pytest.param(GOOD, None, None, False, "has not passed validation", id="data not validated"),
        pytest.param(GOOD, GOOD, None, True, "could not be computed", id="no interval"),
        pytest.param(GOOD, GOOD, Interval(0.03, -0.01, 0.05), True, "lower bound", id="not surely better"),
        pytest.param(GOOD, GOOD, Interval(0.0, 0.0, 0.0), True, "lower bound", id="exactly as good"),
        pytest.param({**GOOD, "recall": 0.7}, GOOD, GAIN, True, "recall -0.050", id="better, but misses more"),
        pytest.param(GOOD, {**GOOD, "recall": None}, GAIN, True, "cannot be judged", id="champion not measured"),
    ],
)
def test_no_is_the_answer_when(
    challenger: Metrics, champion: Metrics | None, gain: Interval | None, validated: bool, reason: str
) -> None:
    verdict = decide(challenger, champion, gain, validated=validated, rule=RULE)
    assert not verdict.promote
    assert any(reason in sentence for sentence in verdict.reasons)


def test_a_surely_better_challenger_is_promoted_with_the_interval() -> None:
    verdict = decide(GOOD, GOOD, GAIN, validated=True, rule=RULE)
    assert verdict.promote
    assert verdict.reasons == ("F1 +0.0300, interval +0.0100 to +0.0500",)


def test_the_first_model_needs_only_the_floors() -> None:
    assert decide(GOOD, None, None, validated=True, rule=RULE).promote


def test_every_reason_against_is_named_at_once() -> None:
    verdict = decide({"frauds": 3}, GOOD, None, validated=False, rule=RULE)
    assert len(verdict.reasons) == 6


def test_the_candidate_is_chosen_on_validation_and_a_missing_metric_never_wins() -> None:
    assert select({"logistic": {"f1": None}, "forest": {"f1": 0.1}}, "f1") == "forest"
