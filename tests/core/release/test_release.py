"""A manifest is read in its own format's meaning, or refused with what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mlflow_fraud.core.errors import ReleaseRejected
from mlflow_fraud.core.measuring.calibration import Calibration
from mlflow_fraud.core.release.release import FORMAT, Manifest, read_manifest, to_json, version_of
from tests.manifests import plain_manifest

STEEP = Calibration(method="platt", coefficients=(2.0, 0.5))


def document(**changed: Any) -> dict[str, Any]:
    manifest = plain_manifest(calibration=STEEP)
    return {**json.loads(to_json(manifest)), **changed}


def read(content: dict[str, Any]) -> Manifest:
    return read_manifest(json.dumps(content).encode(), version="xgboost-1")


def without(name: str, **changed: Any) -> dict[str, Any]:
    return {key: value for key, value in document(**changed).items() if key != name}


def test_the_present_format_keeps_its_calibration() -> None:
    assert read(document()).calibration == STEEP


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(without("calibration"), "calibration", id="one that forgot its calibration"),
        pytest.param(document(format=1), "format 1 has no calibration", id="format 1 with a calibration"),
        pytest.param(
            document(format=FORMAT + 1), f"has format {FORMAT + 1}, this program reads", id="a format to come"
        ),
        pytest.param(without("format"), "has format None", id="no format"),
        pytest.param(document(calibration={"method": "spline"}), "calibration.method", id="an unknown method"),
        pytest.param(document(calibration={"method": "platt", "coefficients": [-1, 0]}), "must rise", id="falling"),
    ],
)
def test_what_could_be_misread_is_refused(content: dict[str, Any], message: str) -> None:
    with pytest.raises(ReleaseRejected, match=message):
        read(content)


def test_a_manifest_of_a_hundred_thousand_brackets_is_refused() -> None:
    with pytest.raises(ReleaseRejected, match=r"its manifest cannot be read .*promote again"):
        read_manifest(b"[" * 100_000, version="xgboost-1")


def test_another_calibration_is_another_release_and_none_is_the_version_of_before() -> None:
    files = {"model.ubj": b"trees"}
    assert version_of("xgboost", files, 0.5) == version_of("xgboost", files, 0.5, Calibration())
    assert version_of("xgboost", files, 0.5, STEEP) != version_of("xgboost", files, 0.5)
