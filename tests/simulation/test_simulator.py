"""The simulator: the Kaggle layout, the same bytes for the same plan, months that join without a seam."""

import hashlib
import subprocess
import sys
from datetime import date, datetime

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from mlflow_fraud.simulation import SimulationPlan, simulate

HEADER = (
    '"",trans_date_trans_time,cc_num,merchant,category,amt,first,last,gender,street,city,state,zip,lat,long,'
    "city_pop,job,dob,trans_num,unix_time,merch_lat,merch_long,is_fraud"
)
QUARTER = SimulationPlan(days=90, transactions=18_000, fraud_rate=0.02)


@pytest.fixture(scope="module")
def demo() -> pl.DataFrame:
    return simulate(SimulationPlan())


def md5(plan: SimulationPlan) -> str:
    return hashlib.md5(simulate(plan).write_csv().encode()).hexdigest()


def test_the_csv_has_the_header_of_the_public_files(demo):
    assert demo.head(1).write_csv().splitlines()[0] == HEADER


@pytest.mark.parametrize(
    ("column", "pattern"),
    [
        pytest.param("trans_date_trans_time", r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$", id="time"),
        pytest.param("merchant", r"^fraud_\S", id="merchant"),
        pytest.param("zip", r"^\d{5}$", id="zip with its zeros"),
        pytest.param("dob", r"^(19|20)\d\d-\d\d-\d\d$", id="birth date"),
        pytest.param("trans_num", r"^[0-9a-f]{32}$", id="transaction number"),
    ],
)
def test_texts_are_written_as_in_the_public_files(demo, column, pattern):
    assert demo[column].str.contains(pattern).all()


def test_rows_are_numbered_in_order_of_time(demo):
    assert demo[""].to_list() == list(range(demo.height))
    assert demo["unix_time"].is_sorted()


def test_unix_time_is_the_time_that_is_written(demo):
    written = demo["trans_date_trans_time"].str.to_datetime("%Y-%m-%d %H:%M:%S")
    assert written.dt.epoch("s").equals(demo["unix_time"])


def test_transaction_numbers_are_unique(demo):
    assert demo["trans_num"].is_unique().all()


def test_the_demo_covers_its_two_years_every_day(demo):
    days = demo["trans_date_trans_time"].str.slice(0, 10).unique().sort()
    assert (days[0], days[-1], len(days)) == ("2019-01-01", "2020-12-30", 730)


def test_the_demo_has_the_rows_and_the_fraud_asked_for(demo):
    assert demo.height == pytest.approx(150_000, rel=0.01)
    assert demo["is_fraud"].mean() == pytest.approx(0.005, rel=0.1)
    assert set(demo["is_fraud"]) == {0, 1}


def test_the_demos_last_quarter_has_enough_fraud_to_judge_a_model(demo):
    assert demo.filter(pl.col("trans_date_trans_time") >= "2020-10-02")["is_fraud"].sum() >= 60


def test_a_card_has_one_holder(demo):
    holder = ("first", "last", "gender", "street", "city", "state", "zip", "lat", "long", "city_pop", "job", "dob")
    assert demo.select("cc_num", *holder).n_unique() == demo["cc_num"].n_unique() == 250


def test_a_merchant_has_one_category(demo):
    assert demo.select("merchant", "category").n_unique() == demo["merchant"].n_unique() == 500


def test_the_same_plan_gives_the_same_bytes():
    assert md5(QUARTER) == md5(QUARTER)


def test_another_process_gives_the_same_bytes():
    code = (
        "import hashlib; from mlflow_fraud.simulation import SimulationPlan, simulate; "
        "plan = SimulationPlan(days=90, transactions=18_000, fraud_rate=0.02); "
        "print(hashlib.md5(simulate(plan).write_csv().encode()).hexdigest())"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == md5(QUARTER)


def test_another_seed_gives_other_cards_and_other_payments():
    one, other = simulate(QUARTER), simulate(SimulationPlan(8, days=90, transactions=18_000))
    assert not set(one["cc_num"]) & set(other["cc_num"])
    assert not set(one["trans_num"]) & set(other["trans_num"])


@pytest.mark.parametrize("scenario", ["stable", "new-pattern", "seasonal", "broken-feed"])
def test_months_appended_one_at_a_time_are_one_long_period(scenario):
    # The change begins in the first month and goes on over the border, as bursts of fraud do.
    changes = {"scenario": scenario, "scenario_from": date(2019, 1, 28)}
    january = SimulationPlan(days=31, transactions=7000, fraud_rate=0.05, **changes)
    both = SimulationPlan(days=59, transactions=7000 * 59 / 31, fraud_rate=0.05, **changes)
    joined = pl.concat([simulate(january), simulate(january.following(28))])
    assert_frame_equal(joined.drop(""), simulate(both).drop(""))


def test_bursts_of_fraud_go_over_the_border_of_two_months():
    fraud = simulate(SimulationPlan(days=59, transactions=14_000, fraud_rate=0.05)).filter(pl.col("is_fraud") == 1)
    day = pl.col("trans_date_trans_time").str.slice(0, 10)
    last, first = (fraud.filter(day == wanted)["cc_num"] for wanted in ("2019-01-31", "2019-02-01"))
    assert set(last) & set(first)


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(SimulationPlan(days=1, transactions=1), id="about one row"),
        pytest.param(SimulationPlan(days=2, transactions=400, cards=1, merchants=14), id="one card"),
        pytest.param(SimulationPlan(days=2, transactions=400, fraud_rate=0.2), id="much fraud"),
    ],
)
def test_small_plans_keep_the_layout(plan):
    assert simulate(plan).schema == simulate(QUARTER).schema


def test_no_fraud_is_made_at_rate_zero():
    assert simulate(SimulationPlan(days=30, transactions=6000, fraud_rate=0))["is_fraud"].sum() == 0


def test_a_period_lies_within_its_days():
    rows = simulate(SimulationPlan(start=date(2024, 2, 28), days=2, transactions=2000, fraud_rate=0.2))
    at = rows["trans_date_trans_time"].str.to_datetime("%Y-%m-%d %H:%M:%S")
    assert at.min() >= datetime(2024, 2, 28)
    assert at.max() < datetime(2024, 3, 1)
