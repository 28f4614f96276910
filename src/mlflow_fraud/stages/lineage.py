"""What a candidate was trained with, kept beside the model: what is of now may be another by then."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from pydantic import ValidationError

from mlflow_fraud.adapters.files import md5, read_json, write_json
from mlflow_fraud.adapters.model_export import MODEL_FILE
from mlflow_fraud.adapters.model_file import load_scorer
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.learning.split import BETWEEN, PARTS
from mlflow_fraud.core.strict import Strict
from mlflow_fraud.paths import SHIPPED, TRANSACTIONS, model_folder, part_file
from mlflow_fraud.settings import Params
from mlflow_fraud.stages.made_up import made_up_rows

FIGURES = ("precision_recall.png", "confusion.png", "reliability.png")
HONEST = "honest.parquet"
"""Rows with the scores of models that had not learned them, in the folder of the model."""
BESIDE = ("metrics.json", "rounds.json", *FIGURES)
"""The files that the stage leaves beside the model, and that a run in MLflow shows."""


class Lineage(Strict):
    """The inputs of one training and the hashes of what it left.

    `params` has the parameters that it read, in the sections of `params.yaml`; `data` maps each data file to its
    MD5; `rows` are made-up ones in the model's order, None where missing (see `made_up_rows`); `files` maps each file
    beside the model to its SHA-256. `best` is the number of rounds that validation found best, where the candidate
    learns in rounds.
    """

    candidate: str
    best: int | None
    params: dict[str, Any]
    data: dict[str, str]
    features: FeatureSchema
    rows: tuple[tuple[float | None, ...], ...]
    files: dict[str, str]

    @property
    def matrix(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        """The rows as the model takes them, shape (rows, features)."""
        return np.array(self.rows, dtype=np.float32)


def lineage_file(candidate: str) -> Path:
    """Return where a candidate's lineage is: in the folder of the model, which DVC keeps as one."""
    return model_folder(candidate) / "model" / "lineage.json"


def write_lineage(name: str, candidate: str, params: Params, schema: FeatureSchema, *, best: int | None) -> None:
    """Write what the model in the folder `name` comes from; to be called when the files beside it are there."""
    folder = model_folder(name)
    scorer = load_scorer(MODEL_FILE, (folder / "model" / MODEL_FILE).read_bytes())
    lineage = Lineage(
        candidate=candidate,
        best=best,
        params=_params_of(name, candidate, params),
        data={path.as_posix(): md5(path) for path in (TRANSACTIONS, *(part_file(part) for part in (*PARTS, BETWEEN)))},
        features=schema,
        rows=tuple(made_up_rows(pl.read_parquet(part_file("validation")), schema, scorer)),
        files={name: _sha256(folder / name) for name in BESIDE},
    )
    write_json(lineage_file(name), lineage.model_dump(mode="json"))


def read_lineage(candidate: str) -> Lineage:
    """Return what the candidate was trained with; raise `DataError` where that cannot be known."""
    file = lineage_file(candidate)
    if not file.is_file():
        raise DataError(f"{file} is not there, so what {candidate} was trained with is not known; run `dvc repro`")
    try:
        return Lineage.model_validate(read_json(file))
    except (ValidationError, ValueError):
        raise DataError(f"{file} is not as this version of the program writes it; run `dvc repro` again") from None


def require_as_left(candidate: str, lineage: Lineage, *names: str) -> None:
    """Raise `DataError` unless the files beside the model are those that its training left."""
    folder = model_folder(candidate)
    others = [name for name in names if not (folder / name).is_file() or _sha256(folder / name) != lineage.files[name]]
    if others:
        raise DataError(
            f"{', '.join(str(folder / name) for name in others)}: not what the training of {candidate} left; bring "
            "back what belongs to the model (`git checkout` or `dvc checkout`), or run `dvc repro`"
        )


def require_trained_on(candidate: str, lineage: Lineage, file: Path) -> None:
    """Raise `DataError` unless `file` is still the one that the candidate was trained and judged on."""
    if not file.is_file() or md5(file) != lineage.data[file.as_posix()]:
        raise DataError(f"{file} has changed since {candidate} was trained on it; run `dvc repro` or `make retrain`")


def _params_of(name: str, candidate: str, params: Params) -> dict[str, Any]:
    """Return the parameters that the stage depends on, as `dvc.yaml` lists them: what ships, on those of all."""
    train, compare = params.train.model_dump(mode="json"), params.compare.model_dump(mode="json")
    own = train if name == SHIPPED else {"seed": train["seed"], candidate: train[candidate]}
    looked_at = ("bootstrap", "select_by") if name == SHIPPED else ("bootstrap",)
    active, split = params.active, params.active.split.model_dump(mode="json")
    weighing = {"labels": active.labels, "weight_cap": active.cap} if active.selective else {}
    return {
        "threshold": params.threshold.model_dump(mode="json"),
        "calibration": params.calibration.model_dump(mode="json"),
        "costs": params.costs.model_dump(mode="json"),
        "compare": {key: compare[key] for key in looked_at},
        "train": own,
        "ship": params.ship.model_dump(mode="json"),
        "datasets": {params.dataset: {"refit": active.refit, "split": split, **weighing}},
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
