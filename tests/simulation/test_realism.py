"""The built-in data is like the public files where a model could tell, and docs/simulator.md says what it is like."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from benchmarks import realism
from mlflow_fraud.settings import load_contract, load_params
from mlflow_fraud.simulation import SCENARIOS, SimulationPlan
from mlflow_fraud.simulation.fraud_kinds import KINDS
from tests.conftest import ROOT

ARCHIVE = ROOT.parent / "shared/data/sparkov/archive.zip"
PAGE = (ROOT / realism.PAGE).read_text()
NIGHT = [22, 23, 0, 1, 2, 3]


@pytest.fixture(scope="module")
def made() -> pl.DataFrame:
    plan = SimulationPlan(**load_params(ROOT / "params.yaml").simulation.model_dump())
    return realism.read_simulation(plan, load_contract(ROOT / "data/contracts/sparkov.yaml"))


@pytest.fixture(scope="module")
def genuine(made):
    return made.filter(pl.col("label") == 0)


@pytest.fixture(scope="module")
def fraud(made):
    return made.filter(pl.col("label") == 1)


@pytest.fixture(scope="module")
def lengths(made):
    return realism.burst_lengths(made)


def share_at_night(transactions: pl.DataFrame) -> float:
    return transactions["event_time"].dt.hour().is_in(NIGHT).mean()


def frauds(*moments: tuple[int, float]) -> pl.DataFrame:
    begin = datetime(2019, 1, 1)
    rows = [{"card": card, "event_time": begin + timedelta(days=day), "label": 1} for card, day in moments]
    return pl.DataFrame(rows)


def without_compared(page: str) -> list[list[str]]:
    """Return the lines of the page's tables, without the columns of the files that were compared."""
    lines, kept = [], None
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else None
        if cells and kept is None:
            kept = [place for place, cell in enumerate(cells) if not cell.endswith(realism.COMPARED)]
        if cells:
            lines.append([cells[place] for place in kept])
        else:
            kept = None
    return lines


def test_about_one_in_two_hundred_payments_is_fraud(made):
    assert 0.003 < made["label"].mean() < 0.008


def test_the_median_fraud_is_several_times_the_median_genuine_amount(genuine, fraud):
    assert 4 < fraud["amount"].median() / genuine["amount"].median() < 12


def test_some_frauds_are_smaller_than_most_genuine_amounts(genuine, fraud):
    assert (fraud["amount"] < genuine["amount"].median()).mean() > 0.1


def test_most_frauds_are_at_night_and_most_genuine_payments_are_not(genuine, fraud):
    assert share_at_night(fraud) > 0.65
    assert share_at_night(genuine) < 0.35


def test_bursts_are_of_about_seven_frauds_single_ones_and_long_ones_among_them(lengths):
    assert 5 < lengths.mean() < 10
    assert lengths.min() == 1
    assert (lengths >= 10).mean() > 0.2


def test_december_is_far_above_the_mean_month(made):
    assert 1.5 < realism.december_ratio(made) < 2.2


def test_some_cards_are_used_much_more_than_others(made):
    used = made.group_by("card").len()["len"]
    assert used.quantile(0.75) > 2 * used.quantile(0.25)


def test_every_category_has_genuine_payments_and_fraud(genuine, fraud):
    assert genuine["category"].n_unique() == fraud["category"].n_unique() == 14


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        pytest.param([(1, 0), (1, 6.9), (1, 13)], [3], id="each within a week of the one before"),
        pytest.param([(1, 0), (1, 7)], [1, 1], id="a whole week apart"),
        pytest.param([(1, 0), (2, 0.1), (1, 0.2)], [2, 1], id="two cards"),
    ],
)
def test_a_burst_is_of_one_card_and_ends_with_a_week_without_fraud(moments, expected):
    assert realism.burst_lengths(frauds(*moments)).to_list() == expected


def test_the_page_has_the_figures_of_the_built_in_data(made):
    assert without_compared(PAGE) == without_compared(realism.figures(made, None))


def test_without_files_to_compare_with_the_page_says_so(made):
    figures = realism.figures(made, None)
    assert "the columns Sparkov are left out" in figures
    assert ", Sparkov" not in figures


def test_each_figure_stands_under_its_own_source(made):
    half = made.head(made.height // 2)
    figures = realism.figures(made, half)
    assert without_compared(figures) == without_compared(realism.figures(made, None))
    assert f"| transactions | {made.height:,} | {half.height:,} |" in figures


def test_what_is_written_by_hand_stays():
    page = realism.with_figures("By hand.\n\n## Figures\n\nold\n", "new")
    assert page == "By hand.\n\n## Figures\n\nnew\n"


@pytest.mark.parametrize("name", [*SCENARIOS, *KINDS])
def test_the_page_names_each_scenario_and_kind_of_fraud(name):
    assert f"- `{name}`: " in PAGE or f"- **{name}** (" in PAGE


@pytest.mark.slow
@pytest.mark.skipif(not ARCHIVE.is_file(), reason=f"the real-layout archive is not at {ARCHIVE}")
def test_the_page_has_the_figures_of_the_real_layout_too(made):
    files = realism.read_files(ARCHIVE, load_contract(ROOT / "data/contracts/sparkov.yaml"))
    assert realism.with_figures(PAGE, realism.figures(made, files)) == PAGE
