"""A data set's whole history with its features, computed once; a protocol then says which rows are what."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import polars as pl

from mlflow_fraud.adapters.forgotten_list import forgotten_in
from mlflow_fraud.adapters.raw_batches import batch_name
from mlflow_fraud.adapters.raw_corrections import read_corrections
from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.core.contract.contract import BATCH
from mlflow_fraud.core.contract.corrections import corrected
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.batch import build_features, model_matrix
from mlflow_fraud.core.features.definitions import AMOUNT
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.labels import WEIGHT, Labels, weighed
from mlflow_fraud.core.learning.examples import Examples, Matrix
from mlflow_fraud.core.learning.prequential import PrequentialRule, fold_borders, fold_parts, roll
from mlflow_fraud.core.learning.split import SplitRule, borders, clocked, part, require_horizon
from mlflow_fraud.core.measuring.period import Period, read_period
from mlflow_fraud.core.measuring.weights import Values
from mlflow_fraud.environment import load_environment
from mlflow_fraud.paths import TRANSACTIONS, corrections_folder, forgotten_list
from mlflow_fraud.settings import Params, contract_of
from mlflow_fraud.stages.pinned import pinned_batches, pinned_corrections
from mlflow_fraud.stages.preprocess import fit_schema
from mlflow_fraud.stages.run import say


@dataclass(frozen=True)
class Cut:
    """One test with what is learned for it: `parts` names each row's part, null where it has none.

    `labels` are the rows' labels as they were known when their parts counted.
    """

    name: str
    parts: pl.Series
    labels: pl.Series


@dataclass(frozen=True)
class History:
    """The transactions in time order, and of the same rows the features, the labels and weights, if there are any.

    A row that nobody looked into has the label 0 and the weight NaN, and is in no part.
    """

    transactions: pl.DataFrame
    schema: FeatureSchema
    x: Matrix
    y: Labels
    weights: Values | None = None

    def examples(self, chosen: pl.Series) -> Examples:
        """Return the chosen rows as the models take them."""
        rows = chosen.fill_null(False).to_numpy()
        weights = None if self.weights is None else self.weights[rows]
        return Examples(x=self.x[rows], y=self.y[rows], names=tuple(self.schema.names), weights=weights)

    def period(self, chosen: pl.Series) -> Period:
        """Return what the chosen rows were about."""
        rows = chosen.fill_null(False)
        contract = self.schema.contract
        period = read_period(
            self.transactions.filter(rows),
            card=contract.payer,
            amount=AMOUNT,
            decimals=contract.currency_decimals,
        )
        return replace(period, labels=self.y[rows.to_numpy()])

    @cached_property
    def sha256(self) -> str:
        """The hash of what can be learned from: features, labels and their order."""
        digest = hashlib.sha256(self.schema.sha256.encode())
        digest.update(self.x.data)
        digest.update(self.y.data)
        if self.weights is not None:
            digest.update(self.weights.data)
        return digest.hexdigest()


def of_dataset(params: Params, dataset: str, label_delay_days: int | None = None) -> Params:
    """Return the parameters with another data set as the active one, and where given another label delay.

    The delay is the data set's, so that every feature that reads labels waits as long as the protocol does.
    """
    name = dataset or params.dataset
    described = params.described(name)
    if label_delay_days is not None:
        split = described.split.model_copy(update={"label_delay_days": label_delay_days})
        described = described.model_copy(update={"split": split})
    return params.model_copy(update={"dataset": name, "datasets": {**params.datasets, name: described}})


def read_transactions(params: Params, *, active: str) -> pl.DataFrame:
    """Return the data set's transactions: the file that DVC made of the active one, the raw batches of another.

    Where only some were looked into they have their weights.

    Raises `DataError` where they are not there, or where the file is of other batches than those that are pinned.
    """
    files = pinned_batches(params.raw_folder)
    if not files:
        raise DataError(
            f"{params.raw_folder} holds no batch; `mlflow-fraud data add` adds one, `dvc pull` fetches them"
        )
    if params.dataset != active:
        contract, key = contract_of(params.active), load_environment().key
        forgotten = forgotten_in(forgotten_list(contract.name))
        rows = read_batches(files, contract, key=key, forgotten=forgotten)
        told = read_corrections(pinned_corrections(corrections_folder(params.dataset)), contract)
        return weighed(corrected(rows, told, contract), params.active)
    if not TRANSACTIONS.is_file():
        raise DataError(f"{TRANSACTIONS} is not there; `dvc repro preprocess` makes it")
    transactions = pl.read_parquet(TRANSACTIONS)
    found, pinned = set(transactions[BATCH].unique()), {batch_name(file) for file in files}
    if found != pinned:
        raise DataError(
            f"{TRANSACTIONS} holds the batches {sorted(found)}, {params.dataset} has {sorted(pinned)}; "
            "run `dvc repro preprocess` first"
        )
    return weighed(transactions, params.active)


def one_test(transactions: pl.DataFrame, rule: SplitRule) -> Cut:
    """Return the cut by a rule with one test period."""
    require_horizon(transactions, rule)
    cut = borders(transactions, rule)
    clock = clocked(transactions, cut, rule)
    parts = transactions.select(part(cut, rule, transactions.columns))["part"]
    return Cut(f"from {cut.test_from:%Y-%m-%d}", parts, clock["label"])


def rolling_tests(transactions: pl.DataFrame, rule: PrequentialRule, card: str | None, until: datetime) -> list[Cut]:
    """Return the cuts of the folds that look at nothing from `until` on."""
    folds = roll(transactions["event_time"][0], until, rule)
    require_horizon(transactions, rule.split)
    labels = [clocked(transactions, fold_borders(fold, rule), rule.split)["label"] for fold in folds]
    parts = [fold_parts(transactions, fold, rule, card) for fold in folds]
    return [Cut(fold.name, *each) for fold, *each in zip(folds, parts, labels, strict=True)]


def build_history(transactions: pl.DataFrame, params: Params, first: Cut) -> History:
    """Return the history; what is fitted on rows (unlisted categories) is fitted on the first cut's train rows."""
    contract = contract_of(params.active)
    schema = fit_schema(
        params.active_features,
        contract,
        transactions.filter(first.parts == "train"),
        params.active.split.label_delay_days,
        params.active.silence_days,
    )
    say(f"{params.dataset}: {len(schema.names)} features of {len(transactions):,} transactions")
    x = model_matrix(build_features(transactions, schema), schema)
    weights = transactions[WEIGHT].cast(pl.Float64).to_numpy() if WEIGHT in transactions.columns else None
    return History(transactions, schema, x, transactions["label"].fill_null(0).to_numpy(), weights)
