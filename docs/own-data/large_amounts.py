"""Print how fraud that an amount alone tells is scored, as a Markdown table, by how finely XGBoost cuts the amount.

The payments of `make.py` with more customers, where every amount over 220 is fraud, as the Handbook's simulator has it.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import xgboost
from label_rates import CONTRACT, _described, _transactions

from mlflow_fraud.core.features.fitting import fit_features
from mlflow_fraud.operations.evaluation.history import build_history, one_test
from mlflow_fraud.settings import load_contract, load_params
from mlflow_fraud.simulation import TerminalPlan

LARGE = 22_000
PLAN = TerminalPlan(customers=800, terminals=1600)
ROUNDS = 400


def main() -> None:
    """Fit once with 256 bins, as `params.yaml` does, and once with 4,096."""
    params, contract = load_params(), load_contract(CONTRACT)
    large = pl.col("amount") > LARGE
    transactions = _transactions(PLAN, contract)
    fraud = pl.when(large).then(1).otherwise(pl.col("label")).cast(transactions.schema["label"])
    transactions = transactions.with_columns(fraud.alias("label"))
    described = _described(params, fit_features(params.features, contract), PLAN.days // 5)
    cut = one_test(transactions, described.active.split)
    history = build_history(transactions, described, cut)
    learn, test = (history.examples(cut.parts == part) for part in ("train", "test"))
    seen = history.period(cut.parts == "test").amounts > LARGE
    told = params.train.xgboost.model_dump(exclude={"rounds", "early_stopping_rounds", "refit_rounds"})
    names = list(learn.names)
    print("| bins | last cuts of the amount | frauds over 220 | lowest score | score under .5 |")
    print("| ---: | --- | ---: | ---: | ---: |")
    for bins in (256, 4096):
        matrix = xgboost.QuantileDMatrix(learn.x, learn.y, feature_names=names, max_bin=bins)
        starts, values = matrix.get_quantile_cut()
        place = names.index("amount")
        cuts = ", ".join(f"{value / 100:.0f}" for value in values[starts[place] : starts[place + 1]][-4:])
        options = {**told, "objective": "binary:logistic", "seed": params.train.seed, "max_bin": bins}
        scores = xgboost.train(options, matrix, num_boost_round=ROUNDS).inplace_predict(test.x[seen])
        print(f"| {bins:,} | {cuts} | {seen.sum()} | {scores.min():.2f} | {np.sum(scores < 0.5)} |", flush=True)


if __name__ == "__main__":
    main()
