"""Raw files are read typed and in time order, or refused with one sentence that counts and shows."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from mlflow_fraud.adapters.raw_files import find_batches, read_batches
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.batch import TIME_ORDER
from mlflow_fraud.simulation import SimulationPlan, simulate


@pytest.fixture(scope="session")
def raw() -> pl.DataFrame:
    """A month of simulated card payments in the raw layout."""
    return simulate(SimulationPlan(start=date(2020, 1, 1), days=30, transactions=1500, cards=40, merchants=60))


def write(frame: pl.DataFrame, path: Path) -> Path:
    frame.write_csv(path)
    return path


def text_of(column: str, value: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    first_two = pl.int_range(pl.len()) < 2
    return lambda f: f.with_columns(
        pl.when(first_two).then(pl.lit(value)).otherwise(pl.col(column).cast(pl.String)).alias(column)
    )


def test_rows_come_out_typed_in_time_order_without_personal_data(
    raw: pl.DataFrame, tmp_path: Path, contract: Contract
) -> None:
    table = read_batches([write(raw.sample(fraction=1, shuffle=True, seed=1), tmp_path / "month.csv")], contract)
    assert table.height == raw.height
    assert table.equals(table.sort(TIME_ORDER))
    assert not {"first", "last", "street", "dob", "cc_num", "amt"} & set(table.columns)
    assert table["amount"].sum() == (raw["amt"] * 100).round().cast(pl.Int64).sum()
    assert set(table["batch"]) == {"month"}


def test_two_batches_become_one_history(raw: pl.DataFrame, tmp_path: Path, contract: Contract) -> None:
    files = [write(raw.head(700), tmp_path / "b.csv"), write(raw.tail(-700), tmp_path / "a.csv")]
    both = read_batches(files, contract)
    assert both.drop("batch").equals(read_batches([write(raw, tmp_path / "c.csv")], contract).drop("batch"))


def test_an_optional_column_may_be_absent(raw: pl.DataFrame, tmp_path: Path, contract: Contract) -> None:
    table = read_batches([write(raw.drop("unix_time"), tmp_path / "month.csv")], contract)
    assert table["unix_time"].null_count() == len(raw)
    assert table.schema == read_batches([write(raw, tmp_path / "whole.csv")], contract).schema


def test_a_zip_gives_what_its_files_give(raw: pl.DataFrame, tmp_path: Path, contract: Contract) -> None:
    write(raw, tmp_path / "month.csv")
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as packed:
        packed.write(tmp_path / "month.csv", "month.csv")
    (tmp_path / "out").mkdir()
    files = find_batches(tmp_path / "archive.zip", tmp_path / "out")
    assert [file.name for file in files] == ["month.csv"]
    assert read_batches(files, contract).equals(read_batches([tmp_path / "month.csv"], contract))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(lambda f: f.drop("category"), "1 column of the contract sparkov is missing", id="no category"),
        pytest.param(lambda f: f.rename({"amt": "amnt"}), "amt: did you mean amnt", id="renamed column"),
        pytest.param(text_of("amt", "ten"), "amt: 2 values are not a decimal, they look like 'aaa'", id="text"),
        pytest.param(text_of("amt", "nan"), "amt: 2 values are not a decimal", id="not a number"),
        pytest.param(text_of("dob", "1.2.1980"), "dob: 2 values are not a date like %Y-%m-%d", id="other date format"),
        pytest.param(text_of("amt", ""), "amt: 2 values are missing", id="missing amount"),
        pytest.param(lambda f: f.head(0), "has a header and no rows", id="no rows"),
    ],
)
def test_a_bad_file_is_refused(
    spoil: Callable[[pl.DataFrame], pl.DataFrame], message: str, raw: pl.DataFrame, tmp_path: Path, contract: Contract
) -> None:
    with pytest.raises(DataError, match=rf"^month\.csv.*{message}"):
        read_batches([write(spoil(raw), tmp_path / "month.csv")], contract)


def test_a_bad_card_number_is_counted_and_not_shown(raw: pl.DataFrame, tmp_path: Path, contract: Contract) -> None:
    with pytest.raises(DataError, match="cc_num: 2 values are not an integer, they look like '9999-9999'") as caught:
        read_batches([write(text_of("cc_num", "4111-1111")(raw), tmp_path / "month.csv")], contract)
    assert "4111" not in str(caught.value)


def test_an_empty_file_is_refused(tmp_path: Path, contract: Contract) -> None:
    (tmp_path / "month.csv").touch()
    with pytest.raises(DataError, match=r"month\.csv is empty"):
        read_batches([tmp_path / "month.csv"], contract)


def test_a_line_with_too_many_fields_is_refused(raw: pl.DataFrame, tmp_path: Path, contract: Contract) -> None:
    path = write(raw, tmp_path / "month.csv")
    path.write_text(path.read_text() + "1,2,3" + ",Jennifer" * 40 + "\n")
    with pytest.raises(DataError, match="1 row has more values than the 23 names of the header") as caught:
        read_batches([path], contract)
    assert "Jennifer" not in str(caught.value)


def test_a_truncated_zip_is_refused(raw: pl.DataFrame, tmp_path: Path) -> None:
    whole = tmp_path / "whole.zip"
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("month.csv", raw.write_csv())
    (tmp_path / "archive.zip").write_bytes(whole.read_bytes()[:20_000])
    with pytest.raises(DataError, match=r"archive\.zip is not a whole zip file"):
        find_batches(tmp_path / "archive.zip", tmp_path)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected a \.csv, \.csv\.gz, \.parquet or \.zip file"):
        find_batches(tmp_path / "nothing.csv", tmp_path)
    with pytest.raises(DataError, match=r"holds no \.csv, \.csv\.gz, \.parquet file"):
        find_batches(tmp_path, tmp_path)
