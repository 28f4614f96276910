"""A picture depends on its numbers alone."""

from __future__ import annotations

import pytest

from mlflow_fraud.adapters.figures import draw_reliability

POINTS = [{"score": 0.01, "fraud": 0.008, "rows": 20_000.0}, {"score": 0.95, "fraud": 0.97, "rows": 60.0}]


def test_the_same_numbers_give_the_same_bytes_and_others_give_others() -> None:
    picture = draw_reliability(POINTS, "xgboost, test")
    assert picture.startswith(b"\x89PNG")
    assert picture == draw_reliability(POINTS, "xgboost, test")
    assert picture != draw_reliability(POINTS[:1], "xgboost, test")


@pytest.mark.parametrize("points", [[], POINTS[:1]], ids=["no rows", "one tenth of the scale"])
def test_few_points_are_drawn_too(points: list[dict[str, float]]) -> None:
    assert draw_reliability(points, "a").startswith(b"\x89PNG")
