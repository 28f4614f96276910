"""What the simulated business looks like: seasons, hours and amounts by class, and what each scenario changes."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from mlflow_fraud.simulation import SimulationPlan, simulate
from mlflow_fraud.simulation.customers import Customers
from mlflow_fraud.simulation.episodes import draw_episodes
from mlflow_fraud.simulation.fraud import LONGEST_DAYS, REACH_DAYS
from mlflow_fraud.simulation.fraud_kinds import KINDS, NEW_KIND
from mlflow_fraud.simulation.population import Population, populate
from mlflow_fraud.simulation.spending import spend
from mlflow_fraud.simulation.timeline import seconds_at

CHANGE = date(2019, 5, 1)
HALF_YEAR = {"days": 181, "transactions": 60_000}


BOOKS = SimulationPlan(days=120, transactions=60_000)


def run(scenario: str) -> pl.DataFrame:
    rows = simulate(SimulationPlan(**HALF_YEAR, scenario=scenario, scenario_from=CHANGE))
    at = pl.col("trans_date_trans_time").str.to_datetime("%Y-%m-%d %H:%M:%S")
    return rows.with_columns(at=at, day=at.dt.date(), hour=at.dt.hour())


@pytest.fixture(scope="module")
def year() -> pl.DataFrame:
    rows = simulate(SimulationPlan(days=365, transactions=120_000))
    at = pl.col("trans_date_trans_time").str.to_datetime("%Y-%m-%d %H:%M:%S")
    return rows.with_columns(at=at, month=at.dt.month(), hour=at.dt.hour())


@pytest.fixture(scope="module")
def books() -> tuple[Population, pl.DataFrame]:
    population = populate(BOOKS.seed, BOOKS.cards, BOOKS.merchants)
    return population, spend(BOOKS, population, BOOKS.first_day - REACH_DAYS, BOOKS.end_day)


@pytest.fixture(scope="module")
def stable() -> pl.DataFrame:
    return run("stable")


def of_class(rows: pl.DataFrame, label: int) -> pl.DataFrame:
    return rows.filter(pl.col("is_fraud") == label)


def test_december_doubles_the_volume(year):
    volume = year.group_by("month").len().sort("month")["len"]
    assert volume[11] / volume[10] == pytest.approx(2.0, rel=0.15)


def test_most_fraud_but_not_all_is_at_night(year):
    night = pl.col("hour").is_in([22, 23, 0, 1, 2, 3])
    assert 0.65 < of_class(year, 1).select(night.mean()).item() < 0.95
    assert 0.15 < of_class(year, 0).select(night.mean()).item() < 0.30


@pytest.mark.parametrize(
    ("category", "legal", "fraud"),
    [
        pytest.param("shopping_net", 9, 900, id="high by internet"),
        pytest.param("grocery_pos", 109, 305, id="full trolley"),
        pytest.param("gas_transport", 62, 12, id="small, to try the card"),
    ],
)
def test_amounts_by_class_are_those_of_the_public_files(year, category, legal, fraud):
    here = year.filter(pl.col("category") == category)
    assert of_class(here, 0)["amt"].median() == pytest.approx(legal, rel=0.25)
    assert of_class(here, 1)["amt"].median() == pytest.approx(fraud, rel=0.25)


def test_high_legal_amounts_at_night_exist(year):
    rows = of_class(year, 0).filter((pl.col("amt") > 500) & pl.col("hour").is_in([22, 23, 0, 1, 2, 3]))
    assert rows.height > of_class(year, 1).height / 10


@pytest.mark.parametrize("kind", [*KINDS.values(), NEW_KIND], ids=[*KINDS, "new pattern"])
def test_an_episode_has_as_many_payments_as_its_kind_says(books, kind):
    population, legal = books
    episodes = draw_episodes(BOOKS, kind.number, per_day=2, first_day=BOOKS.first_day)
    sizes = kind.commit(population, Customers(legal), episodes).done.sum(axis=1)
    assert sizes.mean() == pytest.approx(kind.mean_size, rel=0.1)


@pytest.mark.parametrize("kind", [*KINDS.values(), NEW_KIND], ids=[*KINDS, "new pattern"])
def test_an_episode_ends_within_the_longest_time(books, kind):
    population, legal = books
    episodes = draw_episodes(BOOKS, kind.number, per_day=2, first_day=BOOKS.first_day)
    assert (kind.commit(population, Customers(legal), episodes).day - episodes.first_day).max() < LONGEST_DAYS


def test_a_leaks_cards_are_the_last_that_shopped_there(books):
    _, legal = books
    merchant, day = legal["merchant"].mode()[0], BOOKS.first_day + 60
    before = legal.sort("at").filter(pl.col("merchant") == merchant, pl.col("at") < seconds_at(day))
    expected = before["card"].reverse().unique(maintain_order=True).head(5)
    found = Customers(legal).last(np.array([merchant]), np.array([float(day)]), 5)
    assert found.tolist() == [expected.to_list()]


def test_a_merchant_without_customers_has_no_cards_to_lose(books):
    _, legal = books
    found = Customers(legal.clear()).last(np.array([3]), np.array([float(BOOKS.first_day)]), 2)
    assert found.tolist() == [[-1, -1]]


@pytest.mark.parametrize("scenario", ["new-pattern", "seasonal", "broken-feed"])
def test_nothing_changes_before_the_scenarios_day(stable, scenario):
    before = pl.col("day") < CHANGE
    assert run(scenario).filter(before).equals(stable.filter(before))


def test_a_new_pattern_doubles_the_fraud_with_small_amounts_by_day(stable):
    after = pl.col("day") >= CHANGE
    known, now = of_class(stable.filter(after), 1), of_class(run("new-pattern").filter(after), 1)
    new = now.join(known, on="trans_num", how="anti")
    assert now.height == pytest.approx(2 * known.height, rel=0.3)
    assert new["amt"].max() < 50
    assert new["hour"].is_between(9, 17).all()
    assert new["cc_num"].n_unique() > new.height / 5


def test_a_season_swells_volume_and_amounts_without_more_fraud(stable):
    height = pl.col("day") >= date(2019, 5, 15)
    usual, swollen = stable.filter(height), run("seasonal").filter(height)
    assert of_class(swollen, 0).height / of_class(usual, 0).height == pytest.approx(1.8, rel=0.05)
    assert of_class(swollen, 0)["amt"].median() / of_class(usual, 0)["amt"].median() == pytest.approx(1.3, rel=0.05)
    assert of_class(swollen, 1).height == pytest.approx(of_class(usual, 1).height, rel=0.2)


def test_a_broken_feed_gives_cents_then_no_categories_then_no_mornings(stable):
    broken = run("broken-feed")
    cents = pl.col("day").is_between(CHANGE, date(2019, 5, 3))
    assert broken.filter(cents)["amt"].median() == pytest.approx(100 * stable.filter(cents)["amt"].median(), rel=0.01)
    nulls = broken.filter(pl.col("category").is_null())
    assert set(nulls["day"]) == {date(2019, 5, 4), date(2019, 5, 5)}
    silent = pl.col("day").is_between(date(2019, 5, 6), date(2019, 5, 7)) & pl.col("hour").is_between(9, 12)
    assert stable.filter(silent).height > 0
    assert broken.filter(silent).height == 0


def test_a_broken_feed_is_whole_again_after_a_week(stable):
    later = pl.col("day") >= date(2019, 5, 8)
    assert run("broken-feed").filter(later).drop("").equals(stable.filter(later).drop(""))
