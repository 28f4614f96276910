"""A data set of which only alerts and some reviews are looked into goes the whole way, beside its complete twin."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from mlflow_fraud.adapters import gx_contract
from mlflow_fraud.adapters.report import markdown_table
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.errors import DataError, SettingsError
from mlflow_fraud.core.features.schema import read_schema
from mlflow_fraud.core.gate.batches import evidence_of
from mlflow_fraud.operations.evaluation.history import build_history, one_test, read_transactions
from mlflow_fraud.operations.monitoring import monitor
from mlflow_fraud.serving.schema import TransactionSchema
from mlflow_fraud.settings import contract_of, load_params
from mlflow_fraud.stages.ingest import ingest
from mlflow_fraud.stages.preprocess import preprocess
from mlflow_fraud.stages.ship import ship
from mlflow_fraud.stages.train import read_part, train
from mlflow_fraud.stages.validate import validate
from tests.conftest import write_pointer

SHARE = 0.2
SELECTIVE = {"labels": "selective", "review_share": SHARE}
RAW = Path("data/raw/simulated/2020.csv")


def set_dataset(**told: object) -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["datasets"]["simulated"] |= told
    Path("params.yaml").write_text(yaml.safe_dump(params))


def add_the_role() -> None:
    contract = yaml.safe_load(Path("data/contracts/sparkov.yaml").read_text())
    contract["columns"]["looked"] = {"role": "label_chance", "type": "decimal", "nullable": True}
    contract["columns"]["is_fraud"]["nullable"] = True
    Path("data/contracts/sparkov.yaml").write_text(yaml.safe_dump(contract))


def look_into_some() -> None:
    """Rewrite the batch: large amounts are alerts, of the others a share is reviewed, and the rest has no label."""
    table = pl.read_csv(RAW, infer_schema=False)
    alert = table["amt"].cast(pl.Float64) > 300
    reviewed = pl.Series(np.random.default_rng(1).random(len(table)) < SHARE)
    chance = pl.when(alert).then(1.0).when(reviewed).then(SHARE)
    told = pl.when(alert | reviewed).then("is_fraud")
    table.with_columns(looked=chance, is_fraud=told).write_csv(RAW)
    write_pointer(RAW)


@pytest.fixture
def selective(workspace: Path) -> Path:
    add_the_role()
    look_into_some()
    set_dataset(**SELECTIVE)
    return workspace


@pytest.mark.slow
def test_selective_labels_go_from_the_batch_to_what_ships(selective: Path) -> None:
    ingest()
    validate()
    preprocess()
    parts = {
        name: pl.read_parquet(f"data/features/{name}.parquet") for name in ("train", "validation", "test", "between")
    }
    whole = pl.read_parquet("data/transactions.parquet")
    assert sum(map(len, parts.values())) == whole["label_chance"].count() < len(whole)
    for table in parts.values():
        assert (table["weight"] == 1 / table["label_chance"]).all()
        assert table["label"].null_count() == 0
    estimated = sum(table["weight"].sum() for table in parts.values())
    assert estimated == pytest.approx(len(whole), rel=0.05)

    for candidate in ("logistic", "forest", "xgboost"):
        train(candidate)
    ship()
    for name in ("logistic", "xgboost", "shipped"):
        metrics = json.loads(Path(f"data/models/{name}/metrics.json").read_text())
        test = metrics["test"]
        assert test["rows"] == len(parts["test"]) > test["effective_rows"] > 0
        assert (test["capped_rows"], test["recall_cap_bias"], test["bursts_caught"]) == (0, 0.0, None)
        assert metrics["intervals"]["recall"][0] <= test["recall"] <= metrics["intervals"]["recall"][1]
        assert test["calibration_error"] < 0.03
        assert "f1 cap bias" in markdown_table({name: test})

    params = load_params()
    history = read_transactions(params, active=params.dataset)
    cut = one_test(history, params.active.split)
    evaluated = build_history(history, params, cut)
    learned, staged = evaluated.examples(cut.parts == "train"), read_part("train", evaluated.schema).examples
    assert learned.weights is not None
    assert staged.weights is not None
    np.testing.assert_array_equal(learned.weights, staged.weights)
    np.testing.assert_array_equal(learned.x, staged.x)


def test_the_features_of_a_row_see_those_that_nobody_looked_into(workspace: Path) -> None:
    """Only what labels say is another: amounts and counts of the past are of all payments."""
    before = pl.read_parquet("data/features/train.parquet")
    add_the_role()
    look_into_some()
    set_dataset(**SELECTIVE)
    ingest()
    preprocess()
    after = pl.read_parquet("data/features/train.parquet")
    labelled = {"label", "fraud", "label_time", "label_chance", "weight"}
    same = [name for name in after.columns if name not in labelled and "fraud" not in name]
    kept = before.filter(pl.col("event_id").is_in(after["event_id"].implode()))
    assert 0 < len(kept) < len(before)
    assert after.select(same).equals(kept.select(same))


def test_alerts_alone_stop_before_anything_is_made_of_them(selective: Path) -> None:
    ingest()
    table = pl.read_parquet("data/transactions.parquet")
    alert = pl.col("label_chance") == 1
    silenced = [pl.when(alert).then(name).alias(name) for name in ("label", "label_chance")]
    table.with_columns(silenced).write_parquet("data/transactions.parquet")
    with pytest.raises(DataError, match=r"train: .* all of them alerts, so nothing tells what was missed"):
        preprocess()


@pytest.mark.parametrize("stage", [ingest, validate, preprocess])
def test_selective_labels_ask_for_the_chance_in_the_contract(stage, workspace: Path) -> None:  # type: ignore[no-untyped-def]
    set_dataset(**SELECTIVE)
    with pytest.raises(SettingsError, match="needs a column with the role label_chance, found none"):
        stage()


def test_a_review_share_is_refused_with_complete_labels_by_its_key(workspace: Path) -> None:
    set_dataset(review_share=0.1)
    with pytest.raises(SettingsError, match=r"datasets\.simulated: `review_share:` belongs to `labels: selective`"):
        load_params()


def test_a_chance_beyond_one_is_refused_in_a_file(selective: Path) -> None:
    table = pl.read_csv(RAW, infer_schema=False)
    table.with_columns(looked=pl.lit("1.5")).write_csv(RAW)
    write_pointer(RAW)
    with pytest.raises(DataError, match="looked"):
        ingest()


def test_the_gate_tells_of_labels_without_a_chance_and_of_chances_without_a_label(selective: Path) -> None:
    ingest()
    table = pl.read_parquet("data/transactions.parquet")
    row = pl.int_range(pl.len())
    none = table["label_chance"].is_null().arg_true()[:3].implode()
    some = table["label_chance"].is_not_null().arg_true()[:2].implode()
    broken = table.with_columns(
        label=pl.when(row.is_in(none)).then(pl.lit(1, pl.Int8)).when(row.is_in(some)).then(None).otherwise("label")
    )
    contract = contract_of(load_params().active)
    (evidence,) = evidence_of(broken, contract).filter(pl.col("rows") == len(table)).to_dicts()
    assert (evidence["labels_without_chance"], evidence["chances_without_label"]) == (3, 2)
    broken.write_parquet("broken.parquet")
    report = gx_contract.check(Path("broken.parquet"), contract)
    warned = {finding.rule for finding in report.warnings}
    assert warned >= {"a label is there only where it was looked for", "what was looked into has its label"}
    assert {finding.rule: finding.holds for finding in report.findings}["label_chance is in range"]


def test_a_contract_without_chances_keeps_its_hash_and_its_rules(contract: Contract) -> None:
    assert "labels_without_chance" not in contract.model_dump()["gate"]
    assert Contract.model_validate(contract.model_dump()) == contract


def test_the_service_asks_nobody_for_a_chance(selective: Path) -> None:
    asked = TransactionSchema(contract_of(load_params().active)).json_schema()["properties"]
    assert "looked" not in asked
    assert "amt" in asked


def test_a_window_is_watched_on_what_was_looked_into_with_the_features_of_all(selective: Path) -> None:
    ingest()
    preprocess()
    schema = read_schema(json.loads(Path("data/features/schema.json").read_text()), where="schema.json")
    test = pl.read_parquet("data/features/test.parquet")
    window = pl.read_parquet("data/transactions.parquet").filter(pl.col("event_time") >= test["event_time"].min())
    rows, features = monitor.counted_rows(window, [], schema, None, None)
    assert rows["event_id"].equals(test["event_id"])
    assert rows["weight"].equals(test["weight"])
    assert features.equals(test.select(features.columns))
    silent = [pl.when(pl.col("label_chance") == 1).then(name).alias(name) for name in ("label", "label_chance")]
    with pytest.raises(DataError, match=r"the window: .* all of them alerts"):
        monitor.counted_rows(window.with_columns(silent), [], schema, None, None)


def test_a_release_of_before_the_chance_was_told_is_not_watched_on_selective_labels(workspace: Path) -> None:
    set_dataset(**SELECTIVE)
    window = pl.read_parquet("data/transactions.parquet")
    schema = read_schema(json.loads(Path("data/features/schema.json").read_text()), where="schema.json")
    with pytest.raises(SettingsError, match=r"the live release's contract: .* needs a column with the role"):
        monitor.counted_rows(window, [], schema, None, None)
