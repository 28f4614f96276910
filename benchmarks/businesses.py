"""A simulated business for the bench of freshness: its payments, and what each day's model would give them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import xgboost

from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.core.features.batch import build_features, model_matrix
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.measuring.period import Period
from mlflow_fraud.settings import Params, load_contract
from mlflow_fraud.simulation import SimulationPlan, simulate_kinds
from mlflow_fraud.stages.preprocess import fit_schema

HISTORY_DAYS = 365
LABEL_DAYS = 14
"""After so many days a label is known, and a row counts."""

START = date(2020, 1, 1)
EVERY = 6
"""A fit learns all frauds and every sixth legal payment, which weighs as much as six."""

BOOSTER = {
    "objective": "binary:logistic",
    "eta": 0.12,
    "max_depth": 6,
    "min_child_weight": 0.1,
    "subsample": 0.9,
    "colsample_bytree": 0.25,
    "reg_lambda": 3.0,
    "base_score": 0.5,
    "nthread": 1,
    "seed": 7,
}
ROUNDS = 60

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Business:
    """Payments in time order; `at` is in days since the history began, `new` says which are of the new kind of fraud.

    `fits` has a booster for each "learned until", made when it is asked for.
    """

    table: pl.DataFrame
    x: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int8]
    at: Floats
    new: Flags
    schema: FeatureSchema
    fits: dict[float, xgboost.Booster] = field(default_factory=dict)

    def score(self, learned_until: float, rows: Flags) -> Floats:
        """Return what the model that has learned all before `learned_until` gives some rows."""
        if learned_until not in self.fits:
            self.fits[learned_until] = self._fit(self.at < learned_until)
        return self.fits[learned_until].inplace_predict(self.x[rows]).astype(np.float64)

    def between(self, begin: float, end: float) -> Flags:
        """Return which rows are of some days."""
        return (self.at >= begin) & (self.at < end)

    def period(self, rows: Flags) -> Period:
        """Return some rows, as they are measured."""
        table = self.table.filter(pl.Series(rows))
        return Period(
            self.labels[rows],
            table["card"].rank("dense").cast(pl.Int64).to_numpy() - 1,
            table["event_time"].to_numpy(),
            table["amount"].cast(pl.Int64).to_numpy(),
            self.schema.contract.currency_decimals,
        )

    def poisoned(self, rows: Flags, *, labels: bool, live: Iterable[float]) -> Business:
        """Return the business with the labels of some rows swapped, or else with their amounts in cents.

        Fits that had learned of the rows are made anew, but those that are `live`.
        """
        if labels:
            poison, x = np.where(rows, 1 - self.labels, self.labels).astype(np.int8), self.x
            table = self.table
        else:
            hundred = pl.when(pl.Series(rows)).then(pl.col("amount") * 100).otherwise("amount")
            poison, table = self.labels, self.table.with_columns(hundred.alias("amount"))
            x = model_matrix(build_features(table, self.schema), self.schema)
        first = self.at[rows].min()
        kept = {until: fit for until, fit in self.fits.items() if until <= first or until in set(live)}
        return replace(self, table=table, x=x, labels=poison, fits=kept)

    def _fit(self, learned: Flags) -> xgboost.Booster:
        some = learned & ((self.labels == 1) | (np.arange(len(self.labels)) % EVERY == 0))
        weight = np.where(self.labels[some] == 1, 1.0, EVERY)
        data = xgboost.QuantileDMatrix(self.x[some], self.labels[some], weight=weight, nthread=1)
        return xgboost.train(BOOSTER, data, ROUNDS)


def open_business(params: Params, seed: int, scenario: str, days: int, payments_a_year: int) -> Business:
    """Return a business of `HISTORY_DAYS` stable days, and so many under a scenario."""
    whole = HISTORY_DAYS + days
    plan = SimulationPlan(
        seed=seed,
        start=START,
        days=whole,
        transactions=payments_a_year * whole / 365,
        scenario=scenario,
        scenario_from=START + timedelta(days=HISTORY_DAYS),
    )
    batch, kinds = simulate_kinds(plan)
    contract = load_contract(params.active.contract)
    with tempfile.TemporaryDirectory() as folder:
        batch.write_csv(Path(folder) / "bench.csv")
        table = read_batches([Path(folder) / "bench.csv"], contract)
    began = table["event_time"].dt.truncate("1d").min()
    known = table.filter(pl.col("event_time").dt.date() < START + timedelta(days=HISTORY_DAYS))
    schema = fit_schema(params.active_features, contract, known, LABEL_DAYS)
    return Business(
        table=table,
        x=model_matrix(build_features(table, schema), schema),
        labels=table["label"].to_numpy(),
        at=((table["event_time"] - began).dt.total_microseconds() / 86_400_000_000).to_numpy(),
        new=table["event_id"].is_in(kinds.filter(kind="new")["trans_num"].implode()).to_numpy(),
        schema=schema,
    )
