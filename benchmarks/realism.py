"""The simulator's data beside a data set in the Kaggle layout: `python -m benchmarks.realism [archive.zip or folder]`.

Writes the figures of `docs/simulator.md`; the page above them is written by hand.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mlflow_fraud.adapters.files import write_text
from mlflow_fraud.adapters.raw_files import find_batches, read_batches
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.errors import FraudError
from mlflow_fraud.settings import load_contract, load_params
from mlflow_fraud.simulation import SimulationPlan, simulate

PAGE = Path("docs/simulator.md")
HEADING = "## Figures\n"
COMPARED = "Sparkov"
CLASSES = {"genuine": 0, "fraud": 1}
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
QUARTILES = (0.25, 0.5, 0.75)
BAND_HOURS = 6
BURST_GAP = pl.duration(days=7)


@dataclass(frozen=True)
class Table:
    """One data set's figures by row and measure, as they are printed."""

    title: str
    by: str
    measures: tuple[str, ...]
    rows: dict[str, list[str]]


def main(arguments: Sequence[str]) -> None:
    """Write the figures; the data set to compare with is left out where no path is given."""
    params = load_params()
    plan = SimulationPlan(**params.simulation.model_dump())
    made = read_simulation(plan, load_contract(params.datasets["simulated"].contract))
    files = read_files(Path(arguments[0]), load_contract(params.datasets["sparkov"].contract)) if arguments else None
    write_text(PAGE, with_figures(PAGE.read_text(encoding="utf-8"), figures(made, files)))
    print(f"{PAGE}: {made.height:,} made-up transactions beside {0 if files is None else files.height:,} others")


def read_simulation(plan: SimulationPlan, contract: Contract) -> pl.DataFrame:
    """Return the plan's transactions, read from CSV as any other data set's are."""
    with tempfile.TemporaryDirectory() as folder:
        batch = Path(folder) / "simulated.csv"
        simulate(plan).write_csv(batch)
        return read_batches([batch], contract)


def read_files(path: Path, contract: Contract) -> pl.DataFrame:
    """Return the transactions of a zip, a folder or a file in the Kaggle layout."""
    with tempfile.TemporaryDirectory() as folder:
        return read_batches(find_batches(path, Path(folder)), contract)


def with_figures(page: str, figures: str) -> str:
    """Return the page with other figures below its heading."""
    return f"{page.partition(HEADING)[0]}{HEADING}\n{figures}\n"


def figures(made: pl.DataFrame, files: pl.DataFrame | None) -> str:
    """Return the tables of the simulated data, side by side with those of other files, as Markdown."""
    source = "Simulated: the built-in data, as `params.yaml` describes it."
    if files is None:
        source += f"\nNo data set in the layout of the Kaggle files was given: the columns {COMPARED} are left out."
    else:
        days = files["event_time"].dt.date().sort()
        source += f"\n{COMPARED}: files in the layout of the Kaggle set, {days[0]} to {days[-1]}."
    theirs = {} if files is None else {table.title: table for table in measure(files)}
    tables = ["\n".join(_side_by_side(table, theirs.get(table.title))) for table in measure(made)]
    return "\n\n".join([source, *tables])


def measure(transactions: pl.DataFrame) -> list[Table]:
    """Return the tables of a data set that was read by its contract."""
    return [table(transactions) for table in (_whole, _amounts, _hours, _bursts, _categories)]


def burst_lengths(transactions: pl.DataFrame) -> pl.Series:
    """Return the number of frauds in each burst: of one card, less than seven days from each to the next."""
    fraud = _of_class(transactions, "fraud").sort("card", "event_time")
    begins = (pl.col("event_time").diff() >= BURST_GAP).over("card").fill_null(value=True)
    return fraud.group_by(begins.cum_sum(), maintain_order=True).len()["len"]


def december_ratio(transactions: pl.DataFrame) -> float:
    """Return how many transactions a day of December has, against the average day."""
    by_day = transactions.group_by(pl.col("event_time").dt.date().alias("day")).len()
    return _mean(by_day.filter(pl.col("day").dt.month() == 12)["len"]) / _mean(by_day["len"])


