"""What collections kept aside is no place in which a person is remembered who is forgotten."""

from __future__ import annotations

import shutil
from itertools import product
from pathlib import Path

from mlflow_fraud.adapters.prediction_log.forgetting import Known
from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.contract.forgotten import mark_of
from mlflow_fraud.core.contract.pseudonym_key import PseudonymKey
from mlflow_fraud.core.errors import FraudError
from mlflow_fraud.paths import CLONE, REFUSED, corrections_aside
from mlflow_fraud.settings import Params, contract_of


def erase_refused(contract: Contract, params: Params, key: PseudonymKey | None, one: Known) -> list[Path]:
    """Delete the batches kept aside, here and in the worker's clone, that have rows of one; return what is gone.

    One that cannot be read, which may be why it was refused, goes too: nobody can say whose rows it has. So do the
    names of corrections that stand aside. The next collection keeps aside anew what is still not let in.
    """
    gone = []
    names = [name for name, dataset in params.datasets.items() if contract_of(dataset).name == contract.name]
    for root, name in product((Path(), CLONE), names):
        folder = root / REFUSED / name
        for kept in sorted(path for path in folder.glob("*") if path.is_dir()):
            if any(_may_have(file, contract, key, one) for file in kept.glob("*.parquet")):
                shutil.rmtree(kept)
                gone.append(kept)
        (root / corrections_aside(name)).unlink(missing_ok=True)
    return gone


def _may_have(file: Path, contract: Contract, key: PseudonymKey | None, one: Known) -> bool:
    try:
        values = read_batches([file], contract, key=key)[one.entity].unique().drop_nulls()
    except FraudError:
        return True
    return any(mark_of(value) == one.mark for value in values)
