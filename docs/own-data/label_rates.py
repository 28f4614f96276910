"""Print what the labels that have arrived are worth on the payments of `make.py`, as a Markdown table.

The features are those of `params.yaml` in the words of the contract, with and without their section `labels`. Labels
arrive after seven days; the last fifth of the days tests, the fifth before it chooses rounds and threshold.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from make import payments
from sklearn.metrics import average_precision_score

from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.core.candidates import Examples, fit_xgboost
from mlflow_fraud.core.contract import Contract
from mlflow_fraud.core.features.batch import build_features, model_matrix
from mlflow_fraud.core.features.definitions import FeatureParams
from mlflow_fraud.core.features.fitting import fit_features
from mlflow_fraud.core.split import SplitRule, borders, part
from mlflow_fraud.core.threshold import choose_threshold
from mlflow_fraud.settings import Params, load_contract, load_params
from mlflow_fraud.simulation import TerminalPlan, simulate_terminals
from mlflow_fraud.simulation.terminals import CUSTOMER, TERMINAL
from mlflow_fraud.stages.preprocess import fit_schema

CONTRACT = Path(__file__).with_name("terminals.yaml")
LABEL_DELAY_DAYS = 7
HEAD = ("features", "AP", "F1", "precision", "recall", "of terminals' fraud", "of customers' fraud")


def main() -> None:
    """Train on the same rows twice."""
    params, contract, plan = load_params(), load_contract(CONTRACT), TerminalPlan()
    transactions = _transactions(plan, contract)
    kinds = simulate_terminals(plan)["TX_FRAUD_SCENARIO"]
    fitted = fit_features(params.features, contract)
    print(f"| {' | '.join(HEAD)} |\n| --- |{' ---: |' * (len(HEAD) - 1)}")
    for name, features in (
        ("with label rates", fitted),
        ("without", fitted.model_copy(update={"labels": ()})),
    ):
        figures = _figures(transactions, kinds, features, params, contract, plan.days // 5)
        print(f"| {name} | {' | '.join(f'{figure:.3f}' for figure in figures)} |", flush=True)


def _transactions(plan: TerminalPlan, contract: Contract) -> pl.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        batch = Path(folder) / "payments.csv"
        payments(plan).write_csv(batch, separator=";")
        return read_batches([batch], contract)


def _figures(
    transactions: pl.DataFrame, kinds: pl.Series, features: FeatureParams, params: Params, contract: Contract, days: int
) -> list[float]:
    """Return the figures of the test under the threshold from validation."""
    rule = SplitRule(protocol="holdout", validation_days=days, test_days=days, label_delay_days=LABEL_DELAY_DAYS)
    parts = transactions.select(part(borders(transactions, rule), rule, transactions.columns))["part"]
    schema = fit_schema(features, contract, transactions.filter(parts == "train"), LABEL_DELAY_DAYS)
    x, y = model_matrix(build_features(transactions, schema), schema), transactions["label"].to_numpy()
    rows = {name: (parts == name).fill_null(value=False).to_numpy() for name in ("train", "validation", "test")}
    train, validation, test = (Examples(x[rows[name]], y[rows[name]], tuple(schema.names)) for name in rows)
    booster = fit_xgboost(train, validation, params.train, lambda line: print(line, file=sys.stderr)).estimator
    threshold = choose_threshold(validation.y, booster.inplace_predict(validation.x), params.threshold)
    scores = booster.inplace_predict(test.x)
    flagged, fraud = scores >= threshold, test.y == 1
    of_kind = kinds.gather(transactions["event_id"].cast(pl.Int64)).to_numpy()[rows["test"]]
    precision, recall = float(fraud[flagged].mean()), float(flagged[fraud].mean())
    f1 = 2 * precision * recall / (precision + recall)
    caught = [float(np.mean(flagged[of_kind == kind])) for kind in (TERMINAL, CUSTOMER)]
    return [float(average_precision_score(test.y, scores)), f1, precision, recall, *caught]


if __name__ == "__main__":
    main()
