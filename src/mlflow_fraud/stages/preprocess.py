"""Transactions become features that saw only the past, cut by time into train, validation and test."""

from __future__ import annotations

import polars as pl

from mlflow_fraud.adapters.files import read_json, write_parquet, write_text
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.batch import build_features
from mlflow_fraud.core.features.define import categorical_columns, define
from mlflow_fraud.core.features.definitions import FeatureParams
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.labels import require_reviews, weighed
from mlflow_fraud.core.learning.learnable import require_learnable
from mlflow_fraud.core.learning.split import BETWEEN, PARTS, borders, clocked, part, require_horizon
from mlflow_fraud.core.measuring.weights import read_weights
from mlflow_fraud.environment import load_environment
from mlflow_fraud.paths import SCHEMA, TRANSACTIONS, VALIDATION_REPORT, part_file
from mlflow_fraud.settings import contract_of, load_params
from mlflow_fraud.stages.run import run_stage, say


def preprocess() -> None:
    """Write the parts, the rows between them and the feature schema; the history is carried over every border.

    Rows too young at the border after them are in no part; those that are mature by now are learned from in time.
    """
    params = load_params()
    if not read_json(VALIDATION_REPORT)["passed"]:
        raise DataError("the data has not passed validation")
    contract, rule = contract_of(params.active), params.active.split
    transactions = pl.read_parquet(TRANSACTIONS)
    require_horizon(transactions, rule)
    cut = borders(transactions, rule)
    clock = clocked(weighed(transactions, params.active), cut, rule)
    parts = clock["part"]
    _require_reviews(clock, transactions.select(part(cut, rule))["part"])
    require_learnable({name: clock.filter(parts == name)["label"].to_numpy() for name in PARTS})
    train, silence = transactions.filter(parts == "train"), params.active.silence_days
    schema = fit_schema(params.active_features, contract, train, rule.label_delay_days, silence)
    features = _features(transactions, schema)
    block = [pl.col(contract.payer).rank("dense").alias("block")] if contract.payer else []
    keys = transactions.select("event_id", "event_time", *block, pl.col("amount").alias("amount_minor"))
    table = pl.concat([keys, clock.drop("part"), features], how="horizontal")
    # beside the features: the exact amount as `amount_minor`, the first entity as `block`, and weights where there are
    for name in (*PARTS, BETWEEN):
        rows = table.filter(parts == name)
        write_parquet(part_file(name), rows)
        say(f"{name}: {len(rows):,} rows, {rows['label'].sum():,} frauds{_standing_for(rows)}")
    write_text(SCHEMA, schema.to_json())
    say(f"{len(schema.names)} features, schema {schema.sha256[:12]}")


def _require_reviews(clock: pl.DataFrame, mature: pl.Series) -> None:
    """Raise `DataError` where a part has alerts alone; `mature` has the part of all rows, looked into or not."""
    for name in PARTS:
        require_reviews(name, clock.filter(clock["part"] == name), int((mature == name).sum()))


def _standing_for(rows: pl.DataFrame) -> str:
    """Return for how many payments the rows stand, where only some were looked into."""
    weights = read_weights(rows)
    if weights is None:
        return ""
    capped = int(weights.capped.sum())
    held = f", {capped:,} of them held at the cap, which loses {weights.lost:.1%} of all" if capped else ""
    return f"; they stand for {weights.whole.sum():,.0f} payments{held}"


def _features(transactions: pl.DataFrame, schema: FeatureSchema) -> pl.DataFrame:
    """Return the features, by either engine the same."""
    if load_environment().feature_engine == "batch":
        return build_features(transactions, schema)
    from mlflow_fraud.adapters.dask_engine import build_on_cluster

    return build_on_cluster(transactions, schema)


def fit_schema(
    params: FeatureParams,
    contract: Contract,
    train: pl.DataFrame,
    label_delay_days: int = 0,
    silence_days: int | None = None,
) -> FeatureSchema:
    """Return the schema; categories that the contract does not list are those seen in training."""
    categories = {}
    for name in categorical_columns(define(params, contract), contract):
        column = contract.column(name)
        listed = column.values if column else ()
        categories[name] = listed or tuple(train[name].drop_nulls().unique().sort().to_list())
    return FeatureSchema(
        params=params,
        contract=contract,
        categories=categories,
        label_delay_days=label_delay_days,
        silence_days=silence_days,
    )


if __name__ == "__main__":
    run_stage(preprocess)
