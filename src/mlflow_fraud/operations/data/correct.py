"""What changes rows that are pinned already comes in by a file of its own, through a gate of its own."""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl

from mlflow_fraud.adapters import dvc_repo
from mlflow_fraud.adapters.files import md5, replacing
from mlflow_fraud.adapters.forgotten_list import forgotten_in
from mlflow_fraud.adapters.raw_batches import batches_in
from mlflow_fraud.adapters.raw_corrections import read_corrections, read_told, write_corrections
from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.contract.corrections import ARRIVED, corrected
from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.gate.corrections import faults_of, new_of
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.as_of import require_arrived
from mlflow_fraud.operations.data.gating import require_let_in
from mlflow_fraud.paths import corrections_folder, forgotten_list, raw_folder
from mlflow_fraud.settings import contract_of, load_params
from mlflow_fraud.stages.pinned import pinned_batches, pinned_corrections
from mlflow_fraud.stages.run import say


def correct(file: Path, dataset: str = "") -> Path | None:
    """Check what a file says of rows of a data set (the active one by default), pin it and return where it lies.

    None where all of it is pinned already. Raises `DataError` for a file that cannot be read, and where a correction is
    of no pinned row, of nothing that may be corrected, beyond what the contract allows, in the future, of before its
    payment, or says of a row, a column and an arrival something else than another one: then nothing has changed.
    """
    if not file.is_file():
        raise DataError(f"{file} is not there; name a CSV or Parquet file of corrections")
    params = load_params()
    name = dataset or params.dataset
    contract, folder = contract_of(params.described(name)), corrections_folder(name)
    told, known = read_told(file, contract), read_corrections(pinned_corrections(folder), contract)
    new = new_of(told, known)
    if new.is_empty():
        say(f"{file}: {counted(len(told), 'correction')}, all pinned already")
        return None
    rows = pinned_rows(name, contract)
    return pin_corrections(new, rows, known, contract, name, called=file.name)


def pinned_rows(dataset: str, contract: Contract) -> pl.DataFrame:
    """Return all pinned rows of a data set but those of the forgotten, as no correction has changed them."""
    batches = pinned_batches(raw_folder(dataset)) if batches_in(raw_folder(dataset)) else []
    if not batches:
        raise DataError(f"nothing of {dataset} is pinned, so nothing of it can be corrected; `mlflow-fraud data add`")
    forgotten = forgotten_in(forgotten_list(contract.name))
    return read_batches(batches, contract, key=load_environment().key, forgotten=forgotten)


def pin_corrections(
    new: pl.DataFrame, rows: pl.DataFrame, known: pl.DataFrame, contract: Contract, dataset: str, *, called: str
) -> Path:
    """Hold new corrections and what they make of the rows against the contract, pin them, return where they lie.

    The file is named by its last arrival and by its content, so that two branches never give one name to two things.
    """
    require_arrived(new[ARRIVED], called)
    faults = faults_of(new, rows, known, contract)
    if faults:
        raise DataError(f"{called}: {'; '.join(faults)}; correct the file and bring it again, nothing was pinned")
    folder = corrections_folder(dataset)
    with tempfile.TemporaryDirectory(dir=raw_folder(dataset).parent, prefix=".incoming-") as scratch:
        require_let_in(
            corrected(rows, pl.concat([known, new]), contract), contract, Path(scratch) / "corrected.parquet"
        )
        file = Path(scratch) / "new.parquet"
        write_corrections(file, new)
        target = folder / f"{str(new[ARRIVED].max())[:10]}-{md5(file)[:8]}.parquet"
        with replacing(target) as pending:
            file.rename(pending)
    dvc_repo.pin(target)
    say(f"{target}: {counted(len(new), 'correction')} pinned; `dvc repro` applies them by arrival")
    return target