def _whole(transactions: pl.DataFrame) -> Table:
    days = transactions.select((pl.col("event_time").max() - pl.col("event_time").min()).dt.total_days()).item() + 1
    by_card = transactions.group_by("card").agg(pl.len(), fraud=pl.col("label").max())
    used = by_card["len"] / days
    values = {
        "transactions": f"{transactions.height:,}",
        "cards": f"{by_card.height:,}",
        "cards with fraud": _percent(_mean(by_card["fraud"]), 0),
        "fraud rate": _percent(_mean(transactions["label"]), 2),
        "a day of December, average day = 1": f"{december_ratio(transactions):.2f}",
        "transactions a card and day, mean": f"{_mean(used):.2f}",
    }
    for q in QUARTILES:
        values[f"transactions a card and day, {_percent(q, 0)} quantile"] = f"{_quantile(used, q):.2f}"
    return Table("The whole", "what", ("",), {name: [value] for name, value in values.items()})


def _amounts(transactions: pl.DataFrame) -> Table:
    dollars = [_of_class(transactions, name)["amount"] / 100 for name in CLASSES]
    rows = {_percent(q, 0): [f"{_quantile(amounts, q):,.2f}" for amounts in dollars] for q in QUANTILES}
    return Table("Amounts in dollars", "quantile", tuple(CLASSES), rows)


def _hours(transactions: pl.DataFrame) -> Table:
    bands = [frame["event_time"].dt.hour() // BAND_HOURS for frame in (transactions, _of_class(transactions, "fraud"))]
    rows = {
        f"{number * BAND_HOURS} h to {(number + 1) * BAND_HOURS} h": [_percent(_mean(band == number)) for band in bands]
        for number in range(24 // BAND_HOURS)
    }
    return Table("Share by hour", "hours", ("all", "fraud"), rows)


def _bursts(transactions: pl.DataFrame) -> Table:
    lengths = burst_lengths(transactions)
    rows = {"bursts": [f"{len(lengths):,}"], "frauds in a burst, mean": [f"{_mean(lengths):.1f}"]}
    for q in QUARTILES:
        rows[f"frauds in a burst, {_percent(q, 0)} quantile"] = [f"{_quantile(lengths, q):.0f}"]
    return Table("Bursts: frauds of one card, gaps below seven days", "what", ("",), rows)


def _categories(transactions: pl.DataFrame) -> Table:
    columns = [_of_class(transactions, name)["category"] for name in CLASSES]
    names = transactions["category"].drop_nulls().unique().sort()
    rows = {name: [_percent(_mean(column == name)) for column in columns] for name in names}
    return Table("Share by category", "category", tuple(CLASSES), rows)


def _side_by_side(ours: Table, theirs: Table | None) -> Iterator[str]:
    """Return the lines of a table with our column and theirs beside each other for each measure."""
    sources = {"simulated": ours} | ({COMPARED: theirs} if theirs else {})
    heads = [f"{measure}, {source}".removeprefix(", ") for measure in ours.measures for source in sources]
    yield f"### {ours.title}\n"
    yield f"| {' | '.join([ours.by, *heads])} |"
    yield f"| --- |{' ---: |' * len(heads)}"
    for name in dict.fromkeys(name for table in sources.values() for name in table.rows):
        columns = [table.rows.get(name, ["-"] * len(ours.measures)) for table in sources.values()]
        cells = [cell for measure in zip(*columns, strict=True) for cell in measure]
        yield f"| {' | '.join([name, *cells])} |"


def _of_class(transactions: pl.DataFrame, name: str) -> pl.DataFrame:
    return transactions.filter(pl.col("label") == CLASSES[name])


def _quantile(values: pl.Series, q: float) -> float:
    return float(values.quantile(q, "linear") or 0)


def _mean(values: pl.Series) -> float:
    return float(values.cast(pl.Float64).mean() or 0)  # type: ignore[arg-type]


def _percent(share: float, decimals: int = 1) -> str:
    return f"{100 * share:.{decimals}f} %"


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except FraudError as error:
        sys.exit(f"error: {error}")
