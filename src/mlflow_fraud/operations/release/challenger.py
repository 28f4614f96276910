"""The candidate that challenges, as the release it would become."""

from __future__ import annotations

import hashlib
import sys
from importlib.metadata import version as library_version

from mlflow_fraud.adapters.dvc_lock import locked_code, locked_data
from mlflow_fraud.adapters.mlflow_tracking import Logged
from mlflow_fraud.adapters.model_formats.booster_file import BOOSTER_FILE
from mlflow_fraud.adapters.release_files import SCHEMA_FILE
from mlflow_fraud.core.explaining import vocabulary
from mlflow_fraud.core.learning.candidates import CANDIDATES
from mlflow_fraud.core.release.decision import Verdict
from mlflow_fraud.core.release.recipe import Recipe
from mlflow_fraud.core.release.release import (
    CHAIN_FILE,
    FORMAT,
    GOLDEN_FILE,
    REASONS_FILE,
    REFERENCE_FILE,
    Golden,
    Manifest,
    Release,
    entry,
    version_of,
)
from mlflow_fraud.core.watching.reference import to_json
from mlflow_fraud.operations.release.learned import reference_of
from mlflow_fraud.paths import LOCK, PARAMS_FILE, SHIPPED
from mlflow_fraud.stages.origin import params_as_run, require_traceable
from mlflow_fraud.stages.shipped import Shipped
from mlflow_fraud.wall import stamp

LIBRARIES = ("numpy", "onnxruntime", "polars", "xgboost")


def core_files(challenger: Shipped) -> dict[str, bytes]:
    """Return the files that decide what the release answers, and why; the version is their hash."""
    trained = challenger.trained
    beside = {BOOSTER_FILE: trained.booster} if trained.booster else {}
    return beside | {
        trained.model_file.name: trained.model,
        SCHEMA_FILE: trained.schema.to_json().encode(),
        GOLDEN_FILE: _golden(challenger).model_dump_json().encode(),
        REASONS_FILE: vocabulary.to_json(vocabulary.vocabulary_of(trained.schema)),
    }


def hashes_of(challenger: Shipped) -> dict[str, str]:
    """Return the SHA-256 of each file that decides what the release answers, and of the scores that judged it."""
    judged_by = {CHAIN_FILE: challenger.test_file.read_bytes()}
    contents = core_files(challenger) | judged_by
    return {name: hashlib.sha256(content).hexdigest() for name, content in sorted(contents.items())}


def release_version(challenger: Shipped) -> str:
    """Return the version that the challenger has, or would have, as a release."""
    settled = challenger.trained.assessment
    return version_of(challenger.trained.candidate, core_files(challenger), settled.cutoff, settled.calibration)


def recipe_of(challenger: Shipped) -> Recipe:
    """Return how the challenger is made; of code that `dvc.lock` does not know, what it knows.

    Of `compare` only what chooses the candidate is part of it: the rest judges.
    """
    trained = challenger.trained
    select_by = trained.lineage.params["compare"]["select_by"]
    params = {**trained.lineage.params, "compare": {"select_by": select_by}}
    code = locked_code(("ingest", "preprocess", *(f"train@{name}" for name in CANDIDATES), "ship"))
    return Recipe.of(trained.schema.definition, params, code)


def build_release(challenger: Shipped, logged: Logged, verdict: Verdict) -> Release:
    """Return the whole release: what answers, and what leads back to where it came from.

    Raises `DataError` where that cannot be known.
    """
    commit = require_traceable(SHIPPED, challenger.trained.lineage)
    settings = params_as_run(PARAMS_FILE.read_text(encoding="utf-8"))
    files = core_files(challenger) | {LOCK.name: LOCK.read_bytes(), PARAMS_FILE.name: settings.encode()}
    files |= {REFERENCE_FILE: to_json(reference_of(challenger))}
    if challenger.shipping.refit == "all":
        files |= {CHAIN_FILE: challenger.test_file.read_bytes()}
    manifest = Manifest(
        format=FORMAT,
        version=release_version(challenger),
        created=stamp(),
        candidate=challenger.trained.candidate,
        model_file=challenger.trained.model_file.name,
        threshold=challenger.trained.assessment.threshold,
        expected_loss=challenger.trained.assessment.expected_loss,
        calibration=challenger.trained.assessment.calibration,
        feature_schema_sha256=challenger.trained.schema.sha256,
        git_sha=commit,
        data=locked_data() | dict(challenger.trained.data),
        mlflow_run_id=logged.run_id,
        mlflow_model_version=logged.model_version,
        metrics={"validation": challenger.trained.assessment.validation, "test": challenger.trained.assessment.test},
        verdict=verdict.reasons,
        libraries=_libraries(),
        files={name: entry(content) for name, content in files.items()},
        recipe=recipe_of(challenger),
        learned_until=challenger.shipping.learned_until,
        refit=challenger.shipping.refit,
        twin=challenger.shipping.twin,
    )
    return Release(manifest, files)


def _golden(challenger: Shipped) -> Golden:
    """Return the made-up rows with the probabilities that the model gives them."""
    scores = challenger.trained.scorer.score(challenger.trained.lineage.matrix)
    return Golden(rows=challenger.trained.lineage.rows, scores=tuple(float(score) for score in scores))


def _libraries() -> dict[str, str]:
    return {"python": sys.version.split()[0], **{name: library_version(name) for name in LIBRARIES}}
