"""A copy of the record in a file, and a record from such a file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from mlflow_fraud.adapters.forgotten_list import forgotten_in
from mlflow_fraud.adapters.prediction_log.backup import write_backup
from mlflow_fraud.adapters.prediction_log.forgetting import Known
from mlflow_fraud.adapters.prediction_log.restore import restore
from mlflow_fraud.adapters.prediction_log.space import empty_log, file_of, rewrite
from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.operations.record.opened import opened
from mlflow_fraud.paths import CONTRACTS, forgotten_list
from mlflow_fraud.wall import utc_now


def backup(file: Path) -> str:
    """Write the record as it is now into a file, and say what is in it; a service goes on meanwhile."""
    with opened() as log:
        copied = write_backup(log.engine, file)
        return f"{file}: {_in_words(copied)} from {log}; it is whole, and its owner's alone"


def restore_backup(file: Path, forgotten: Path | None) -> str:
    """Fill an empty record from a backup, without those on a list of the forgotten, and say what is in it now.

    The list is that of a contract by its name, `data/contracts/<contract>.forgotten`; where it is not given, all that
    lie there are read.
    """
    files = [forgotten] if forgotten else sorted(CONTRACTS.glob(forgotten_list("*").name))
    if forgotten and not forgotten.is_file():
        raise SettingsError(f"--forgotten {forgotten} is not there; expected a list that `record forget` wrote")
    with opened(make=True) as log:
        done = restore(log, file, _listed(files), at=utc_now())
        if done.left_out.payments and file_of(log.engine):
            rewrite(log.engine)  # what was left out went through it
            empty_log(log.engine)
        lists = ", ".join(map(str, files)) or "no list of the forgotten"
        return (
            f"{log}: {_in_words(done.copied)} from {file}; {counted(done.left_out.payments, 'payment')} of people who "
            f"were forgotten since left out, by tombstones and {lists}"
        )


def _listed(files: list[Path]) -> Mapping[Known, datetime]:
    return {Known(file.stem, each.entity, each.mark): each.until for file in files for each in forgotten_in(file)}


def _in_words(rows: Mapping[str, int]) -> str:
    return f"{counted(rows['payment'], 'payment')}, {counted(rows['label'], 'label')} and " + counted(
        rows["correction"], "correction"
    )
