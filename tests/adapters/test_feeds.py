"""Every way in which a feed goes wrong has a defined outcome: read as meant, or refused with one sentence."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from mlflow_fraud.adapters.gx_contract import check
from mlflow_fraud.adapters.raw_files import batches_in, find_batches, read_batches
from mlflow_fraud.core.contract.contract import Contract, read_contract
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.gate.findings import Report
from mlflow_fraud.simulation import SimulationPlan, simulate
from tests.conftest import ROOT

PAGE = (ROOT / "docs/feeds.md").read_text()

FIELDS, ROWS = 23, 985

Spoil = Callable[[pl.DataFrame], bytes]


@pytest.fixture(scope="module")
def raw() -> pl.DataFrame:
    """A month of simulated card payments in the raw layout."""
    return simulate(SimulationPlan(start=date(2020, 1, 1), days=30, transactions=1500, cards=40, merchants=60))


def contract_with(**csv: str) -> Contract:
    """Return the default contract for files that are written in another way."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "data/contracts/sparkov.yaml").read_text())
    return read_contract(document | {"csv": csv}, where="test")


def text(frame: pl.DataFrame, **options: Any) -> str:
    return str(frame.write_csv(**options))


def comma_amounts(frame: pl.DataFrame) -> pl.DataFrame:
    amounts = [
        pl.col(name).cast(pl.String).str.replace(".", ",", literal=True) for name in frame.columns if is_decimal(name)
    ]
    return frame.with_columns(amounts)


