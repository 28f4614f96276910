"""How often a good week is refused day by day, and a broken one let in: writes the table of `docs/collection.md`.

`python -m benchmarks.collection`, some minutes. Each story is a business of its own seed: a year of history, then 52
weeks, each held against all days before it, as it is and as a broken feed would have delivered three of its days.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import polars as pl

from mlflow_fraud.adapters.files import write_text
from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.gate.against import against
from mlflow_fraud.core.gate.columns import HOUR
from mlflow_fraud.core.gate.day_by_day import shifted_days
from mlflow_fraud.core.measuring.metrics import share_interval
from mlflow_fraud.settings import load_contract
from mlflow_fraud.simulation import SimulationPlan, simulate

PAGE = Path("docs/collection.md")
HEADING = "### How often it is wrong\n"
CONTRACT = Path("data/contracts/sparkov.yaml")
SCENARIOS = ("stable", "seasonal", "new-pattern")
BEGIN, YEAR, WEEK = date(2018, 1, 1), 364, 7
BROKEN = 3
"""Days of a week in which a feed is broken."""

Breaks = Callable[[pl.Expr], Mapping[str, pl.Expr]]


class Plan(NamedTuple):
    """How many stories of each pace, in payments a day, and how many weeks each has."""

    paces: tuple[tuple[int, int], ...] = ((50, 14), (100, 8), (200, 4))
    weeks: int = 52


class Kind(NamedTuple):
    """A way in which a week may come, by the columns that are otherwise on some days."""

    name: str
    breaks: Breaks | None = None


def _shuffled_category(on: pl.Expr) -> Mapping[str, pl.Expr]:
    return {"category": pl.when(on).then(pl.lit("travel")).otherwise("category")}


KINDS = (
    Kind("good"),
    Kind("three days in cents", lambda on: {"amount": pl.when(on).then(pl.col("amount") * 100).otherwise("amount")}),
    Kind("three days of one category", _shuffled_category),
    Kind(
        "three days with every time at midnight",
        lambda on: {"event_time": pl.when(on).then(pl.col("event_time").dt.truncate("1d")).otherwise("event_time")},
    ),
)


class Outcome(NamedTuple):
    """One week: how it came, at which pace, and whether it is refused day by day and by the month as a whole."""

    kind: str
    pace: int
    refused: bool
    by_the_month: bool


def main() -> None:
    """Tell the stories and write the table."""
    contract = load_contract(CONTRACT)
    found = list(outcomes(Plan(), contract))
    above = PAGE.read_text(encoding="utf-8").partition(HEADING)[0]
    write_text(PAGE, f"{above}{HEADING}\n{table(found)}")
    print(f"{PAGE}: {len(found):,} weeks")


def outcomes(plan: Plan, contract: Contract) -> Iterator[Outcome]:
    """Give the outcome of each week of each story, in each way in which it may come."""
    seed = 0
    for pace, stories in plan.paces:
        for number in range(stories):
            seed += 1
            yield from _story(pace, SCENARIOS[number % len(SCENARIOS)], seed, plan.weeks, contract)


def table(found: Sequence[Outcome]) -> str:
    """Return how many weeks of each kind are refused, with the upper 95 % bound, at each pace and at all."""
    paces = sorted({each.pace for each in found})
    heads = [
        "week",
        *(f"{pace} payments a day" for pace in paces),
        "all",
        "95 % interval",
        "as one month of four weeks",
    ]
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    for kind in Counter(each.kind for each in found):
        mine = [each for each in found if each.kind == kind]
        cells = [_refused([each for each in mine if each.pace == pace]) for pace in paces]
        low, high = share_interval(sum(each.refused for each in mine) / len(mine), len(mine))
        by_month = sum(each.by_the_month for each in mine)
        lines.append(
            f"| {kind} | {' | '.join(cells)} | {_refused(mine)} | {max(low, 0):.2%} to {min(high, 1):.2%} | "
            f"{by_month:,} of {len(mine):,} |"
        )
    return "\n".join(lines) + "\n"


def _refused(weeks: Sequence[Outcome]) -> str:
    return f"{sum(each.refused for each in weeks):,} of {len(weeks):,} refused"


def _story(pace: int, scenario: str, seed: int, weeks: int, contract: Contract) -> Iterator[Outcome]:
    days = YEAR + WEEK * weeks
    changes = BEGIN + timedelta(days=YEAR + WEEK * weeks // 2)
    plan = SimulationPlan(
        seed=seed,
        start=BEGIN,
        days=days,
        transactions=pace * days,
        cards=2 * pace,
        merchants=200,
        scenario=scenario,
        scenario_from=changes,
    )
    with tempfile.TemporaryDirectory() as folder:
        simulate(plan).write_csv(Path(folder) / "rows.csv")
        rows = read_batches([Path(folder) / "rows.csv"], contract)
    for week in range(weeks):
        first = BEGIN + timedelta(days=YEAR + WEEK * week)
        before = rows.filter(pl.col("event_time").dt.date() < first)
        here = rows.filter(pl.col("event_time").dt.date().is_between(first, first + timedelta(days=WEEK - 1)))
        wrong = first + timedelta(days=(seed + week) % (WEEK - BROKEN + 1))
        on = pl.col("event_time").dt.date().is_between(wrong, wrong + timedelta(days=BROKEN - 1))
        for kind in KINDS:
            came = here.with_columns(**kind.breaks(on)).sort("event_time") if kind.breaks else here
            refused = bool(shifted_days(came, before, contract))
            yield Outcome(kind.name, pace, refused, _by_the_month(came, before, first, contract))


def _by_the_month(week: pl.DataFrame, before: pl.DataFrame, first: date, contract: Contract) -> bool:
    """Return whether the rule `shift` sees it where the week is the last one of a batch of four, held as a whole."""
    begin, hour = first - timedelta(days=3 * WEEK), pl.col("event_time").dt.hour().alias(HOUR)
    month = pl.concat([before.filter(pl.col("event_time").dt.date() >= begin), week]).with_columns(hour)
    earlier = before.filter(pl.col("event_time").dt.date() < begin).with_columns(hour)
    most = contract.gate.shift.at_most or 0.0
    shifts = {name: value for name, value in against(month, [earlier], contract).items() if name.startswith("shift_of")}
    return any(isinstance(value, float) and value > most for value in shifts.values())


if __name__ == "__main__":
    main()
