"""At the bounds the engines agree to the last bit, no model sees infinity, and a contract admits no more."""

from __future__ import annotations

import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import dask
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docs.made.one_by_one import one_by_one
from mlflow_fraud.adapters.dask_engine import featured
from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.core.contract.bounds import BEGIN, DECIMAL, END, GREATEST_ID, LEAST_ID, LETTERS, WHOLE, beyond, holder
from mlflow_fraud.core.contract.contract import Contract, read_contract
from mlflow_fraud.core.document import read_document
from mlflow_fraud.core.errors import DataError, SettingsError
from mlflow_fraud.core.features.batch import TIME_ORDER
from mlflow_fraud.core.features.definitions import FeatureParams
from mlflow_fraud.core.features.schema import FeatureSchema
from tests.conftest import ROOT
from tests.core.features.test_features import EVERYTHING, TRUSTED, assert_equal, batch

FEW = settings(TRUSTED, max_examples=10)
EDGES = [-WHOLE, 1 - WHOLE, -1, 0, 1, WHOLE - 1, WHOLE]
DECIMALS = [-float(DECIMAL), -1e-300, 0.0, 5e-324, 1e-9, 0.0005, 0.125, DECIMAL - 0.001, float(DECIMAL)]
NOON = datetime(2020, 5, 1, 12)

moments = st.one_of(
    st.sampled_from([BEGIN, BEGIN + timedelta(seconds=1), END - timedelta(hours=3), END]),
    st.integers(0, 40).map(lambda hours: NOON + timedelta(hours=hours)),
)


def histories_of(numbers: list[Any]) -> st.SearchStrategy[pl.DataFrame]:
    """Return histories whose every value is at a bound or close to it."""
    event = st.fixed_dictionaries(
        {
            "event_time": moments,
            "card": st.sampled_from([LEAST_ID, 0, GREATEST_ID]),
            "merchant": st.sampled_from(["m" * LETTERS, "m"]),
            "category": st.sampled_from(["travel", "home"]),
            "amount": st.sampled_from(EDGES),
            "home_latitude": st.sampled_from([-90.0, 0.0, 90.0]),
            "home_longitude": st.sampled_from([-360.0, 0.0, 360.0]),
            "city_pop": st.one_of(st.none(), st.sampled_from(numbers)),
            "birth_date": st.sampled_from([BEGIN.date(), date(2000, 1, 1), END.date()]),
            "merchant_latitude": st.sampled_from([-90.0, 45.0]),
            "merchant_longitude": st.sampled_from([-360.0, 180.0]),
            "label": st.integers(0, 1),
        }
    )
    return st.lists(event, min_size=2, max_size=40).map(
        lambda rows: pl.DataFrame(
            [{**row, "event_id": f"{place:04d}"} for place, row in enumerate(rows)],
            schema_overrides={
                "city_pop": pl.Float64 if isinstance(numbers[0], float) else pl.Int64,
                "event_time": pl.Datetime("us"),
                "card": pl.Int64,
                "label": pl.Int8,
            },
        ).sort(TIME_ORDER)
    )


def everything(contract: Contract, kind: str) -> FeatureSchema:
    columns = tuple(c.model_copy(update={"type": kind}) if c.name == "city_pop" else c for c in contract.columns)
    params = FeatureParams.model_validate(
        EVERYTHING | {"ratios": [["amount", "city_pop"], ["amount_sum_by_card_30d", "city_pop"]]}
    )
    return FeatureSchema(
        params=params,
        contract=contract.model_copy(update={"columns": columns}),
        categories={"category": ("home", "travel")},
        label_delay_days=2,
    )


def assert_engines_agree(history: pl.DataFrame, schema: FeatureSchema) -> None:
    in_batch = batch(history, schema)
    assert not np.isinf(in_batch).any()
    assert_equal(one_by_one(history, schema), in_batch, schema)
    with dask.config.set(scheduler="synchronous"):
        (part,) = dask.compute(*featured([dask.delayed(history)], schema, 2))  # type: ignore[attr-defined]
    np.testing.assert_array_equal(part.fill_null(np.nan).to_numpy(), in_batch)


@pytest.mark.slow
@given(history=histories_of(EDGES))
@FEW
def test_whole_numbers_at_the_bounds_are_the_same_in_every_engine(history: pl.DataFrame, contract: Contract) -> None:
    assert_engines_agree(history, everything(contract, "integer"))


@pytest.mark.slow
@given(history=histories_of(DECIMALS))
@FEW
def test_decimals_at_the_bounds_are_the_same_in_every_engine(history: pl.DataFrame, contract: Contract) -> None:
    assert_engines_agree(history, everything(contract, "decimal"))


def test_many_amounts_at_the_bound_add_up(contract: Contract) -> None:
    """Their sum of squares is beyond 64 bits after the first, their sum after some thousands."""
    rows = 9_500
    history = pl.DataFrame({"event_time": [NOON + timedelta(seconds=second) for second in range(rows)]}).with_columns(
        pl.col("event_time").cast(pl.Datetime("us")),
        event_id=pl.int_range(rows).cast(pl.String),
        card=pl.lit(1, pl.Int64),
        amount=WHOLE - pl.int_range(rows) % 2,
    )
    params = FeatureParams.model_validate(
        {"windows": [{"by": ["card"], "spans": ["today", "30d"], "take": ["sum", "mean", "std"]}]}
    )
    schema = FeatureSchema(params=params, contract=contract, categories={})
    last = batch(history, schema)[-1]
    total = float(sum(history["amount"][:-1]))
    assert total > sys.maxsize
    assert last[schema.names.index("amount_sum_by_card_30d")] == np.float32(total)
    np.testing.assert_array_equal(one_by_one(history.with_columns(label=0), schema)[-1], last)


