"""The release store that the environment names."""

from __future__ import annotations

import os

from mlflow_fraud.adapters.release_store import ReleaseStore, open_store
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.core.release.first import no_champion, require_none_before
from mlflow_fraud.environment import load_environment

RUNNER = ("CI", "GITHUB_ACTIONS")
"""Variables that say that this machine is thrown away after the job."""


def open_configured_store() -> ReleaseStore:
    """Return the store at `FRAUD_RELEASE_STORE`: a folder, or `s3://bucket/prefix`."""
    environment = load_environment()
    return open_store(environment.release_store, endpoint_url=environment.s3_endpoint_url)


def is_store_set() -> bool:
    """Return whether somebody said where releases go live, instead of leaving it at this folder's own place."""
    return "release_store" in load_environment().model_fields_set


def require_store(*, first: bool) -> str:
    """Look into the store before work begins; return why nothing can go live there, empty when something can.

    Raises `SettingsError` or `FraudError` where the store cannot be read or has lost what says which release is live,
    or one that somebody named holds nothing and no `first` release is asked for.
    """
    require_lasting_store()
    store = open_configured_store()
    if store.latest() is not None:
        return ""
    require_none_before(store.ledger(), str(store))
    if first:
        return ""
    require_expected_champion(store)
    return no_champion(str(store))


def require_expected_champion(store: ReleaseStore) -> None:
    """Raise `SettingsError` where somebody said where releases are live, and none is there."""
    if is_store_set():
        raise SettingsError(f"{no_champion(str(store))}; or FRAUD_RELEASE_STORE names the wrong place")


def require_lasting_store() -> None:
    """Raise `SettingsError` on a runner where nobody said where releases go live: what is written there is lost."""
    if not is_store_set() and any(os.environ.get(name, "").lower() in {"1", "true"} for name in RUNNER):
        raise SettingsError(
            "FRAUD_RELEASE_STORE is not set, and what this runner's disk holds is gone after the job: nothing goes "
            "live; set it to s3://bucket/prefix or a folder that stays"
        )
