"""What a collection that was killed has left, and what the one before kept aside: gone before another begins."""

from __future__ import annotations

import shutil

from mlflow_fraud.core.contract.collect import COLLECTED
from mlflow_fraud.paths import REFUSED, corrections_folder, raw_folder
from mlflow_fraud.stages.run import say

OF_CORRECTIONS = "????-??-??-????????.parquet"


def remove_leftovers(dataset: str) -> None:
    """Remove files of ours that were written and not pinned: the same rows come again."""
    named = (raw_folder(dataset).glob(f"{COLLECTED}*.parquet"), corrections_folder(dataset).glob(OF_CORRECTIONS))
    for file in [file for files in named for file in files]:
        if not file.with_name(f"{file.name}.dvc").is_file():
            file.unlink()
            say(f"{file}: a collection before this one was stopped; what it had begun is made again")
    for scratch in raw_folder(dataset).parent.glob(".incoming-*"):
        shutil.rmtree(scratch, ignore_errors=True)


def clear_refused(dataset: str) -> None:
    """Forget what was kept aside: what is still not let in is kept aside again."""
    shutil.rmtree(REFUSED / dataset, ignore_errors=True)
