"""Where we run, and secrets: `FRAUD_*` variables become one frozen typed value."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from mlflow_fraud.core.contract.pseudonym_key import PseudonymKey, read_key
from mlflow_fraud.core.errors import SettingsError, nearest
from mlflow_fraud.core.strict import Strict, parse
from mlflow_fraud.paths import API_KEYS, JOURNAL, MLFLOW_ARTIFACTS, MLFLOW_FILE, PREDICTION_LOG, RELEASES

PREFIX = "FRAUD_"


class Environment(Strict):
    """Where we run. Each field is read from `FRAUD_<FIELD>`; all have defaults that need no account."""

    tracking_uri: str = f"sqlite:///{MLFLOW_FILE}"
    artifact_location: str = str(MLFLOW_ARTIFACTS)
    experiment: str = "fraud"
    model_name: str = "fraud"
    release_store: str = str(RELEASES)
    s3_endpoint_url: str = ""
    poll_seconds: float = Field(default=2.0, gt=0)
    prediction_log: str = f"sqlite:///{PREDICTION_LOG}"
    prediction_log_synchronous: Literal["normal", "full"] = "normal"
    journal: Path = JOURNAL
    clock: Literal["wall", "stream"] = "stream"
    clock_tolerance: str = "1d"
    api_keys: Path = API_KEYS
    api_key: SecretStr = SecretStr("")
    rate_limit: float = Field(default=500.0, gt=0)
    rate_burst: int = Field(default=1000, ge=1)
    labels_per_hour: int = Field(default=1000, ge=1)
    feature_engine: Literal["batch", "dask"] = "batch"
    github_token: SecretStr = SecretStr("")
    publish: Literal["desk", "branch", "pull-request"] = "desk"
    branch: str = "main"
    verdict_no: Literal["failure", "neutral"] = "failure"
    webhook: SecretStr = SecretStr("")
    clone: str = ""
    pseudonym_key: SecretStr = SecretStr("")

    @property
    def key(self) -> PseudonymKey | None:
        """The key of pseudonyms, None where it is not set; raises `SettingsError`, without the key, for a weak one."""
        text = self.pseudonym_key.get_secret_value()
        return read_key(text) if text else None

    @property
    def tolerance(self) -> timedelta:
        """How far ahead of now a time may be."""
        return timedelta(hours=int(self.clock_tolerance[:-1]) * (24 if self.clock_tolerance.endswith("d") else 1))

    @field_validator("clock_tolerance")
    @classmethod
    def _is_a_span(cls, text: str) -> str:
        if not re.fullmatch(r"\d{1,3}[hd]", text):
            raise ValueError("expected a number of hours or days such as 36h or 1d")
        return text


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
