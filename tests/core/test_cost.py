"""What is missed costs its amount, what is flagged costs a look."""

from __future__ import annotations

import numpy as np
import pytest

from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.core.measuring.cost import CostRule, expected_cost
from mlflow_fraud.core.strict import parse
from tests.conftest import make_period

COSTS = CostRule(alert=5.0, missed_share=0.5, alerts_per_day=10, burst_gap_days=7)


@pytest.mark.parametrize(
    ("labels", "flags", "cost"),
    [
        pytest.param([0, 0], [False, False], 0.0, id="nothing happened"),
        pytest.param([1, 0], [False, False], 50.0, id="a miss costs its share of the amount"),
        pytest.param([1, 0], [True, False], 5.0, id="a catch costs the alert"),
        pytest.param([0, 0], [True, True], 10.0, id="alerts in vain"),
    ],
)
def test_the_cost_of_a_day(labels: list[int], flags: list[bool], cost: float) -> None:
    assert expected_cost(make_period(labels), np.array(flags), COSTS) == cost


def test_the_cost_is_shared_by_the_days_and_unknown_without_rows() -> None:
    assert expected_cost(make_period([1, 0], hours=[0, 30]), np.array([False, False]), COSTS) == 25.0
    assert expected_cost(make_period([]), np.empty(0, np.bool_), COSTS) is None


def test_a_negative_cost_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"alert: .*greater than or equal to 0, found -1"):
        parse(CostRule, {"alert": -1, "missed_share": 1, "alerts_per_day": 1, "burst_gap_days": 1}, where="costs")
