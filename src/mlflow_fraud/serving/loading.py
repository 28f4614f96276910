"""A release becomes a model that answers: parsed, then tried on its golden rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mlflow_fraud.adapters.model_file import load_calibrated, load_released
from mlflow_fraud.adapters.model_formats.booster_file import BOOSTER_FILE
from mlflow_fraud.adapters.release_files import SCHEMA_FILE
from mlflow_fraud.core.contract.pseudonym_key import PseudonymKey
from mlflow_fraud.core.errors import ReleaseRejected, SettingsError
from mlflow_fraud.core.features.online import Transaction
from mlflow_fraud.core.features.schema import FeatureSchema, read_schema, sha256_of
from mlflow_fraud.core.features.written import computed_otherwise
from mlflow_fraud.core.ports import Scorer
from mlflow_fraud.core.release.release import GOLDEN_FILE, Golden, Manifest, Release, check_golden
from mlflow_fraud.serving.history import History
from mlflow_fraud.serving.schema import LabelSchema, TransactionSchema


class NotScored(ArithmeticError):
    """The model gave a transaction a score that is no number from 0 to 1."""


class Score(NamedTuple):
    """A fraud probability, and the id under which this answer can be found again."""

    probability: float
    prediction_id: str


@dataclass(frozen=True)
class LiveRelease:
    """A loaded release: all that one answer needs, so that a swap is one assignment."""

    manifest: Manifest
    schema: FeatureSchema
    request: TransactionSchema
    label: LabelSchema
    scorer: Scorer
    history: History

    def score(self, transaction: Transaction) -> Score:
        """Return the score of `transaction`, which then belongs to the past.

        The id begins with the version, which leads to the release and from there to run, data and code.
        The same features in the same release have the same id. Raises `NotScored` where the score is no number.
        """
        row = np.array([self.history.observe(transaction)], dtype=np.float32)
        digest = hashlib.sha256(f"{transaction['event_id']}".encode() + row.tobytes())
        probability, prediction_id = float(self.scorer.score(row)[0]), digest.hexdigest()[:16]
        if not 0 <= probability <= 1:  # so that NaN is refused
            raise NotScored(f"{self.manifest.version} gave {probability} to the features {prediction_id}")
        return Score(probability, f"{self.manifest.version}.{prediction_id}")


def load_release(
    release: Release, history_for: Callable[[FeatureSchema], History], key: PseudonymKey | None = None
) -> LiveRelease:
    """Return the release ready to answer, on one thread a request.

    `release` comes from `ReleaseStore.fetch`: every file is the one that the manifest names. Raises
    `ReleaseRejected` when it cannot be read, or does not score the golden rows as it did at release, and
    `SettingsError` where its contract has secret columns and pins another key.
    """
    manifest, files = release.manifest, release.files
    try:
        document = json.loads(files[SCHEMA_FILE])
        schema = read_schema(document, where=f"release {manifest.version}, {SCHEMA_FILE}")
        golden = Golden.model_validate_json(files[GOLDEN_FILE])
        request, label = TransactionSchema(schema.contract, key), LabelSchema(schema.contract)
        _require_its_features(manifest, document, schema)
        _require_golden_rows(manifest, schema, golden)
        scorer = load_released(manifest, files, threads=1)
        check_golden(manifest, golden, scorer.score(golden.matrix).tolist())
        if BOOSTER_FILE in files:  # the one that gives reasons is the one that answers
            beside = load_calibrated(BOOSTER_FILE, files[BOOSTER_FILE], manifest.calibration, threads=1)
            check_golden(manifest, golden, beside.score(golden.matrix).tolist())
    except (ReleaseRejected, SettingsError):
        raise
    except Exception as error:  # parsers and models raise kinds of their own; whatever it is, it cannot answer
        raise ReleaseRejected(
            f"release {manifest.version} cannot be loaded: {' '.join(str(error).split())[:300]}; promote another"
        ) from error
    return LiveRelease(manifest, schema, request, label, scorer, history_for(schema))


def _require_its_features(manifest: Manifest, document: Mapping[str, Any], schema: FeatureSchema) -> None:
    """Raise `ReleaseRejected` unless the features that are computed of `document` are those of the release."""
    stated, found = manifest.feature_schema_sha256, sha256_of(document)
    if found != stated or document["names"] != schema.names:
        raise ReleaseRejected(
            f"release {manifest.version} was made with the features {stated[:12]}, this program makes others of its "
            f"{SCHEMA_FILE} ({found[:12]}); run the program's version that it was made with, or promote again"
        )
    otherwise = computed_otherwise(document, schema)
    if otherwise:
        raise ReleaseRejected(
            f"release {manifest.version} was made when scores were not rounded yet, and would be given others than it "
            f"learned from: {', '.join(otherwise)}; run the program's version that it was made with, or promote again"
        )


def _require_golden_rows(manifest: Manifest, schema: FeatureSchema, golden: Golden) -> None:
    widths = {len(row) for row in golden.rows}
    if widths != {len(schema.names)} or len(golden.rows) != len(golden.scores):
        raise ReleaseRejected(
            f"release {manifest.version} has {len(golden.rows)} golden rows of {sorted(widths)} values with "
            f"{len(golden.scores)} scores; expected at least one, each of {len(schema.names)} features, with a score"
        )
