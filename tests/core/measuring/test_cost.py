"""What is missed costs its amount, what is flagged costs a look."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.core.measuring.cost import FOUND_A_PLACE, AlertBudget, CostRule, budget_of, expected_cost
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


OPEN = {"alert": 5.0, "missed_share": 0.5, "burst_gap_days": 7}


@pytest.mark.parametrize("said", [{}, {"alerts_per_day": "auto"}, {"alerts_per_day": None}], ids=str)
def test_a_budget_that_is_not_stated_is_left_to_the_data(said: dict[str, object]) -> None:
    assert parse(CostRule, {**OPEN, **said}, where="costs").alerts_per_day is None


@pytest.mark.parametrize("said", ["automatic", "ten", 0, 2.5])
def test_a_budget_is_a_whole_number_or_auto(said: object) -> None:
    with pytest.raises(SettingsError, match=r"alerts_per_day: "):
        parse(CostRule, {**OPEN, "alerts_per_day": said}, where="costs")


def test_a_stated_budget_is_taken_whatever_the_data_says() -> None:
    assert budget_of(COSTS, make_period([1] * 50)) == AlertBudget(alerts_per_day=10, derived=False)
    assert str(budget_of(COSTS, make_period([1]))) == "10 alerts a day, as `costs.alerts_per_day` states"


@given(st.lists(st.integers(0, 9), max_size=12))
def test_a_derived_budget_is_the_smallest_with_room_for_nearly_all_frauds(a_day: list[int]) -> None:
    hours = [24 * day + place / 10 for day, number in enumerate(a_day) for place in range(number)]
    budget = budget_of(CostRule(**OPEN), make_period([1] * len(hours), hours=hours))
    assert budget.derived

    def found(room: int) -> int:
        return sum(min(number, room) for number in a_day)

    assert found(budget.alerts_per_day) >= FOUND_A_PLACE * sum(a_day)
    assert budget.alerts_per_day == 1 or found(budget.alerts_per_day - 1) < FOUND_A_PLACE * sum(a_day)


def test_a_derived_budget_follows_the_size_of_the_data() -> None:
    days = [24 * day + 1 / 60 * minute for day in range(30) for minute in range(26)]
    small, large = (make_period([1] * (30 * a_day), hours=days[: 30 * a_day]) for a_day in (2, 26))
    assert budget_of(CostRule(**OPEN), large).alerts_per_day == 26
    assert budget_of(CostRule(**OPEN), small).alerts_per_day <= 26
    assert "so that 99% of validation's frauds have a place on their day" in str(budget_of(CostRule(**OPEN), large))
