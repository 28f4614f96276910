"""Where a trained candidate comes from, by git and `dvc.lock`: the code, the raw data and the parameters of then."""

from __future__ import annotations

from typing import Any

import yaml

from mlflow_fraud.adapters import dvc_lock, git_repo
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.learning.candidates import CANDIDATES
from mlflow_fraud.paths import LOCK, SHIPPED
from mlflow_fraud.stages.lineage import Lineage, lineage_file


def code_of(candidate: str) -> str:
    """Return the commit whose code made the candidate, `unknown` where the code has changed since."""
    return git_repo.UNKNOWN if _changed_code(candidate) else git_repo.code_state()


def require_traceable(candidate: str, lineage: Lineage) -> str:
    """Return the commit whose code made the candidate.

    Raises `DataError` or `SettingsError` where what a release must say of its origin cannot be known: the commit, and
    by `dvc.lock` the raw data and the parameters.
    """
    locked, model = dvc_lock.locked_data(), lineage_file(candidate).parent
    others = [path for path, digest in lineage.data.items() if locked.get(path) != digest]
    others += dvc_lock.changed_since(_stages(candidate)[-1], model.as_posix())
    if others:
        raise DataError(
            f"{LOCK} does not tell where {candidate} comes from ({', '.join(others)} is not as it says), and "
            "a release must; run `dvc repro`, then compare and promote"
        )
    changed = _changed_code(candidate)
    if changed:
        raise DataError(
            f"the code has changed since {candidate} was trained ({', '.join(changed)}), so no commit says how a "
            "release of it was made; run `dvc repro`, then compare and promote"
        )
    git_repo.require_head()
    return git_repo.code_state()


def params_as_run(text: str) -> str:
    """Return `params.yaml`, with what `dvc.lock` says the stages ran with where it says something else by now."""
    document = yaml.safe_load(text)
    changed = [_put(document, name.split("."), value) for name, value in dvc_lock.locked_params().items()]
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True) if any(changed) else text


def _put(document: dict[str, Any], place: list[str], value: Any) -> bool:
    """Put `value` at `place`; return whether there was another."""
    for name in place[:-1]:
        document = document.setdefault(name, {})
    other: bool = document.get(place[-1]) != value
    document[place[-1]] = value
    return other


def _changed_code(candidate: str) -> list[str]:
    stages = ("ingest", "preprocess", *_stages(candidate))
    return sorted({path for stage in stages for path in dvc_lock.changed_since(stage, "src/")})


def _stages(name: str) -> tuple[str, ...]:
    """Return the stages that made a model, from the fit on."""
    return (*(f"train@{candidate}" for candidate in CANDIDATES), "ship") if name == SHIPPED else (f"train@{name}",)
