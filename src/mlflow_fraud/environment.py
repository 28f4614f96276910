"""Where we run, and secrets: `FRAUD_*` variables become one frozen typed value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from mlflow_fraud.core.errors import SettingsError, nearest
from mlflow_fraud.core.strict import Strict, parse

PREFIX = "FRAUD_"


class Environment(Strict):
    """Where we run. Each field is read from `FRAUD_<FIELD>`; all have defaults that need no account."""

    tracking_uri: str = "sqlite:///.local/mlflow.db"
    artifact_location: str = ".local/mlflow-artifacts"
    experiment: str = "fraud"
    model_name: str = "fraud"
    release_store: str = ".local/releases"
    s3_endpoint_url: str = ""
    poll_seconds: float = Field(default=2.0, gt=0)
    history: Path = Path("data/transactions.parquet")
    journal: Path = Path(".local/journal")
    feature_engine: Literal["batch", "dask"] = "batch"
    github_token: SecretStr = SecretStr("")


def load_environment(environ: Mapping[str, str] | None = None) -> Environment:
    """Return the settings that `FRAUD_*` variables give; an unknown one is refused, an empty one is not set.

    >>> load_environment({"FRAUD_EXPERIMENT": "cards"}).experiment
    'cards'
    >>> load_environment({"FRAUD_RELEASE_STOR": "s3://bucket/live"})
    Traceback (most recent call last):
    mlflow_fraud.core.errors.SettingsError: environment: FRAUD_RELEASE_STOR is not known, \
did you mean FRAUD_RELEASE_STORE?
    """
    given = os.environ if environ is None else environ
    values = {name: value for name, value in given.items() if name.startswith(PREFIX) and value}
    known = {PREFIX + field.upper(): field for field in Environment.model_fields}
    for name in values:
        if name not in known:
            raise SettingsError(f"environment: {name} is not known, {nearest(name, known)}")
    return parse(Environment, {known[name]: value for name, value in values.items()}, where="environment")
