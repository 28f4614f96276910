"""Whether the raw batches of the active data set are here as pinned; what other data sets have pinned is no matter."""

from __future__ import annotations

from pathlib import Path

from mlflow_fraud.adapters import dvc_repo
from mlflow_fraud.core.errors import DataError, StageFailed
from mlflow_fraud.settings import Params, load_params


def require_batches_here() -> None:
    """Raise `DataError` unless every batch that the active data set has pinned is here, as its pointer says.

    A missing one would otherwise be left out, and the models would learn from less without a word.
    """
    pointers = pointers_of(load_params())
    missing = [pointer for pointer in pointers if not pointer.with_suffix("").is_file()]
    if missing:
        raise DataError(
            f"{_named(missing)} of {missing[0].parent} {_is(missing)} pinned and not here; `dvc pull` fetches what is "
            "pinned, `mlflow-fraud data simulate` makes the built-in batch"
        )
    changed = dvc_repo.changed(pointers)
    if changed:
        files = [Path(name) for name in changed]
        raise DataError(
            f"{_named(files)} of {files[0].parent} {_is(files)} not what its pointer names; "
            f"`dvc checkout {files[0]}` brings back what was pinned"
        )


def require_up_to_date() -> None:
    """Raise `StageFailed` where a stage's files, or the active data set's batches, changed while the stages ran."""
    changed = dvc_repo.changed([dvc_repo.GRAPH, *pointers_of(load_params())])
    if changed:
        raise StageFailed(f"not up to date after all stages ran: {', '.join(changed)}; run again")


def pointers_of(params: Params) -> list[Path]:
    """Return the pointers of the active data set's batches, by name."""
    return sorted(params.raw_folder.glob("*.dvc"))


def _named(pointers: list[Path]) -> str:
    return ", ".join(pointer.stem for pointer in pointers)


def _is(pointers: list[Path]) -> str:
    return "is" if len(pointers) == 1 else "are"
