"""The release protocol holds in a folder and in a bucket."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from mlflow_fraud.adapters.file_store import FileStore
from mlflow_fraud.adapters.release_store import open_store
from mlflow_fraud.adapters.s3_store import S3Store
from mlflow_fraud.core.errors import PromotionConflict, SettingsError
from tests.s3_server import S3Server
from tests.store_suite import OpenBlobs, ReleaseSuite, make_release, promote, put_and_promote

_PREFIXES = itertools.count()


class TestInAFolder(ReleaseSuite):
    @pytest.fixture
    def open_blobs(self, tmp_path: Path) -> OpenBlobs:
        return lambda: FileStore(tmp_path / "store")


@pytest.mark.slow
class TestInABucket(ReleaseSuite):
    @pytest.fixture
    def open_blobs(self, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> OpenBlobs:
        for name, value in s3_server.environment().items():
            monkeypatch.setenv(name, value)
        store = S3Store(s3_server.bucket, f"releases/{next(_PREFIXES)}", endpoint_url=s3_server.endpoint_url)
        return lambda: store


def test_a_location_opens_a_folder(tmp_path: Path) -> None:
    pointer = put_and_promote(open_store(str(tmp_path / "releases")), make_release())
    assert open_store(str(tmp_path / "releases")).latest() == pointer
    assert (tmp_path / "releases/releases/xgboost-1/manifest.json").is_file()


@pytest.mark.parametrize("promotions", [1, 2])
def test_a_pointer_that_is_lost_is_no_empty_store(tmp_path: Path, promotions: int) -> None:
    store = open_store(str(tmp_path / "lossy"))
    for number in range(promotions):
        put_and_promote(store, make_release(f"xgboost-{number}"))
    (tmp_path / "lossy/latest").unlink()
    store.put(make_release("xgboost-9"))
    with pytest.raises(PromotionConflict, match=f"record {promotions} xgboost-{promotions - 1} is live"):
        promote(store, "xgboost-9", None)
    assert len(store.ledger()) == promotions


def test_a_location_opens_a_bucket(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    location = f"s3://{s3_server.bucket}/team/live"
    pointer = put_and_promote(open_store(location, endpoint_url=s3_server.endpoint_url), make_release())
    assert open_store(location, endpoint_url=s3_server.endpoint_url).latest() == pointer


@pytest.mark.parametrize("location", ["", "gs://bucket/prefix", "s3:///prefix"])
def test_another_kind_of_location_is_refused(location: str) -> None:
    with pytest.raises(SettingsError, match="s3://bucket/prefix"):
        open_store(location)
