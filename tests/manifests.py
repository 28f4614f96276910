"""A manifest with nothing in it that a test is not about."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mlflow_fraud.core.measuring.calibration import Calibration
from mlflow_fraud.core.release.release import FORMAT, REASONS_FILE, REFERENCE_FILE, Manifest, entry

REFERENCE = {REFERENCE_FILE: b"{}"}
"""A reference that nobody reads."""

REASONS = {REASONS_FILE: b"{}"}
"""Reasons that nobody reads."""


def plain_manifest(**told: Any) -> Manifest:
    """Return a whole manifest of the present format, with what is told in place of what it has else."""
    return Manifest(
        format=FORMAT,
        version="xgboost-1",
        created="2026-01-01T00:00:00+00:00",
        candidate="xgboost",
        model_file="model.ubj",
        threshold=0.5,
        calibration=Calibration(),
        feature_schema_sha256="0" * 64,
        git_sha="0" * 40,
        data={},
        mlflow_run_id="",
        mlflow_model_version="1",
        metrics={},
        verdict=(),
        libraries={},
        files={name: entry(content) for name, content in (REFERENCE | REASONS).items()},
        learned_until=datetime(2025, 12, 1),
        refit="validation",
    ).model_copy(update=told)
