"""Where a desk still has somebody who is forgotten: pinned batches, and what was made of them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import polars as pl

from mlflow_fraud.adapters.prediction_log.forgetting import Known
from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.contract.forgotten import mark_of
from mlflow_fraud.core.contract.pseudonym_key import PseudonymKey
from mlflow_fraud.core.errors import FraudError
from mlflow_fraud.paths import DATA, raw_folder
from mlflow_fraud.settings import Params, contract_of
from mlflow_fraud.stages.pinned import pinned_in


class Places(NamedTuple):
    """How many rows are of one in each pinned batch and in each table that was made, and what was not looked at."""

    pinned: dict[Path, int]
    made: dict[Path, int]
    unseen: dict[Path, str]


def places_of(contract: Contract, params: Params, key: PseudonymKey | None, one: Known) -> Places:
    """Look through each pinned batch of the contract's data sets that is here, and each Parquet file made of them."""
    places = Places({}, {}, {})
    for file in _batches(contract, params):
        if not file.is_file():
            places.unseen[file] = "it is not here; `dvc pull` fetches it"
            continue
        try:
            _note(places.pinned, file, read_batches([file], contract, key=key).select(one.entity), one)
        except FraudError:
            places.unseen[file] = "it is not what the contract says now"
    raw = raw_folder("")
    for file in sorted(path for path in DATA.rglob("*.parquet") if raw not in path.parents):
        try:
            table = pl.scan_parquet(file, glob=False)
            if one.entity in table.collect_schema():
                _note(places.made, file, table.select(one.entity).collect(), one)
        except (pl.exceptions.PolarsError, OSError):
            places.unseen[file] = "it cannot be read"
    return places


def _batches(contract: Contract, params: Params) -> list[Path]:
    return [
        file
        for name, dataset in params.datasets.items()
        if raw_folder(name).is_dir() and contract_of(dataset).name == contract.name
        for file in pinned_in(raw_folder(name))
    ]


def _note(found: dict[Path, int], file: Path, rows: pl.DataFrame, one: Known) -> None:
    values = [value for value in rows[one.entity].unique().drop_nulls() if mark_of(value) == one.mark]
    number = rows.filter(pl.col(one.entity).is_in(values)).height if values else 0
    if number:
        found[file] = number
