"""Whether what a run reads is what is pinned: before its first stage, and after its last."""

from __future__ import annotations

from mlflow_fraud.adapters import dvc_repo
from mlflow_fraud.core.contract.pseudonym_key import pseudonyms_of
from mlflow_fraud.core.errors import StageFailed
from mlflow_fraud.environment import load_environment
from mlflow_fraud.paths import PIPELINE, corrections_folder
from mlflow_fraud.settings import load_contract, load_params
from mlflow_fraud.stages.pinned import pinned_in, require_as_pinned


def require_batches_here() -> None:
    """Raise `DataError` unless every batch and correction that the active data set has pinned is here, as it is pinned.

    What other data sets have pinned is no matter: on this machine it may never have been.
    """
    params = load_params()
    require_as_pinned(pinned_in(params.raw_folder) | pinned_in(corrections_folder(params.dataset)))


def require_key() -> None:
    """Raise `SettingsError` where the active data set's contract has secret columns and pins another key than is set.

    DVC takes a stage's files away before the stage can look.
    """
    pseudonyms_of(load_contract(load_params().active.contract), load_environment().key)


def require_up_to_date() -> None:
    """Raise `StageFailed` where a stage's files, or the active data set's batches, changed while the stages ran."""
    pointers = sorted(load_params().raw_folder.rglob("*.dvc"))
    changed = dvc_repo.changed([PIPELINE, *pointers])
    if changed:
        raise StageFailed(f"not up to date after all stages ran: {', '.join(changed)}; run again")
