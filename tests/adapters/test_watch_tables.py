"""A week says what was seen beside what was expected before its labels; not known is a dash, in its own column."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from mlflow_fraud.adapters.watch_page import facts
from mlflow_fraud.adapters.watch_tables import DRIFT_HEADS, WEEK_HEADS, drift_row, week_row

OUTLOOK = {
    "since": "2021-02-01T00:00:00",
    "f1": [0.61, 0.5, 0.7],
    "precision": [0.72, 0.6, 0.8],
    "recall": [0.53, 0.4, 0.6],
}
ERROR = {"f1": 0.01, "precision": -0.02, "recall": 0.03}
WEEK: dict[str, Any] = {
    **{"name": "2021-02-08", "kind": "week", "payments": 1234, "rows": 1200, "frauds": 12, "final": True},
    **{"f1": 0.6, "precision": 0.74, "recall": 0.5, "average_precision": 0.65, "calibration_error": 0.00123},
    **{"intervals": {"f1": [0.41, 0.79]}, "promised": {"f1": 0.7, "calibration_error": 0.001}, "days_without": []},
    **{"drift": 0.1, "score_drift": 0.2, "unseen": {"category": 0.005}, "label_lag_days": 5.0},
    "outlook": OUTLOOK | {"error": ERROR},
}


def cells(week: dict[str, Any], *heads: str) -> list[str]:
    """Return the cells of some columns, each with the one behind it."""
    row, places = week_row(week), [WEEK_HEADS.index(head) for head in heads]
    return [each for place in places for each in row[place : place + 2]]


@pytest.mark.parametrize("row", [week_row(WEEK), week_row(WEEK | {"outlook": None}), week_row(WEEK | {"f1": None})])
def test_there_is_a_cell_for_each_head(row: list[str]) -> None:
    assert len(row) == len(WEEK_HEADS)
    assert len(drift_row(WEEK)) == len(DRIFT_HEADS)


def test_each_of_f1_precision_and_recall_is_beside_what_was_expected_and_what_that_was_off_by() -> None:
    found = cells(WEEK, "expected F1", "expected precision", "expected recall")
    assert found == ["0.610", "+0.010", "0.720", "-0.020", "0.530", "+0.030"]
    assert cells(WEEK, "F1") == ["0.600 (0.41 to 0.79)", "0.610"]
    assert week_row(WEEK)[WEEK_HEADS.index("calibration error")] == "0.00123"


def test_before_its_labels_a_week_has_an_estimate_and_no_error_and_without_frauds_enough_neither() -> None:
    heads = ("expected F1", "expected precision", "expected recall")
    assert cells(WEEK | {"outlook": OUTLOOK}, *heads) == ["0.610", "-", "0.720", "-", "0.530", "-"]
    assert cells(WEEK | {"outlook": OUTLOOK | {"precision": None}}, "expected precision") == ["-", "-"]
    assert cells(WEEK | {"outlook": None, "calibration_error": None}, *heads, "calibration error") == ["-"] * 7


def test_the_first_sentences_say_how_good_the_probabilities_are_and_what_they_expect() -> None:
    nothing = dict.fromkeys(("since", "missed", "next_refresh", "next_contest", "pointer_days", "silence", "aside"))
    state = nothing | {"now": datetime(2021, 3, 1), "retrain": False}
    said = [*facts(state | {"reason": "nothing alarms"}, [WEEK], [WEEK])]
    assert "Calibration error 0.00123 there, 0.00100 was promised" in said
    expected = "F1 0.610 (0.500 to 0.700), precision 0.720 (0.600 to 0.800), recall 0.530 (0.400 to 0.600)"
    assert f"Before labels, expected since 2021-02-01: {expected}" in said
