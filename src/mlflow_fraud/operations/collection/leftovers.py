"""What is left of the collections before: what a killed one had begun, and what was kept aside and no longer is."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from contextlib import suppress

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


def clear_refused(dataset: str, still: Collection[str] = ()) -> None:
    """Forget the batches that were kept aside, but for those that are `still` not let in, by their names."""
    folder = REFUSED / dataset
    for kept in [path for path in folder.glob("*") if path.is_dir() and path.name not in still]:
        shutil.rmtree(kept, ignore_errors=True)
    with suppress(OSError):  # what is still aside is in it, or nothing ever was
        folder.rmdir()
