"""Raw batches become one typed, time-ordered table."""

from __future__ import annotations

from mlflow_fraud.adapters.files import write_parquet
from mlflow_fraud.adapters.forgotten_list import forgotten_in
from mlflow_fraud.adapters.raw_corrections import read_corrections
from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.core.contract.corrections import corrected
from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.environment import load_environment
from mlflow_fraud.paths import TRANSACTIONS, corrections_folder, forgotten_list
from mlflow_fraud.settings import contract_of, load_params
from mlflow_fraud.stages.pinned import pinned_batches, pinned_corrections
from mlflow_fraud.stages.run import run_stage, say


def ingest() -> None:
    """Write `data/transactions.parquet` from every batch of the active data set, as corrections leave it.

    Those who are forgotten are not in it.
    """
    params = load_params()
    files = pinned_batches(params.raw_folder)
    if not files:
        raise DataError(
            f"{params.raw_folder} holds no batch; `make demo` makes or adds one, `dvc pull` fetches what is pinned"
        )
    contract = contract_of(params.active)
    forgotten = forgotten_in(forgotten_list(contract.name))
    table = read_batches(files, contract, say, key=load_environment().key, forgotten=forgotten)
    changes = pinned_corrections(corrections_folder(params.dataset))
    if changes:
        told = read_corrections(changes, contract)
        table = corrected(table, told, contract)
        say(f"{counted(len(told), 'correction')} from {counted(len(changes), 'file')} applied by arrival")
    write_parquet(TRANSACTIONS, table)
    first, last = table["event_time"][0], table["event_time"][-1]
    batches, rows = counted(len(files), "batch", "batches"), counted(len(table), "transaction")
    say(f"{batches}, {rows} from {first} to {last}")


if __name__ == "__main__":
    run_stage(ingest)
