"""The release store that the environment names."""

from __future__ import annotations

from mlflow_fraud.adapters.release_store import ReleaseStore, open_store
from mlflow_fraud.environment import load_environment


def open_configured_store() -> ReleaseStore:
    """Return the store at `FRAUD_RELEASE_STORE`: a folder, or `s3://bucket/prefix`."""
    environment = load_environment()
    return open_store(environment.release_store, endpoint_url=environment.s3_endpoint_url)
