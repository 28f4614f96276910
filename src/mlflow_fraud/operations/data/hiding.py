"""What is pinned of new batches has pseudonyms where the contract calls a column secret."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.adapters.raw_secrets import write_hidden
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.contract.pseudonym_key import PseudonymKey, pseudonyms_of
from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.stages.run import say


def hidden(batches: Sequence[Path], contract: Contract, key: PseudonymKey | None, scratch: Path) -> list[Path]:
    """Return the batches as they are to be pinned: those with plain values in a secret column anew, in `scratch`.

    The same batch under the same key is the same file each time, so one that comes again is known as pinned. Raises
    `DataError` for a batch that cannot be read, or that says anything else when written anew.
    """
    pseudonyms = pseudonyms_of(contract, key)
    if not pseudonyms:
        return list(batches)
    folder = scratch / "hidden"
    folder.mkdir()
    return [_hidden(batch, contract, key, folder / batch.name) for batch in batches]


def _hidden(batch: Path, contract: Contract, key: PseudonymKey | None, target: Path) -> Path:
    came = read_batches([batch], contract, key=key)
    plain = write_hidden(batch, contract, pseudonyms_of(contract, key), target)
    if not plain:
        return batch
    pinned = read_batches([target], contract, key=key)
    if not pinned.sort(pinned.columns).equals(came.sort(came.columns)):
        raise DataError(
            f"{batch.name} says other rows once pseudonyms stand in it; write it as a plain CSV or Parquet file, "
            "without line ends in its values, and add that"
        )
    values = ", ".join(f"{counted(number, 'value')} of {source}" for source, number in plain.items())
    say(f"{batch.name}: {values} hidden: pinned is a file with pseudonyms in their place, not the one that came")
    return target
