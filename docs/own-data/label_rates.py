"""Print what the labels that have arrived are worth on the payments of `make.py`, as a Markdown table.

The features are those of `params.yaml` in the words of the contract, with and without their section `labels`. Labels
arrive after seven days; the last fifth of the days tests, the fifth before it chooses rounds and threshold.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from make import payments

from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.features.definitions import FeatureParams
from mlflow_fraud.core.features.fitting import fit_features
from mlflow_fraud.core.learning.split import SplitRule
from mlflow_fraud.operations.evaluation.history import build_history, of_dataset, one_test
from mlflow_fraud.settings import Dataset, Params, load_contract, load_params
from mlflow_fraud.simulation import TerminalPlan, simulate_terminals
from mlflow_fraud.simulation.terminals import CUSTOMER, TERMINAL
from mlflow_fraud.stages.fit import Part, fit_and_judge

CONTRACT = Path(__file__).with_name("terminals.yaml")
LABEL_DELAY_DAYS = 7
SHOWN = ("average_precision", "f1", "precision", "recall")
HEAD = ("features", "AP", "F1", "precision", "recall", "of terminals' fraud", "of customers' fraud")


def main() -> None:
    """Train on the same rows twice."""
    params, contract, plan = load_params(), load_contract(CONTRACT), TerminalPlan()
    transactions = _transactions(plan, contract)
    kinds = simulate_terminals(plan)["TX_FRAUD_SCENARIO"].gather(transactions["event_id"].cast(pl.Int64))
    fitted = fit_features(params.features, contract)
    print(f"| {' | '.join(HEAD)} |\n| --- |{' ---: |' * (len(HEAD) - 1)}")
    for name, features in (
        ("with label rates", fitted),
        ("without", fitted.model_copy(update={"labels": ()})),
    ):
        figures = _figures(transactions, kinds, _described(params, features, plan.days // 5))
        print(f"| {name} | {' | '.join(f'{figure:.3f}' for figure in figures)} |", flush=True)


def _transactions(plan: TerminalPlan, contract: Contract) -> pl.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        batch = Path(folder) / "payments.csv"
        payments(plan).write_csv(batch, separator=";")
        return read_batches([batch], contract)


def _described(params: Params, features: FeatureParams, days: int) -> Params:
    split = SplitRule(protocol="holdout", validation_days=days, test_days=days, label_delay_days=LABEL_DELAY_DAYS)
    described = Dataset(contract=CONTRACT, split=split, refit="validation", features=features)
    return of_dataset(params.model_copy(update={"datasets": {"terminals": described}}), "terminals")


def _figures(transactions: pl.DataFrame, kinds: pl.Series, params: Params) -> list[float]:
    """Return the figures of the test under the threshold from validation."""
    cut = one_test(transactions, params.active.split)
    history = build_history(transactions, params, cut)
    learn, validation, test = (
        Part(history.examples(cut.parts == name), history.period(cut.parts == name))
        for name in ("train", "validation", "test")
    )
    rules, refit = params.judging, params.active.refit
    told = fit_and_judge(
        "xgboost", learn.examples, validation, test, params.train, rules, lambda line: None, refit=refit
    )
    judged = told.judged
    flagged = judged.test.scores >= judged.thresholds
    of_kind = kinds.filter((cut.parts == "test").fill_null(value=False)).to_numpy()
    caught = [float(np.mean(flagged[of_kind == kind])) for kind in (TERMINAL, CUSTOMER)]
    return [*(judged.assessment.test[name] or 0.0 for name in SHOWN), *caught]


if __name__ == "__main__":
    main()
