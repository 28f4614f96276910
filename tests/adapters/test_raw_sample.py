"""A drafted contract reads the very file it was drafted from, however that is written."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.core.contract.contract import read_contract
from mlflow_fraud.core.errors import FraudError
from mlflow_fraud.operations.data.bring import first_contract
from mlflow_fraud.simulation import SimulationPlan, simulate


@pytest.fixture(scope="module")
def payments() -> pl.DataFrame:
    """A month of payments as text, with letters beyond ASCII."""
    plan = SimulationPlan(start=date(2020, 1, 1), days=30, transactions=1500, cards=40, merchants=60)
    return simulate(plan).select(
        pl.col("trans_num").alias("tx_id"),
        pl.col("trans_date_trans_time").cast(pl.String).alias("time"),
        pl.col("cc_num").alias("card"),
        pl.col("merchant").str.replace("fraud_", "Bäckerei ").alias("shop"),
        pl.col("amt").cast(pl.String).alias("amount"),
        pl.col("is_fraud"),
    )


FORMS: list[tuple[str, dict[str, Any], str, str]] = [
    ("commas", {}, ".", "utf-8"),
    ("semicolons and decimal commas", {"separator": ";"}, ",", "latin-1"),
    ("tabs in UTF-16", {"separator": "\t"}, ".", "utf-16"),
    ("bars", {"separator": "|"}, ",", "utf-8"),
]


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
@pytest.mark.parametrize(("options", "decimal", "encoding"), [pytest.param(*f, id=name) for name, *f in FORMS])
def test_a_draft_reads_what_it_was_drafted_from(
    options: dict[str, Any], decimal: str, encoding: str, suffix: str, payments: pl.DataFrame, tmp_path: Path
) -> None:
    written = payments.with_columns(pl.col("amount").str.replace(".", decimal, literal=True))
    content = written.write_csv(**options).encode(encoding)
    file = tmp_path / f"payments{suffix}"
    file.write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)

    contract = read_contract(yaml.safe_load(first_contract(file, "own")), where="draft")

    assert contract.csv.model_dump() == {"separator": ",", **options, "decimal": decimal, "encoding": encoding}
    rows = read_batches([file], contract)
    cents = (payments["amount"].cast(pl.Float64) * 100).round().cast(pl.Int64)
    assert rows["amount"].sum() == cents.sum()
    assert rows["merchant"].str.starts_with("Bäckerei").all()


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_a_draft_reads_a_parquet_file_as_its_types_have_it(
    zone: str | None, payments: pl.DataFrame, tmp_path: Path
) -> None:
    at = pl.col("time").str.to_datetime().dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    score = pl.Series("score", [float("nan"), 1e-7, 0.5, None, 2.5] * (len(payments) // 5 + 1))[: len(payments)]
    file = tmp_path / "payments.parquet"
    payments.with_columns(at, score, amount=pl.col("amount").cast(pl.Float64)).write_parquet(file)

    text = first_contract(file, "own")

    rows = read_batches([file], read_contract(yaml.safe_load(text), where="draft"))
    assert len(rows) == len(payments)
    assert rows["score"].null_count() == score.fill_nan(None).null_count()
    assert "TO DO" not in text, "a float that is no number is a missing one"


def test_what_is_stated_is_not_guessed(payments: pl.DataFrame, tmp_path: Path) -> None:
    payments.write_csv(tmp_path / "payments.csv", separator=";")
    drafted = yaml.safe_load(first_contract(tmp_path / "payments.csv", "own", separator=";", encoding="cp1252"))
    assert drafted["csv"] == {"separator": ";", "encoding": "cp1252"}


@pytest.mark.parametrize(
    ("name", "content", "stated", "message"),
    [
        pytest.param("x.csv", b"a,b\n1,2\n", {"encoding": "latin1"}, "did you mean latin-1", id="unknown encoding"),
        pytest.param("x.csv", b"a,b\n", {}, "has no rows to draft a contract from", id="no rows"),
        pytest.param("x.csv", b"", {}, "is empty", id="nothing"),
        pytest.param("x.csv.gz", b"a,b\n1,2\n", {}, "x.csv.gz cannot be read", id="not packed"),
        pytest.param("x.parquet", b"a,b\n1,2\n", {}, "x.parquet cannot be read", id="no Parquet"),
        pytest.param("x.txt", b"a,b\n1,2\n", {}, "is no batch; expected a .csv", id="another kind"),
    ],
)
def test_a_file_that_tells_nothing_is_refused(
    name: str, content: bytes, stated: dict[str, str], message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FraudError, match=message):
        first_contract(tmp_path / name, "own", **stated)
