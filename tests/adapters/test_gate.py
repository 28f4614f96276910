"""The gate lets clean data pass, and each of its rules fires on the fault that it is there for."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from mlflow_fraud.adapters.gx_contract import check
from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.core.contract.contract import BATCH, Contract
from mlflow_fraud.core.gate.findings import Report, report_of
from mlflow_fraud.core.gate.rules import rules_of
from mlflow_fraud.simulation import SimulationPlan, simulate

Fault = Callable[[pl.DataFrame], pl.DataFrame]

PLAN = SimulationPlan(start=date(2020, 1, 1), days=200, transactions=12_000, cards=50, merchants=50, fraud_rate=0.02)
BATCHES = 4
FRAUD = pl.col("label").cast(pl.Int64)
NEEDED = (
    *("event_id", "event_time", "card", "merchant", "category", "amount", "label", "birth_date", "city_pop"),
    *("home_latitude", "home_longitude", "merchant_latitude", "merchant_longitude"),
)
LAST = f"batch-{BATCHES - 1}"


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory, contract: Contract) -> pl.DataFrame:
    """Pipeline rows of four batches, one after the other."""
    file = tmp_path_factory.mktemp("gate") / "all.csv"
    simulate(PLAN).write_csv(file)
    rows = read_batches([file], contract)
    part = (pl.col("event_time") - pl.lit(datetime(2020, 1, 1))).dt.total_days() * BATCHES // (PLAN.days + 1)
    return rows.with_columns((pl.lit("batch-") + part.cast(pl.String)).alias(BATCH))


def report_on(rows: pl.DataFrame, contract: Contract, folder: Path) -> Report:
    rows.write_parquet(folder / "rows.parquet")
    return check(folder / "rows.parquet", contract)


def at(place: int, **values: object) -> Fault:
    """Return the fault that one row has these values."""

    def plant(rows: pl.DataFrame) -> pl.DataFrame:
        here = pl.int_range(pl.len()) == place
        changed = {
            name: pl.when(here).then(pl.lit(value, dtype=rows.schema[name])).otherwise(name)
            for name, value in values.items()
        }
        return rows.with_columns(**changed)

    return plant


def everywhere(**values: object) -> Fault:
    return lambda rows: rows.with_columns(**values)


def newest(**values: pl.Expr) -> Fault:
    """Return the fault that every row of the newest batch has these values."""
    there = pl.col(BATCH) == LAST
    return lambda rows: rows.with_columns(
        **{name: pl.when(there).then(value).otherwise(name) for name, value in values.items()}
    )


def a_day_missing(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(pl.col("event_time").dt.date() != date(2020, 3, 3))


def the_newest_thinned(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter((pl.col(BATCH) != LAST) | (pl.int_range(pl.len()) % 5 == 0))


def the_newest_a_month_back(rows: pl.DataFrame) -> pl.DataFrame:
    back = pl.when(pl.col(BATCH) == LAST).then(pl.col("event_time") - timedelta(days=30)).otherwise("event_time")
    return rows.with_columns(event_time=back).sort("event_time", "event_id")


def rows_again_under_another_id(rows: pl.DataFrame) -> pl.DataFrame:
    again = rows.tail(3).with_columns(event_id=pl.col("event_id").str.reverse())
    return pl.concat([rows, again]).sort("event_time", "event_id")


def training_rows_again_in_the_test_batch(rows: pl.DataFrame) -> pl.DataFrame:
    again = rows.filter(pl.col(BATCH) == "batch-1").tail(20)
    return pl.concat([rows, again.with_columns(event_id=pl.col("event_id").str.reverse(), **{BATCH: pl.lit(LAST)})])


def one_clock_an_hour_off(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(
        unix_time=pl.col("unix_time") + pl.when(pl.int_range(pl.len()) > 4000).then(3600).otherwise(0)
    )


def all_at_noon(rows: pl.DataFrame) -> pl.DataFrame:
    return newest(event_time=pl.col("event_time").dt.truncate("1d") + timedelta(hours=12))(rows)


FAULTS: list[tuple[str, Fault, set[str]]] = [
    ("a column is gone", lambda rows: rows.drop("city_pop"), {"all columns are there"}),
    ("too few rows", lambda rows: rows.head(900), {"there are at least 1000 rows"}),
    ("only fraud", everywhere(label=pl.lit(1, pl.Int8)), {"the fraud rate is between 0.0001 and 0.2"}),
    *((f"{name} is missing once", at(7, **{name: None}), {f"{name} is never missing"}) for name in NEEDED),
    ("a time before the range", at(0, event_time=datetime(1999, 1, 1)), {"event_time is in range"}),
    ("a card that is no number", at(7, card=-3), {"card is in range"}),
    ("a category out of the list", at(7, category="jewels"), {"category is a known value"}),
    ("a negative amount", at(7, amount=-500), {"amount is in range"}),
    ("a birth in the future", at(7, birth_date=date(2044, 1, 1)), {"birth_date is in range"}),
    ("a city of minus one", at(7, city_pop=-1), {"city_pop is in range"}),
    ("a label that is neither", at(7, label=2), {"label is in range"}),
    ("a home beyond the pole", at(7, home_latitude=91.0), {"home_latitude is in range"}),
    ("a home beyond the date line", at(7, home_longitude=181.0), {"home_longitude is in range"}),
    ("a shop beyond the pole", at(7, merchant_latitude=91.0), {"merchant_latitude is in range"}),
    ("a shop beyond the date line", at(7, merchant_longitude=181.0), {"merchant_longitude is in range"}),
    ("an id twice", lambda rows: at(7, event_id=rows["event_id"][8])(rows), {"event_id is unique"}),
    ("label times as text", everywhere(label_time=pl.lit("soon")), {"label_time is of its type"}),
    (
        "a label a minute before its payment",
        everywhere(label_time=pl.col("event_time") - timedelta(minutes=1)),
        {"no label arrived before its payment"},
    ),
    ("numbers as text", everywhere(card=pl.col("card").cast(pl.String)), {"card is of its type"}),
    ("a day without rows", a_day_missing, {"no day is missing"}),
    ("a fifth of the rows", the_newest_thinned, {"a batch has as many rows a day as those before"}),
    ("a batch a month back", the_newest_a_month_back, {"a batch begins after the end of those before"}),
    ("rows under another id", rows_again_under_another_id, {"no row is there twice under another id"}),
    (
        "training rows in the test batch",
        training_rows_again_in_the_test_batch,
        {"no row is in two batches, such as train and test", "no row is there twice under another id"},
    ),
    ("a clock an hour off", one_clock_an_hour_off, {"the two clocks keep their distance"}),
    ("other amounts", newest(amount=pl.col("amount") * 10), {"amount is distributed as before"}),
    ("all at noon", all_at_noon, {"hour is distributed as before"}),
    ("other cities", newest(city_pop=pl.col("city_pop") * 50 + 1), {"city_pop is distributed as before"}),
    ("one category only", newest(category=pl.lit("travel")), {"category is distributed as before"}),
    (
        "a category that is new",
        lambda rows: rows.filter((pl.col("category") != "travel") | (pl.col(BATCH) == LAST)),
        {"category has no new value"},
    ),
    ("amounts tell the label", everywhere(amount=FRAUD * 100_000 + 1), {"amount alone does not give the label away"}),
    ("cities tell the label", everywhere(city_pop=FRAUD * 100), {"city_pop alone does not give the label away"}),
    (
        "a category tells the label",
        everywhere(category=pl.when(pl.col("label") == 1).then(pl.lit("travel")).otherwise(pl.lit("home"))),
        {"category alone does not give the label away"},
    ),
    (
        "the hour tells the label",
        everywhere(event_time=pl.col("event_time").dt.truncate("1d") + pl.duration(hours=FRAUD * 3)),
        {"hour alone does not give the label away"},
    ),
]


def test_clean_data_passes_every_rule(clean: pl.DataFrame, contract: Contract, tmp_path: Path) -> None:
    report = report_on(clean, contract, tmp_path)
    assert [finding.sentence for finding in report.findings if not finding.holds] == []
    assert len(report.findings) == len(rules_of(contract))


@pytest.mark.parametrize(("fault", "rules"), [pytest.param(f, r, id=name) for name, f, r in FAULTS])
def test_a_planted_fault_fires_its_rule(
    fault: Fault, rules: set[str], clean: pl.DataFrame, contract: Contract, tmp_path: Path
) -> None:
    broken = {f.rule: f for f in report_on(fault(clean), contract, tmp_path).findings if not f.holds}
    assert rules <= set(broken)


TYPES = [name for name in NEEDED if name not in ("card", "event_time")]


@pytest.mark.parametrize("name", TYPES)
def test_a_column_of_another_type_fires_its_rule(
    name: str, clean: pl.DataFrame, contract: Contract, tmp_path: Path
) -> None:
    text = clean.schema[name] == pl.String
    other = pl.int_range(pl.len()) if text else pl.col(name).cast(pl.Int32 if name == "label" else pl.String)
    broken = {f.rule for f in report_on(clean.with_columns(**{name: other}), contract, tmp_path).failures}
    assert f"{name} is of its type" in broken


def test_every_rule_has_a_planted_fault(contract: Contract) -> None:
    """But one: a table whose times are none has no line of evidence, and ingest makes no such table."""
    planted = {"event_time is of its type"}
    planted |= {rule for _, _, rules in FAULTS for rule in rules} | {f"{name} is of its type" for name in TYPES}
    assert {rule.name for rule in rules_of(contract)} - planted == set()


def with_label_times(rows: pl.DataFrame, delay: timedelta) -> pl.DataFrame:
    """Return the rows, whose labels arrived so long after the payments, one of them at an unknown time."""
    known = pl.int_range(pl.len()) != 5
    return rows.with_columns(label_time=pl.when(known).then(pl.col("event_time") + delay))


def test_labels_that_arrive_after_their_payments_pass(clean: pl.DataFrame, contract: Contract, tmp_path: Path) -> None:
    report = report_on(with_label_times(clean, timedelta(days=7)), contract, tmp_path)
    assert [finding.sentence for finding in report.findings if not finding.holds] == []
    assert "no label arrived before its payment" in {finding.rule for finding in report.findings}


def test_a_label_that_arrived_before_its_payment_is_critical(
    clean: pl.DataFrame, contract: Contract, tmp_path: Path
) -> None:
    rows = with_label_times(clean, timedelta(days=7))
    early = rows.with_columns(
        label_time=pl.when(pl.int_range(pl.len()) == 9).then("event_time").otherwise("label_time")
        - timedelta(minutes=1)
    )
    (failure,) = report_on(early, contract, tmp_path).failures
    assert failure.sentence == ("no label arrived before its payment: 1 batch does not comply, for example batch-0 (1)")


MONTHS: list[tuple[str, pl.Expr, str]] = [
    ("amount", pl.col("amount") * 10, "amount is distributed as before: 1 batch does not"),
    ("category", pl.lit("travel"), "category is distributed as before: 1 batch does not"),
]


@pytest.mark.parametrize(("column", "value", "sentence"), MONTHS, ids=[name for name, *_ in MONTHS])
def test_a_data_set_of_one_batch_has_its_months_held_against_those_before(
    column: str, value: pl.Expr, sentence: str, clean: pl.DataFrame, contract: Contract, tmp_path: Path
) -> None:
    one = clean.with_columns(**{BATCH: pl.lit("one")}).filter(pl.col("event_time") < datetime(2020, 7, 1))
    assert report_on(one, contract, tmp_path).passed
    june = pl.col("event_time") >= datetime(2020, 6, 1)
    changed = one.with_columns(**{column: pl.when(june).then(value).otherwise(column)})
    told = [f.sentence for f in report_on(changed, contract, tmp_path).warnings]
    assert any(each.startswith(sentence) and "2020-06 of one" in each for each in told)


def test_a_month_of_a_lone_batch_with_a_fifth_of_the_rows_is_told(
    clean: pl.DataFrame, contract: Contract, tmp_path: Path
) -> None:
    one = clean.with_columns(**{BATCH: pl.lit("one")})
    june = pl.col("event_time").dt.month() == 6
    thinned = one.filter(~june | (pl.int_range(pl.len()) % 5 == 0))
    told = [f.sentence for f in report_on(thinned, contract, tmp_path).warnings]
    assert any("as many rows a day as those before: 1 batch" in each and "2020-06 of one" in each for each in told)


def test_the_first_page_tells_what_fails_how_often_and_three_masked_examples(
    clean: pl.DataFrame, contract: Contract, tmp_path: Path
) -> None:
    row = pl.int_range(pl.len())
    broken = clean.with_columns(
        category=pl.when(row < 5).then(pl.lit("Jennifer ") + row.cast(pl.String)).otherwise("category"),
        card=pl.when(row < 4).then(-4_111_111_111_111_111).otherwise("card"),
        event_id=pl.when(row < 2).then(pl.lit("secret-id-1234")).otherwise("event_id"),
    )
    broken.write_parquet(tmp_path / "rows.parquet")
    report = check(tmp_path / "rows.parquet", contract, docs=tmp_path / "docs")
    page = (tmp_path / "docs/index.html").read_text()
    pages = "".join(file.read_text() for file in (tmp_path / "docs").rglob("*.html"))
    for text in (report.to_markdown(), page):
        assert "sparkov failed: " in text
        assert "5 rows do not comply" in text
        assert "Je… (10 characters)" in text
        assert "…1234" in text
    assert "- **critical**: card is in range: 4 rows do not comply\n" in report.to_markdown()
    for secret in ("Jennifer", "4111111111111111", "secret-id"):
        assert secret not in pages + report.to_markdown() + report.to_json()


def test_the_first_page_of_clean_data_says_so(clean: pl.DataFrame, contract: Contract, tmp_path: Path) -> None:
    clean.write_parquet(tmp_path / "rows.parquet")
    report = check(tmp_path / "rows.parquet", contract, docs=tmp_path / "docs")
    assert "Every rule holds." in (tmp_path / "docs/index.html").read_text()
    assert report_of(json.loads(report.to_json())) == report
