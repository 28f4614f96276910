"""The store in a bucket keeps the promises of `BlobStore`, on a real S3 server."""

from __future__ import annotations

import itertools

import pytest

from mlflow_fraud.adapters.s3_store import S3Store
from mlflow_fraud.core.errors import FraudError, SettingsError
from stack.place import free_ports
from tests.s3_server import S3Server
from tests.store_suite import BlobSuite, OpenBlobs

_PREFIXES = itertools.count()


@pytest.fixture(autouse=True)
def _credentials(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def open_blobs(s3_server: S3Server) -> OpenBlobs:
    store = S3Store(s3_server.bucket, f"blobs/{next(_PREFIXES)}", endpoint_url=s3_server.endpoint_url)
    return lambda: store  # one for all threads: it costs a tenth of a second to make


class TestS3Store(BlobSuite):
    pass


@pytest.mark.slow
def test_keys_beyond_one_page_are_all_listed(open_blobs: OpenBlobs, s3_server: S3Server) -> None:
    blobs = open_blobs()
    for number in range(1005):
        blobs.write(f"ledger/{number:06d}", b"")
    assert len(blobs.keys("ledger/")) == 1005


def test_one_prefix_does_not_see_the_keys_of_another(s3_server: S3Server) -> None:
    one, ten = (S3Store(s3_server.bucket, name, endpoint_url=s3_server.endpoint_url) for name in ("team1", "team10"))
    ten.write("latest", b"1")
    assert one.keys("") == []
    assert one.read("latest") is None


def test_a_bucket_that_does_not_exist_is_a_mistake_in_the_settings(s3_server: S3Server) -> None:
    store = S3Store("no-such-bucket", "", endpoint_url=s3_server.endpoint_url)
    with pytest.raises(SettingsError, match=r"cannot list all keys .* s3://no-such-bucket/: NoSuchBucket"):
        store.keys("")


def test_a_wrong_secret_is_a_mistake_in_the_settings(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    store = S3Store(s3_server.bucket, "", endpoint_url=s3_server.endpoint_url)
    with pytest.raises(SettingsError, match="SignatureDoesNotMatch"):
        store.write("latest", b"1")


def test_missing_credentials_say_which_variables_to_set(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in s3_server.environment():
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    store = S3Store(s3_server.bucket, "", endpoint_url=s3_server.endpoint_url)
    with pytest.raises(SettingsError, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        store.read("latest")


def test_a_server_that_is_not_there_is_an_error_that_names_it() -> None:
    endpoint = f"http://127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(FraudError, match=f"{endpoint}.*check the network and FRAUD_S3_ENDPOINT_URL"):
        S3Store("releases", "", endpoint_url=endpoint).create("latest", b"1")
