"""Which data set is the active one."""

from __future__ import annotations

import re

from mlflow_fraud.adapters.files import write_text
from mlflow_fraud.adapters.raw_batches import batch_name
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.paths import PARAMS_FILE, raw_folder
from mlflow_fraud.settings import Params, contract_of, load_params
from mlflow_fraud.stages.pinned import pinned_in
from mlflow_fraud.stages.run import say


def use(dataset: str) -> None:
    """Let `params.yaml` name `dataset` as the active one; its comments stay.

    Raises `SettingsError` where its split asks for a test batch that is not pinned.
    """
    params = load_params()
    contract_of(params.described(dataset))
    _require_test_batch(dataset, params)
    text = PARAMS_FILE.read_text(encoding="utf-8")
    changed = re.sub(r"(?m)^dataset: \S+", f"dataset: {dataset}", text, count=1)
    if changed != text:
        write_text(PARAMS_FILE, changed)
        say(f"{PARAMS_FILE} now names the data set {dataset}")


def _require_test_batch(dataset: str, params: Params) -> None:
    wanted = params.datasets[dataset].split.test_batch
    pinned = sorted(batch_name(file) for file in pinned_in(raw_folder(dataset)))
    if wanted and pinned and wanted not in pinned:
        raise SettingsError(
            f"{dataset} is tested on the batch {wanted}, but pinned are {', '.join(pinned)}; add it, or name another "
            f"`test_batch:` or `protocol: holdout` in datasets.{dataset}.split of {PARAMS_FILE}"
        )