def notations(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the numbers as R and pandas write them now and then."""
    return frame.with_columns(
        pl.format("+{}", "amt").alias("amt"),
        pl.format("{}e+00", "lat").alias("lat"),
        pl.format("{}E0", "merch_lat").alias("merch_lat"),
        pl.format("{}.0", "city_pop").alias("city_pop"),
        pl.format("{}.", "is_fraud").alias("is_fraud"),
    )


def is_decimal(name: str) -> bool:
    return name in ("amt", "lat", "long", "merch_lat", "merch_long")


REFUSED: dict[str, tuple[Spoil, str]] = {
    "another separator": (
        lambda f: text(f, separator=";").encode(),
        "separates its columns by ';', expected ','; the contract can say csv: {separator: ';'}",
    ),
    "Latin-1": (
        lambda f: text(f).replace("travel", "trävel").encode("latin-1"),
        "is not text in UTF-8; the contract's csv.encoding can say latin-1, cp1252 or utf-16",
    ),
    "UTF-16": (lambda f: text(f).encode("utf-16"), "not text in utf-8; the contract's csv.encoding can say utf-16"),
    "decimal commas": (lambda f: text(comma_amounts(f)).encode(), "values are not a decimal, they look like '99,99'"),
    "separators of thousands": (
        lambda f: text(f.with_columns(amt=pl.lit("1,234.50"))).encode(),
        "values are not a decimal, they look like '9,999.99'",
    ),
    "numbers that are none": (
        lambda f: text(f.with_columns(amt=pl.lit("nan"))).encode(),
        "values are not a decimal, they look like 'aaa'",
    ),
    "whole numbers beyond 64 bits": (
        lambda f: text(f.with_columns(cc_num=pl.lit("12345678901234567890"))).encode(),
        "whole numbers of more than 64 bits are ids: the contract can say type: text",
    ),
    "mixed time formats": (
        lambda f: text(f).replace("2020-01-01 ", "2020-01-01T").encode(),
        "values are not a timestamp like %Y-%m-%d %H:%M:%S, they look like '9999-99-99a99:99:99'",
    ),
    "a time that no clock shows": (
        lambda f: text(f).replace("2020-01-03 ", "2020-02-30 ").encode(),
        "values are not a timestamp like %Y-%m-%d %H:%M:%S",
    ),
    "no rows": (lambda f: text(f.head(0)).encode(), "has a header and no rows"),
    "nothing at all": (lambda f: b"", "is empty; expected a header line and rows"),
    "a quote left open": (
        lambda f: (text(f) + '"abc,\n').encode(),
        "1 row has a quote that is opened and not closed (the first in line 987)",
    ),
    "a quote within a value without quotes": (
        lambda f: text(f.with_columns(last=pl.lit("Ann"))).replace("Ann", 'A"n', 2).encode(),
        "2 rows have a quote within a value (the first in line 2)",
    ),
    "lines that end in CR alone": (
        lambda f: text(f).replace("\n", "\r").encode(),
        "ends its lines with a carriage return alone; write it with line feeds",
    ),
    "a row cut short": (
        lambda f: (text(f) + "1,2,3\n").encode(),
        f"1 row has fewer values than the {FIELDS} names of the header, so it is not certain which",
    ),
    "a row with too many values": (
        lambda f: (text(f.head(20)) + text(f.tail(1), include_header=False).rstrip() + ",Jennifer,9\n").encode(),
        f"1 row has more values than the {FIELDS} names of the header, so it is not certain which is which",
    ),
    "a separator inside a value": (
        lambda f: text(f.with_columns(merchant=pl.lit("Kirlin, Inc")), quote_style="never").encode(),
        "a value with ',' in it needs quotes around it",
    ),
    "the header in the middle": (
        lambda f: (text(f) * 2).encode(),
        "amt: 1 value is not a decimal, it looks like 'aaa'",
    ),
    "a name that is there twice": (
        lambda f: (text(f).replace("merch_long,is_fraud", "amt,is_fraud")).replace("unix_time", "merch_long").encode(),
        "amt is there 2 times, so it is not certain which is meant; take the others out or rename them",
    ),
    "a name that differs in form": (
        lambda f: text(f.rename({"unix_time": "Unix Time"})).encode(),
        "unix_time is not there, but 'Unix Time' is; one of the two names has to change",
    ),
    "no header": (
        lambda f: text(f, include_header=False).encode(),
        "columns of the contract sparkov are missing: its first line has none of their names; a file begins with",
    ),
    "a total below the rows": (
        lambda f: (text(f) + "Total: 985 rows\n").encode(),
        f"1 row has fewer values than the {FIELDS} names of the header",
    ),
    "text behind a closing quote": (
        lambda f: text(f).replace(",travel,", ',"tra\\"vel\\"",').encode(),
        "text behind a closing quote (the first in line",
    ),
    "NUL characters": (lambda f: (text(f) + "\x00" * 500).encode(), "1 row has NUL characters (the first in line 987)"),
    "no text": (lambda f: bytes(range(256)) * 100, "is not text in utf-8"),
    "a value beyond the bounds": (
        lambda f: text(f.with_columns(amt=pl.lit(2e13), merchant=pl.lit("m" * 501))).encode(),
        "values are beyond the bounds, expected at most 500 characters, none of them a control character; amt: ",
    ),
}

ELSEWHERE = ("only fraud", "one card", "a daylight-saving gap", "2 GB")

READ: dict[str, Spoil] = {
    "a byte order mark": lambda f: b"\xef\xbb\xbf" + text(f).encode(),
    "lines that end in CR LF": lambda f: text(f).replace("\n", "\r\n").encode(),
    "no line end at the end": lambda f: text(f).rstrip("\n").encode(),
    "thousands of columns": lambda f: text(f.with_columns(pl.lit(1).alias(f"x{n}") for n in range(3000))).encode(),
    "separators at the end of each line": lambda f: text(f).replace("\n", ",,\n").encode(),
    "numbers in other notations": lambda f: text(notations(f)).encode(),
    "quotes around all values": lambda f: text(f, quote_style="always").encode(),
    "columns in another order": lambda f: text(f.select(reversed(f.columns))).encode(),
}


WARNED: dict[str, tuple[Spoil, str]] = {
    "lines without any value": (
        lambda f: (text(f).replace("\n", "\n\n", 3) + ",,,\n").encode(),
        "4 lines without any value are no row",
    ),
    "a line of nothing but separators": (
        lambda f: (text(f) + "," * (FIELDS - 1) + "\n").encode(),
        "1 line without any value is no row",
    ),
    "a name twice that is not kept": (
        lambda f: text(f.with_columns(x=pl.lit(1), y=pl.lit(2))).replace(",x,y\n", ",x,x\n").encode(),
        "the column x is there 2 times and not read",
    ),
    "a second name that differs in form": (
        lambda f: text(f.with_columns(pl.lit(1).alias("AMT "))).encode(),
        "the column 'AMT ' is there beside 'amt' and not read",
    ),
}


@pytest.mark.parametrize(("spoil", "said"), [pytest.param(*case, id=name) for name, case in WARNED.items()])
def test_what_is_not_read_as_it_stands_is_told_by_name(
    spoil: Spoil, said: str, raw: pl.DataFrame, tmp_path: Path, contract: Contract
) -> None:
    (tmp_path / "feed.csv").write_bytes(spoil(raw))
    (tmp_path / "plain").mkdir()
    raw.write_csv(tmp_path / "plain/feed.csv")
    told: list[str] = []
    rows = read_batches([tmp_path / "feed.csv"], contract, told.append)
    assert f"warning: feed.csv: {said}" in told
    assert rows.equals(read_batches([tmp_path / "plain/feed.csv"], contract))


def test_amounts_with_more_decimals_than_the_currency_are_counted_and_noise_is_not(
    raw: pl.DataFrame, tmp_path: Path, contract: Contract
) -> None:
    amounts = pl.Series(["12.345", "0.004", "7.10", "12.340000001", "0.30000000000000004"])
    raw.head(5).with_columns(amt=amounts).write_csv(tmp_path / "feed.csv")
    told: list[str] = []
    read_batches([tmp_path / "feed.csv"], contract, told.append)
    warnings = [line for line in told if line.startswith("warning")]
    assert warnings == [
        "warning: feed.csv: amt: 2 amounts with more than 2 decimals are rounded, 1 of them to 0; "
        "the contract's currency_decimals can say more"
    ]


def test_an_index_without_a_name_is_no_doubt(raw: pl.DataFrame, tmp_path: Path, contract: Contract) -> None:
    raw.select(pl.lit(1).alias("a"), pl.all(), pl.lit(2).alias("b")).write_csv(tmp_path / "feed.csv")
    file = tmp_path / "feed.csv"
    file.write_text(file.read_text().replace("a,", ",", 1).replace(",b\n", ",\n", 1))
    told: list[str] = []
    assert len(read_batches([file], contract, told.append)) == ROWS
    assert [line for line in told if line.startswith("warning")] == []


def test_a_table_of_floats_holds_no_card_number_beyond_what_a_float_is_sure_of(
    raw: pl.DataFrame, tmp_path: Path, contract: Contract
) -> None:
    typed = raw.with_columns(pl.col("cc_num").cast(pl.Float64) + 9.1e15)
    typed.write_parquet(tmp_path / "feed.parquet")
    with pytest.raises(DataError, match=r"cc_num: 985 numbers beyond 2\^53 in a column of floats"):
        read_batches([tmp_path / "feed.parquet"], contract)


def test_no_message_shows_a_first_line_that_is_a_row_or_a_value_in_quotes(
    raw: pl.DataFrame, tmp_path: Path, contract: Contract
) -> None:
    for content in (text(raw, include_header=False), text(raw) + '1,2,"Jennifer" Banks,\n'):
        (tmp_path / "feed.csv").write_text(content)
        with pytest.raises(DataError) as refused:
            read_batches([tmp_path / "feed.csv"], contract)
        assert "Jennifer" not in str(refused.value)
        assert str(raw["cc_num"][0]) not in str(refused.value)


def test_reading_tells_which_file_and_how_many_rows_so_far(
    raw: pl.DataFrame, tmp_path: Path, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlflow_fraud.adapters.raw_progress.EVERY", 0.0)
    raw.head(500).write_csv(tmp_path / "a.csv")
    raw.tail(485).write_csv(tmp_path / "b.csv")
    told: list[str] = []
    read_batches(batches_in(tmp_path), contract, told.append)
    assert told[0] == "reading a.csv, file 1 of 2"
    assert told[-1] == "reading b.csv, file 2 of 2: 985 rows so far"


@pytest.mark.parametrize(("spoil", "said"), [pytest.param(*case, id=name) for name, case in REFUSED.items()])
def test_a_feed_that_cannot_be_what_it_should_is_refused_with_one_sentence(
    spoil: Spoil, said: str, raw: pl.DataFrame, tmp_path: Path, contract: Contract
) -> None:
    (tmp_path / "feed.csv").write_bytes(spoil(raw))
    with pytest.raises(DataError) as refused:
        read_batches([tmp_path / "feed.csv"], contract)
    assert said in str(refused.value)
    assert str(refused.value).startswith("feed.csv")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("spoil", [pytest.param(spoil, id=name) for name, spoil in READ.items()])
def test_a_feed_that_differs_in_form_only_is_read_as_meant(
    spoil: Spoil, raw: pl.DataFrame, tmp_path: Path, contract: Contract
) -> None:
    (tmp_path / "feed.csv").write_bytes(spoil(raw))
    (tmp_path / "plain").mkdir()
    raw.write_csv(tmp_path / "plain/feed.csv")
    assert read_batches([tmp_path / "feed.csv"], contract).equals(read_batches([tmp_path / "plain/feed.csv"], contract))


@pytest.mark.parametrize(
    ("content", "csv"),
    [
        pytest.param(lambda f: text(f, separator=";").encode(), {"separator": ";"}, id="semicolons"),
        pytest.param(
            lambda f: text(comma_amounts(f), separator=";").encode(), {"separator": ";", "decimal": ","}, id="commas"
        ),
        pytest.param(lambda f: text(f).encode("utf-16"), {"encoding": "utf-16"}, id="UTF-16"),
        pytest.param(lambda f: text(f).encode("latin-1"), {"encoding": "latin-1"}, id="Latin-1"),
    ],
)
def test_a_contract_can_say_how_its_files_are_written(
    content: Spoil, csv: dict[str, str], raw: pl.DataFrame, tmp_path: Path, contract: Contract
) -> None:
    (tmp_path / "feed.csv").write_bytes(content(raw))
    (tmp_path / "plain").mkdir()
    raw.write_csv(tmp_path / "plain/feed.csv")
    ours = read_batches([tmp_path / "feed.csv"], contract_with(**csv))
    assert ours.equals(read_batches([tmp_path / "plain/feed.csv"], contract))


def test_times_with_an_offset_go_on_as_local_time_and_the_hours_of_autumn_stay_apart_in_order(
    raw: pl.DataFrame, tmp_path: Path
) -> None:
    document: dict[str, Any] = yaml.safe_load((ROOT / "data/contracts/sparkov.yaml").read_text())
    document["columns"]["trans_date_trans_time"] |= {"format": "%Y-%m-%dT%H:%M:%S%z", "timezone": "Europe/Berlin"}
    times = ["2020-10-25T00:30:00+0000", "2020-10-25T01:30:00+0000", "2020-03-29T01:00:00+0000"]
    raw.head(3).with_columns(trans_date_trans_time=pl.Series(times)).write_csv(tmp_path / "feed.csv")
    table = read_batches([tmp_path / "feed.csv"], read_contract(document, where="test"))
    assert [str(time) for time in table["event_time"]] == [
        "2020-03-29 03:00:00",
        "2020-10-25 02:30:00",
        "2020-10-25 02:30:00",
    ]


def test_a_daylight_saving_gap_in_local_times_is_read_as_it_stands(
    raw: pl.DataFrame, tmp_path: Path, contract: Contract
) -> None:
    """No clock in Berlin showed half past two on that night; a feed without offsets may be from anywhere."""
    times = ["2020-03-29 03:10:00", "2020-03-29 02:30:00", "2020-03-29 01:59:59"]
    raw.head(3).with_columns(trans_date_trans_time=pl.Series(times)).write_csv(tmp_path / "feed.csv")
    table = read_batches([tmp_path / "feed.csv"], contract)
    assert [str(time) for time in table["event_time"]] == sorted(times)


def test_only_fraud_is_read_and_stopped_by_the_gate(raw: pl.DataFrame, tmp_path: Path, contract: Contract) -> None:
    report = gated(pl.concat([raw] * 2).with_columns(is_fraud=pl.lit(1)), tmp_path, contract)
    assert "the fraud rate is between 0.0001 and 0.2: found 1" in [finding.sentence for finding in report.failures]


def test_one_card_is_read_and_passes_like_many(raw: pl.DataFrame, tmp_path: Path, contract: Contract) -> None:
    """A contract asks for rows, not for cards; what the card's own history shows is told as for many."""
    plan = SimulationPlan(start=date(2020, 1, 1), days=900, transactions=4000, cards=1, merchants=60, fraud_rate=0.02)
    report = gated(simulate(plan), tmp_path, contract)
    assert report.passed
    assert report.rows > 1000


def gated(frame: pl.DataFrame, folder: Path, contract: Contract) -> Report:
    """Return the gate's report on a file with these rows."""
    frame.write_csv(folder / "feed.csv")
    read_batches([folder / "feed.csv"], contract).write_parquet(folder / "rows.parquet")
    return check(folder / "rows.parquet", contract)


def test_a_gzipped_file_may_be_in_another_encoding(raw: pl.DataFrame, tmp_path: Path, contract: Contract) -> None:
    content = text(raw).replace("fraud_", "fraüd_")
    (tmp_path / "feed.csv.gz").write_bytes(gzip.compress(content.encode("cp1252")))
    table = read_batches([tmp_path / "feed.csv.gz"], contract_with(encoding="cp1252"))
    assert table["merchant"].str.starts_with("fraüd_").all()


def test_gzipped_and_parquet_files_give_what_the_csv_file_gives(
    raw: pl.DataFrame, tmp_path: Path, contract: Contract
) -> None:
    for folder in ("plain", "packed", "typed"):
        (tmp_path / folder).mkdir()
    raw.write_csv(tmp_path / "plain/month.csv")
    (tmp_path / "packed/month.csv.gz").write_bytes(gzip.compress(text(raw).encode()))
    times = pl.col("trans_date_trans_time").cast(pl.String).str.to_datetime("%Y-%m-%d %H:%M:%S")
    raw.with_columns(times, pl.col("dob").cast(pl.String).str.to_date()).write_parquet(tmp_path / "typed/month.parquet")
    plain, packed, typed = (read_batches(batches_in(tmp_path / f), contract) for f in ("plain", "packed", "typed"))
    assert plain.equals(packed)
    assert plain.equals(typed)


def test_a_folder_of_daily_files_is_one_history(raw: pl.DataFrame, tmp_path: Path, contract: Contract) -> None:
    day = pl.col("trans_date_trans_time").cast(pl.String).str.slice(0, 10)
    for (name,), rows in raw.group_by(day):
        rows.write_csv(tmp_path / f"{name}.csv")
    table = read_batches(find_batches(tmp_path, tmp_path), contract)
    assert len(table) == len(raw)
    assert table["batch"].n_unique() == len(list(tmp_path.glob("*.csv")))


@pytest.mark.parametrize("name", [*REFUSED, *READ, *WARNED, *ELSEWHERE])
def test_the_page_has_a_line_for_each_case(name: str) -> None:
    assert f"| {name} |" in PAGE
