"""A release that flags by what is at stake answers as batch does, and says which threshold it used for the amount."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient

from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.core.errors import ReleaseRejected
from mlflow_fraud.core.measuring.cutoff import Cutoff
from mlflow_fraud.core.release.release import FORMAT, Release, read_manifest, to_json, version_of
from tests.serving.conftest import MakeRelease, go_live

Row = dict[str, Any]
LOSS = 20.0


def by_money(release: Release, expected_loss: float = LOSS) -> Release:
    """Return the same model, flagging from an expected loss on."""
    manifest = release.manifest
    cutoff = Cutoff(manifest.threshold, expected_loss)
    version = version_of(manifest.candidate, release.files, cutoff, manifest.calibration)
    return Release(manifest.model_copy(update={"version": version, "expected_loss": expected_loss}), release.files)


def test_the_answer_has_the_threshold_of_the_amount_with_the_bits_of_the_batch(
    client: TestClient, store: ReleaseStore, make_release: MakeRelease, rows: list[Row], stream: pl.DataFrame
) -> None:
    release = by_money(make_release())
    go_live(store, release)
    client.app.state.model.poll()  # type: ignore[attr-defined]
    told = [client.post("/v1/score", json=row).json() for row in rows]
    cuts = release.manifest.cutoff.of_rows(stream["amount"].to_numpy(), decimals=2)
    assert [each["threshold"] for each in told] == cuts.tolist()
    flags = np.array([each["probability"] for each in told]) >= cuts
    assert [each["decision"] == "flag" for each in told] == flags.tolist()
    assert 0 < flags.sum() < len(flags)
    kept = client.get(f"/v1/predictions/{told[0]['prediction_id']}").json()
    assert (kept["threshold"], kept["decision"]) == (told[0]["threshold"], told[0]["decision"])


def test_another_loss_is_another_release_and_one_for_all_is_what_it_was(make_release: MakeRelease) -> None:
    release = make_release()
    manifest = release.manifest
    versions = [by_money(release, loss).manifest.version for loss in (5.0, 6.0)]
    assert len({manifest.version, *versions}) == 3
    assert version_of(manifest.candidate, release.files, Cutoff(manifest.threshold), manifest.calibration) == (
        manifest.version
    )


def test_an_older_program_cannot_take_it_for_one_threshold(make_release: MakeRelease) -> None:
    manifest = by_money(make_release()).manifest
    assert manifest.format == FORMAT == 6
    assert read_manifest(to_json(manifest), version=manifest.version) == manifest
    older = manifest.model_copy(update={"format": 5})
    with pytest.raises(ReleaseRejected, match="an expected loss is of format 6"):
        read_manifest(to_json(older), version=manifest.version)
