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

from mlflow_fraud.adapters.files import md5, read_json
from mlflow_fraud.adapters.model_file import load_calibrated
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.schema import FeatureSchema, read_schema
from mlflow_fraud.core.ports import Scorer
from mlflow_fraud.core.split import PARTS
from mlflow_fraud.core.training import Assessment
from mlflow_fraud.settings import Params
from mlflow_fraud.stages.paths import SCHEMA, TRANSACTIONS, model_folder, part_file


@dataclass(frozen=True)
class TrainedCandidate:
    """One candidate's files, read."""

    name: str
    model_file: Path
    assessment: Assessment
    schema: FeatureSchema
    rounds: list[dict[str, float]]
    params: Mapping[str, Any]
    data: Mapping[str, str]

    @property
    def folder(self) -> Path:
        """Where the candidate's files lie."""
        return model_folder(self.name)

    @cached_property
    def model(self) -> bytes:
        """The shipped model file's bytes."""
        return self.model_file.read_bytes()

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


def read_trained(name: str, params: Params) -> TrainedCandidate:
    """Return the candidate that the stage `train@<name>` left; raise `DataError` where it did not run."""
    folder = model_folder(name)
    metrics = folder / "metrics.json"
    models = sorted((folder / "model").glob("model.*"))
    if len(models) != 1 or not metrics.is_file():
        raise DataError(f"{folder} holds no trained model; run `dvc repro` or `make retrain` first")
    return TrainedCandidate(
        name=name,
        model_file=models[0],
        assessment=_read_assessment(metrics),
        schema=read_schema(read_json(SCHEMA), where=str(SCHEMA)),
        rounds=read_json(folder / "rounds.json"),
        params={"seed": params.train.seed, "refit": params.train.refit, **getattr(params.train, name).model_dump()},
        data=data_hashes(),
    )


def _read_assessment(file: Path) -> Assessment:
    try:
        return Assessment.model_validate(read_json(file))
    except ValidationError as error:
        missing = sorted({str(mistake["loc"][0]) for mistake in error.errors()})
        raise DataError(
            f"{file} is not as this version of the program writes it, look at {missing}; run `dvc repro` again"
        ) from None


def data_hashes() -> dict[str, str]:
    """Return the MD5 of the transactions and of each part, as DVC names them."""
    return {path.as_posix(): md5(path) for path in (TRANSACTIONS, *(part_file(part) for part in PARTS))}
