"""A plan is right once it exists, and says what is wrong otherwise."""

from datetime import date, datetime

import pytest

from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.simulation import SimulationPlan


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        pytest.param({"seed": -1}, "seed must be between 0 and", id="negative seed"),
        pytest.param({"days": 0}, "days must be between 1 and 10000, found 0", id="no day"),
        pytest.param({"days": 1.5}, r"days must be a whole number, found 1\.5", id="half a day"),
        pytest.param({"transactions": 0}, "transactions must be between 1 and", id="no transaction"),
        pytest.param({"transactions": float("nan")}, "transactions must be between", id="not a number"),
        pytest.param({"cards": 0}, "cards must be between 1 and", id="no card"),
        pytest.param({"merchants": 13}, "merchants must be between 14 and", id="a category without merchant"),
        pytest.param({"fraud_rate": 0.5}, r"fraud_rate must be between 0 and 0\.2, found 0\.5", id="mostly fraud"),
        pytest.param({"fraud_rate": "0.1"}, "fraud_rate must be a number, found '0.1'", id="text"),
        pytest.param({"start": "2019-01-01"}, "start must be a date, such as 2019-01-01", id="text for a date"),
        pytest.param({"start": datetime(2019, 1, 1)}, "start must be a date", id="moment for a date"),
        pytest.param({"start": date(1970, 1, 1)}, "start must lie in the years 1980 to 2100", id="too early"),
        pytest.param({"scenario": "sesonal"}, "'sesonal' is not known, did you mean seasonal", id="misspelt scenario"),
        pytest.param({"scenario_from": "soon"}, "scenario_from must be a date", id="text for the change"),
    ],
)
def test_a_wrong_value_is_refused(wrong, message):
    with pytest.raises(SettingsError, match=message):
        SimulationPlan(**wrong)


def test_the_following_plan_goes_on_at_the_same_pace():
    january = SimulationPlan(days=31, transactions=6370)
    february = january.following(28)
    assert february.start == date(2019, 2, 1)
    assert february.pace == january.pace


def test_a_scenario_does_not_begin_again_in_the_following_plan():
    january = SimulationPlan(days=31, transactions=6370, scenario="seasonal")
    assert january.following(28).scenario_from == january.start
