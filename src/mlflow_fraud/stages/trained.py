"""A trained candidate as its files tell it: what is logged, compared and released."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mlflow_fraud.adapters.files import read_json
from mlflow_fraud.adapters.model_file import load_calibrated
from mlflow_fraud.adapters.model_formats.booster_file import BOOSTER_FILE
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.learning.training import Assessment
from mlflow_fraud.core.ports import Scorer
from mlflow_fraud.paths import model_folder
from mlflow_fraud.stages.lineage import Lineage, read_lineage, require_as_left


@dataclass(frozen=True)
class TrainedCandidate:
    """One candidate's files, read: all of them from its training, whatever has changed since."""

    name: str
    model_file: Path
    assessment: Assessment
    rounds: list[dict[str, float]]
    lineage: Lineage

    @property
    def schema(self) -> FeatureSchema:
        """The features that it was trained on."""
        return self.lineage.features

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters of its fit."""
        train, (told,) = self.lineage.params["train"], self.lineage.params["datasets"].values()
        return {"seed": train["seed"], "refit": told["refit"], **train[self.candidate]}

    @property
    def candidate(self) -> str:
        """Which of the candidates it is."""
        return self.lineage.candidate

    @property
    def data(self) -> Mapping[str, str]:
        """The MD5 of the transactions and of each part that it was trained and judged on."""
        return self.lineage.data

    @property
    def folder(self) -> Path:
        """Where the candidate's files lie."""
        return model_folder(self.name)

    @cached_property
    def model(self) -> bytes:
        """The shipped model file's bytes."""
        return self.model_file.read_bytes()

    @cached_property
    def booster(self) -> bytes:
        """The booster's own file, for reasons and for training on; nothing where the model is none."""
        file = self.model_file.with_name(BOOSTER_FILE)
        return file.read_bytes() if file.is_file() else b""

    @cached_property
    def scorer(self) -> Scorer:
        """The model as its release would answer, calibrated."""
        return load_calibrated(self.model_file.name, self.model, self.assessment.calibration)

    @cached_property
    def key(self) -> str:
        """The content hash: the same model from the same data and parameters has the same key."""
        content = [
            hashlib.sha256(self.model).hexdigest(),
            self.schema.sha256,
            self.assessment.model_dump(mode="json"),
            dict(self.params),
            dict(self.data),
        ]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def read_trained(name: str) -> TrainedCandidate:
    """Return the candidate that the stage `train@<name>` left.

    Raises `DataError` where it did not run, or where a file is not the one that it left.
    """
    folder = model_folder(name)
    metrics = folder / "metrics.json"
    models = sorted((folder / "model").glob("model.*"))
    if len(models) != 1 or not metrics.is_file():
        raise DataError(f"{folder} holds no trained model; run `dvc repro` or `make retrain` first")
    assessment, lineage = _read_assessment(metrics), read_lineage(name)
    require_as_left(name, lineage, "metrics.json", "rounds.json")
    return TrainedCandidate(name, models[0], assessment, read_json(folder / "rounds.json"), lineage)


def _read_assessment(file: Path) -> Assessment:
    try:
        return Assessment.model_validate(read_json(file))
    except ValidationError as error:
        missing = sorted({str(mistake["loc"][0]) for mistake in error.errors()})
        raise DataError(
            f"{file} is not as this version of the program writes it, look at {missing}; run `dvc repro` again"
        ) from None