CONTRACT = """
name: cards
columns:
  id: {role: event_id, type: text}
  at: {role: event_time, type: timestamp, format: "%Y-%m-%d %H:%M:%S"}
  card: {role: entity, entity: card, type: integer}
  amt: {role: amount, type: decimal}
  risk: {role: numeric, type: decimal, nullable: true}
  pop: {role: numeric, type: integer}
  lat: {role: location, place: home, axis: latitude, type: decimal}
  long: {role: location, place: home, axis: longitude, type: decimal}
  born: {role: birth_date, type: date, format: "%Y-%m-%d"}
  fraud: {role: label, type: integer}
"""
ROW: dict[str, Any] = {
    "id": "a", "at": "2020-05-01 10:00:00", "card": GREATEST_ID, "amt": 10**13, "risk": 10**12, "pop": WHOLE,
    "lat": 90, "long": 360, "born": "1800-01-01", "fraud": 0,
}  # fmt: skip
BEYOND = [
    ("id", "x" * (LETTERS + 1)), ("id", "a\x01b"), ("id", "a\x1bb"), ("at", "1799-12-31 23:59:59"),
    ("at", "2200-01-01 00:00:00"), ("amt", "10000000000000.01"), ("amt", "-1e14"), ("risk", "1.1e12"),
    ("risk", "inf"), ("pop", WHOLE + 1), ("pop", -WHOLE - 1), ("lat", 90.1), ("long", -361), ("born", "2200-01-01"),
]  # fmt: skip


def read_text(text: str) -> Contract:
    document = read_document(text, where="cards.yaml")
    return read_contract(document.values, where="cards.yaml", lines=document.lines)


def write(folder: Path, row: dict[str, Any]) -> Path:
    pl.DataFrame([{name: str(value) for name, value in row.items()}]).write_csv(folder / "batch.csv")
    return folder / "batch.csv"


def test_a_file_at_the_bounds_is_read(tmp_path: Path) -> None:
    (row,) = read_batches([write(tmp_path, ROW)], read_text(CONTRACT)).to_dicts()
    assert (row["amount"], row["pop"], row["risk"], row["card"]) == (WHOLE, WHOLE, float(DECIMAL), GREATEST_ID)


@pytest.mark.parametrize(("column", "value"), BEYOND)
def test_a_file_beyond_the_bounds_is_refused_with_the_columns_name(tmp_path: Path, column: str, value: Any) -> None:
    with pytest.raises(DataError, match=f"batch.csv: {column}: 1 value is") as refused:
        read_batches([write(tmp_path, {**ROW, column: value})], read_text(CONTRACT))
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("said", "wider", "sentence"),
    [
        (
            "amt: {role: amount, type: decimal",
            "maximum: 1.0e+14",
            "line 7: columns.amt.maximum: 100000000000000.0 is bey",
        ),
        ("amt: {role: amount, type: decimal", "minimum: -1.0e+14", "line 7: columns.amt.minimum"),
        ("risk: {role: numeric, type: decimal", "maximum: 1.0e+13", "from? ?.*-1000000000000 to 1000000000000"),
        ("pop: {role: numeric, type: integer", "maximum: 9000000000000000000", "columns.pop.maximum"),
        ("card: {role: entity, entity: card, type: integer", "maximum: 1.0e+19", "columns.card.maximum"),
        ('at: {role: event_time, type: timestamp, format: "%Y-%m-%d %H:%M:%S"', 'maximum: "2500-01-01"', "2199-12-31"),
        ("lat: {role: location, place: home, axis: latitude, type: decimal", "maximum: 100", "columns.lat.maximum"),
        ("id: {role: event_id, type: text", f"values: [{'x' * 501}]", "at most 500 characters"),
    ],
)
def test_a_contract_may_ask_for_less_and_never_for_more(said: str, wider: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        read_text(CONTRACT.replace(said, f"{said}, {wider}"))


def test_the_contracts_that_we_ship_are_within_the_bounds() -> None:
    for file in [*ROOT.glob("data/contracts/*.yaml"), *ROOT.glob("docs/own-data/*.yaml")]:
        document = read_document(file.read_text(), where=file.name)
        assert read_contract(document.values, where=file.name, lines=document.lines).kept


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("amount", WHOLE + 1), ("amount", 10**302), ("amount", "12"), ("amount", 1.5), ("amount", True),
        ("amount", None),
        ("event_time", "2020-05-01"), ("event_time", None), ("event_time", datetime(2500, 1, 1)),
        ("event_id", "x" * 501),
        ("event_id", "a\x00"), ("risk", 1e308), ("risk", float("nan")), ("risk", "much"), ("pop", WHOLE + 1),
        ("birth_date", datetime(2000, 1, 1)), ("home_latitude", 1e9),
    ],
)  # fmt: skip
def test_what_was_recorded_under_other_rules_is_told_apart(column: str, value: Any) -> None:
    contract = read_text(CONTRACT)
    holds = holder(contract.kept, decimals=contract.currency_decimals)
    row: dict[str, Any] = {
        "event_id": "a", "event_time": NOON, "card": 1, "amount": WHOLE, "risk": None, "pop": 3,
        "home_latitude": 1.0, "home_longitude": 2.0, "birth_date": date(1980, 1, 1), "label": 0,
    }  # fmt: skip
    assert holds(row)
    assert not holds({**row, column: value})


def test_a_missing_value_is_not_beyond_anything(contract: Contract) -> None:
    for column in contract.kept:
        nothing = pl.DataFrame({column.name: [None]}, schema={column.name: column.dtype})
        assert nothing.select(beyond(column, decimals=2).sum()).item() == 0
