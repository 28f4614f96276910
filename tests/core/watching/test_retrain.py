"""A bad window is one that was measured to be bad; what is not defined is neither good nor bad."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.core.watching.retrain import Limits, MonitorRule, should_retrain

RULE = MonitorRule(limits=Limits(f1=0.6, recall=0.5, drift=0.25), at_least=2, of_last=3)
GOOD = {"f1": 0.9, "recall": 0.9, "drift": 0.01}
BAD = {"f1": 0.1, "recall": 0.1, "drift": 0.9}

undefined = st.sampled_from(["missing", None, float("nan"), float("inf"), float("-inf")])


def with_value(window: dict[str, float], name: str, value: object) -> dict[str, float | None]:
    rest = {key: number for key, number in window.items() if key != name}
    return rest if value == "missing" else {**rest, name: value}  # type: ignore[dict-item]


@given(st.lists(undefined, min_size=3, max_size=6), st.sampled_from(["f1", "recall", "drift"]))
def test_a_metric_that_is_not_defined_asks_for_nothing_and_is_named(values: list[object], name: str) -> None:
    found = should_retrain([with_value(GOOD, name, value) for value in values], RULE)
    assert not found.retrain
    assert found.reason.endswith(f"not defined: {name} in 3")


@pytest.mark.parametrize("value", ["missing", None, float("nan")])
def test_months_without_fraud_ask_for_nothing_however_many_alarms_were_false(value: object) -> None:
    quiet = with_value(with_value(GOOD, "f1", value), "recall", value)
    assert not should_retrain([quiet] * 5, RULE).retrain


@given(undefined)
def test_a_drift_is_seen_also_where_nothing_else_is_defined(value: object) -> None:
    window = with_value(with_value(BAD, "f1", value), "recall", value)
    assert should_retrain([window, window], RULE).reason.startswith("drift above 0.25 in 2 of the last 2 windows")


@given(undefined)
def test_a_gap_between_two_bad_windows_does_not_hide_them_and_a_newest_gap_waits(value: object) -> None:
    gap = with_value(with_value(with_value(BAD, "f1", value), "recall", value), "drift", value)
    assert should_retrain([BAD, gap, BAD], RULE).retrain
    assert not should_retrain([BAD, BAD, gap], RULE).retrain


def test_without_a_window_there_is_nothing_to_ask_for() -> None:
    assert not should_retrain([], RULE).retrain
