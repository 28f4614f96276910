"""Data without a card, an id or a calendar goes the whole way of data that has them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dask
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.adapters import gx_contract
from mlflow_fraud.adapters.dask_engine import build_parts
from mlflow_fraud.adapters.report import TEAM, markdown_table
from mlflow_fraud.core.contract.contract import Contract, read_contract
from mlflow_fraud.core.describing.page import page_of
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.core.features.batch import TIME_ORDER, build_features
from mlflow_fraud.core.features.fitting import fit_features
from mlflow_fraud.core.features.online import CardHistory
from mlflow_fraud.core.features.schema import FeatureSchema, read_schema
from mlflow_fraud.core.gate.batches import evidence_of
from mlflow_fraud.core.gate.rules import rules_of
from mlflow_fraud.core.learning.prequential import PrequentialRule, fold_parts, roll
from mlflow_fraud.core.measuring.blocks import FEWEST_BLOCKS, blocks_of_time
from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.measuring.difference import differences
from mlflow_fraud.core.measuring.evaluation import evaluate
from mlflow_fraud.core.measuring.interval import BootstrapRule, intervals
from mlflow_fraud.core.measuring.period import Period, read_period
from mlflow_fraud.serving.warm_start import warm_history
from mlflow_fraud.settings import load_params
from tests.serving.conftest import kept_in

BEGIN = datetime(2013, 9, 1)
COSTS = CostRule(alert=5.0, missed_share=1.0, alerts_per_day=10, burst_gap_days=7)
COLUMNS: dict[str, dict[str, Any]] = {
    "Time": {"role": "event_time", "type": "timestamp", "unit": "seconds", "since": "2013-09-01"},
    "V1": {"role": "numeric", "type": "decimal"},
    "V2": {"role": "numeric", "type": "decimal"},
    "Amount": {"role": "amount", "type": "decimal"},
    "Class": {"role": "label", "type": "integer"},
}
KIND = {"kind": {"role": "categorical", "type": "text", "values": ["a", "b"]}}


def read(columns: dict[str, Any], **rest: Any) -> Contract:
    return read_contract({"name": "cc", "event_id": "row_number", "columns": columns, **rest}, where="cc.yaml")


def schema_of(contract: Contract) -> FeatureSchema:
    params = fit_features(load_params().features, contract)
    return FeatureSchema(
        params=params, contract=contract, categories={"kind": ("a", "b")} if "kind" in columns(contract) else {}
    )


def columns(contract: Contract) -> list[str]:
    return [column.name for column in contract.kept]


def rows(count: int = 400, hours: int = 48) -> pl.DataFrame:
    draw = np.random.default_rng(5)
    return pl.DataFrame(
        {
            "event_id": [f"cc:{number}" for number in range(1, count + 1)],
            "event_time": [BEGIN + timedelta(seconds=int(s)) for s in np.sort(draw.integers(0, hours * 3600, count))],
            "V1": draw.normal(size=count),
            "V2": draw.normal(size=count),
            "kind": draw.choice(["a", "b"], count).tolist(),
            "amount": draw.integers(0, 50_000, count),
            "label": (draw.random(count) < 0.1).astype(np.int8),
            "batch": ["cc"] * count,
        }
    ).cast({"event_time": pl.Datetime("us")}).sort(TIME_ORDER)  # fmt: skip


PLAIN, KINDS = read(COLUMNS), read({**COLUMNS, **KIND})
BOTH = pytest.mark.parametrize("contract", [PLAIN, KINDS], ids=["no entity", "a category"])


def test_numbers_go_in_as_they_are_and_nothing_looks_back_where_there_is_nobody() -> None:
    schema = schema_of(PLAIN)
    assert schema.names == ["amount", "hour", "night", "V1", "V2"]


def test_windows_by_the_category_stay() -> None:
    by = {window.by for window in schema_of(KINDS).params.windows}
    assert by == {("kind",)}


@BOTH
def test_every_engine_gives_the_same(contract: Contract, tmp_path: Path) -> None:
    schema, table = schema_of(contract), rows(120)
    batch = build_features(table, schema)
    history, online = CardHistory(schema), []
    for row in table.iter_rows(named=True):
        online.append(history.read(row))
        history.update(row)
    assert np.array_equal(batch.to_numpy(), np.array(online, np.float32), equal_nan=True)
    table.write_parquet(tmp_path / "0.parquet")
    with dask.config.set(scheduler="synchronous"):
        (part,) = build_parts([tmp_path / "0.parquet"], schema, tmp_path / "built", buckets=2)
    assert pl.read_parquet(part).equals(batch)


@BOTH
def test_a_service_starts_with_such_a_past_and_keeps_it(contract: Contract, tmp_path: Path) -> None:
    schema, table = schema_of(contract), rows(120)
    features = build_features(table, schema).tail(20).to_numpy()
    with kept_in(tmp_path, schema, table.head(100)) as record:
        history = warm_history(schema, record)
        new = [{**row, "event_id": f"mine {n}"} for n, row in enumerate(table.tail(20).to_dicts())]
        observed = [history.observe(row).features for row in new]
    assert np.array_equal(features, np.array(observed, np.float32), equal_nan=True)
    whole = CardHistory(schema)
    for row in table.iter_rows(named=True):
        whole.update(row)
    again = CardHistory.restore(schema, whole.snapshot())
    assert again.read(table.row(-1, named=True)) == whole.read(table.row(-1, named=True))


def test_its_schema_goes_into_a_release_and_comes_back() -> None:
    schema = schema_of(PLAIN)
    again = read_schema(json.loads(schema.to_json()), where="schema.json")
    assert again == schema
    assert again.sha256 == schema.sha256
    assert again.contract.kept[0].name == "event_id"


def test_a_contract_with_ids_and_written_times_is_stored_as_it_always_was(contract: Contract) -> None:
    told = contract.model_dump(mode="json")
    assert "event_id" not in told
    assert not {"unit", "since"} & {key for column in told["columns"] for key in column}


def period(count: int = 400, hours: int = 48) -> Period:
    table = rows(count, hours)
    return read_period(table, card=PLAIN.payer, amount="amount")


def test_what_needs_cards_is_undefined_and_shown_as_such() -> None:
    told = period()
    metrics = evaluate(told, np.linspace(0, 1, 400), 0.5, COSTS)
    undefined = {name for name, value in metrics.items() if value is None}
    assert undefined == {
        *("card_precision_at_k", "card_precision_at_k_best", "bursts", "bursts_caught"),
        *("frauds_before_alert", "money_before_alert", "money_saved"),
    }
    assert "| x | - | - | - | " in markdown_table({"x": metrics}, columns=TEAM)


def test_with_cards_the_same_rows_have_them_all() -> None:
    told = replace(period(), has_cards=True)
    assert None not in evaluate(told, np.linspace(0, 1, 400), 0.5, COSTS).values()


@given(hours=st.integers(1, 24 * 60), count=st.integers(1, 300))
def test_blocks_of_time_are_numbered_and_in_order(hours: int, count: int) -> None:
    times = np.datetime64(BEGIN, "us") + np.linspace(0, hours * 3600e6, count).astype("timedelta64[us]")
    blocks = blocks_of_time(times)
    assert np.all(np.diff(blocks) >= 0)
    assert set(blocks) == set(range(int(blocks.max()) + 1))
    if hours > 24 * FEWEST_BLOCKS and count >= 24 * FEWEST_BLOCKS:
        assert blocks.max() <= hours // 24 + 1


def test_an_interval_of_ten_hours_without_cards_has_a_width() -> None:
    told, scores = period(300, hours=10), np.random.default_rng(2).random(300)
    rule = BootstrapRule(samples=400)
    found = intervals(told, scores, 0.5, COSTS, rule)
    assert found["bursts_caught"] is None
    assert found["money_saved"] is None
    assert found["f1"] is not None
    assert found["f1"][0] < found["f1"][1]
    gain = differences(["f1"], told, (scores, 0.5), (scores[::-1], 0.5), COSTS, rule)["f1"]
    assert gain is not None
    interval = gain.interval(rule.tail)
    assert interval.lower < interval.estimate < interval.upper


def test_nobody_is_known_as_compromised_where_there_are_no_cards() -> None:
    table = rows(400, hours=24 * 60)
    rule = PrequentialRule(train_days=30, validation_days=10, test_days=5, folds=2)
    (fold, _) = roll(table["event_time"][0], table["event_time"][-1], rule)
    parts = fold_parts(table, fold, rule, None)
    at = table["event_time"]
    assert (parts == "test").sum() == ((at >= fold.test_from) & (at < fold.test_to)).sum()


def test_the_gate_judges_it(tmp_path: Path) -> None:
    table = rows().drop("kind")
    table.write_parquet(tmp_path / "table.parquet")
    report = gx_contract.check(tmp_path / "table.parquet", PLAIN)
    assert report.passed
    assert {finding.rule for finding in report.findings if not finding.holds} <= {"amount is distributed as before"}


def test_alike_rows_without_ids_may_be_two_payments() -> None:
    table = rows().drop("kind")
    same_moment = table.head(1).with_columns(event_id=pl.lit("cc:x"), V1=pl.lit(9.0))
    twice = table.head(1).with_columns(event_id=pl.lit("cc:y"))
    evidence = evidence_of(pl.concat([table, same_moment, twice]).sort(TIME_ORDER), PLAIN)
    assert evidence["repeated_rows"].to_list()[0] == 1
    levels = {rule.column: rule.severity for rule in rules_of(PLAIN)}
    assert (levels["repeated_rows"], levels["shared_rows"]) == ("warning", "critical")
    strict = read(COLUMNS, gate={"repeated_rows": {"level": "critical"}})
    assert {rule.column: rule.severity for rule in rules_of(strict)}["repeated_rows"] == "critical"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"id": {"role": "event_id", "type": "text"}}, "is for files without an id, found the column id"),
        ({"event_id": {"role": "numeric", "type": "integer"}}, "is for files without an id, found the column event_id"),
    ],
    ids=["an id", "its name"],
)
def test_a_row_number_stands_for_no_other_id(change: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        read({**COLUMNS, **change})


def test_a_word_for_the_id_is_known_or_refused() -> None:
    with pytest.raises(SettingsError, match="event_id: found 'row', known: row_number"):
        read_contract({"name": "cc", "event_id": "row", "columns": COLUMNS}, where="cc.yaml")


def test_its_page_says_how_time_is_counted_and_what_stands_for_the_id() -> None:
    page = page_of(PLAIN, file="cc.yaml", rules=0, how=())
    assert "seconds since 2013-09-01" in page
    assert "The id of a row is the name of its batch and its number in the file" in page
