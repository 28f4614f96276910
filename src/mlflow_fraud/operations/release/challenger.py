"""The candidate that challenges, as the release it would become."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.metadata import version as library_version

from mlflow_fraud.adapters.dvc_lock import locked_data
from mlflow_fraud.adapters.mlflow_tracking import Logged
from mlflow_fraud.adapters.model_formats.booster_file import BOOSTER_FILE
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.learning.candidates import CANDIDATES
from mlflow_fraud.core.release.decision import Verdict, select
from mlflow_fraud.core.release.release import (
    FORMAT,
    GOLDEN_FILE,
    Golden,
    Manifest,
    Release,
    entry,
    version_of,
)
from mlflow_fraud.paths import LOCK, PARAMS_FILE
from mlflow_fraud.settings import Params
from mlflow_fraud.stages.origin import params_as_run, require_traceable
from mlflow_fraud.stages.trained import TrainedCandidate, read_trained
from mlflow_fraud.wall import stamp

LIBRARIES = ("numpy", "onnxruntime", "polars", "xgboost")


def choose_challenger(params: Params) -> TrainedCandidate:
    """Return the candidate with the best validation metric; the test period has no say in it."""
    trained = {name: read_trained(name) for name in CANDIDATES}
    _require_same_data(trained)
    best = select({name: t.assessment.validation for name, t in trained.items()}, params.compare.select_by)
    return trained[best]


def core_files(challenger: TrainedCandidate) -> dict[str, bytes]:
    """Return the files that decide what the release answers, and why; the version is their hash."""
    beside = {BOOSTER_FILE: challenger.booster} if challenger.booster else {}
    return beside | {
        challenger.model_file.name: challenger.model,
        "schema.json": challenger.schema.to_json().encode(),
        GOLDEN_FILE: _golden(challenger).model_dump_json().encode(),
    }


def release_version(challenger: TrainedCandidate) -> str:
    """Return the version that the challenger has, or would have, as a release."""
    settled = challenger.assessment
    return version_of(challenger.name, core_files(challenger), settled.threshold, settled.calibration)


def build_release(challenger: TrainedCandidate, logged: Logged, verdict: Verdict) -> Release:
    """Return the whole release: what answers, and what leads back to where it came from.

    Raises `DataError` where that cannot be known.
    """
    commit = require_traceable(challenger.name, challenger.lineage)
    settings = params_as_run(PARAMS_FILE.read_text(encoding="utf-8"))
    files = core_files(challenger) | {LOCK.name: LOCK.read_bytes(), PARAMS_FILE.name: settings.encode()}
    manifest = Manifest(
        format=FORMAT,
        version=release_version(challenger),
        created=stamp(),
        candidate=challenger.name,
        model_file=challenger.model_file.name,
        threshold=challenger.assessment.threshold,
        calibration=challenger.assessment.calibration,
        feature_schema_sha256=challenger.schema.sha256,
        git_sha=commit,
        data=locked_data() | dict(challenger.data),
        mlflow_run_id=logged.run_id,
        mlflow_model_version=logged.model_version,
        metrics={"validation": challenger.assessment.validation, "test": challenger.assessment.test},
        verdict=verdict.reasons,
        libraries=_libraries(),
        files={name: entry(content) for name, content in files.items()},
    )
    return Release(manifest, files)


def _golden(challenger: TrainedCandidate) -> Golden:
    """Return the made-up rows with the probabilities that the model gives them."""
    scores = challenger.scorer.score(challenger.lineage.matrix)
    return Golden(rows=challenger.lineage.rows, scores=tuple(float(score) for score in scores))


def _require_same_data(trained: Mapping[str, TrainedCandidate]) -> None:
    """Raise `DataError` where the candidates were not trained and judged on the same rows and features."""
    first, *others = trained.values()
    odd = [each.name for each in others if (each.data, each.schema.sha256) != (first.data, first.schema.sha256)]
    if odd:
        raise DataError(f"{', '.join(odd)}: trained on other data than {first.name}; run `dvc repro` or `make retrain`")


def _libraries() -> dict[str, str]:
    return {"python": sys.version.split()[0], **{name: library_version(name) for name in LIBRARIES}}
