"""What `dvc.lock` pins is what the files here make: else the merge put two halves together that were never one."""

from __future__ import annotations

from mlflow_fraud.adapters import dvc_repo
from mlflow_fraud.core.counted import listed
from mlflow_fraud.core.errors import PublicationRefused


def require_pins() -> str:
    """Return that no stage would run again; raise `PublicationRefused` with those that would."""
    stale = dvc_repo.out_of_date()
    if stale:
        raise PublicationRefused(
            f"dvc.lock does not name what the merged files make: {listed(stale)} would run again; let a pull request "
            "with these files be retrained, or type `dvc repro && dvc push` and commit dvc.lock"
        )
    return "dvc.lock names what the files here make"
