"""Settings of S3 that point nowhere: one sentence that names the variable."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlflow_fraud.adapters.release_store import open_store
from mlflow_fraud.core.errors import FraudError, SettingsError
from stack.place import free_ports
from tests.s3_server import BUCKET, S3Server


@pytest.fixture(autouse=True)
def _no_keys_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("location", "environ", "said"),
    [
        pytest.param(f"s3://{BUCKET}/live", {"AWS_SECRET_ACCESS_KEY": "wrong"}, "AWS_SECRET_ACCESS_KEY", id="secret"),
        pytest.param(f"s3://{BUCKET}/live", {"AWS_ACCESS_KEY_ID": "nobody"}, "correct AWS_ACCESS_KEY_ID", id="key"),
        pytest.param("s3://relaeses/live", {}, "FRAUD_RELEASE_STORE names a bucket that is not there", id="bucket"),
    ],
)
def test_what_the_server_refuses_is_named(
    s3_server: S3Server, location: str, environ: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (s3_server.environment() | environ).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=said):
        open_store(location, endpoint_url=s3_server.endpoint_url).latest()


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        pytest.param({"AWS_PROFILE": "nobody"}, "nobody.*; look at .*AWS_PROFILE", id="an unknown profile"),
        pytest.param({"AWS_CONFIG_FILE": "{broken}"}, "AWS_CONFIG_FILE", id="a broken file"),
        pytest.param({}, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", id="no credentials"),
        pytest.param({"AWS_ACCESS_KEY_ID": "a"}, "AWS_SECRET_ACCESS_KEY", id="half of the credentials"),
    ],
)
def test_what_aws_variables_name_and_is_not_there_is_named(
    environ: dict[str, str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "config"
    broken.write_text("[default\nregion")
    for name, value in environ.items():
        monkeypatch.setenv(name, value.format(broken=broken))
    with pytest.raises(SettingsError, match=said):
        open_store("s3://bucket/live", endpoint_url="http://127.0.0.1:9").latest()


@pytest.mark.parametrize("endpoint", ["127.0.0.1:9000", "http://", "nonsense"])
def test_an_endpoint_that_is_no_address_is_named(endpoint: str) -> None:
    with pytest.raises(SettingsError, match="FRAUD_S3_ENDPOINT_URL"):
        open_store("s3://bucket/live", endpoint_url=endpoint)


@pytest.mark.slow
def test_an_endpoint_at_which_nobody_listens_is_named(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    (port,) = free_ports(1)
    with pytest.raises(FraudError, match=f"{port}.*FRAUD_S3_ENDPOINT_URL"):
        open_store(f"s3://{BUCKET}/live", endpoint_url=f"http://127.0.0.1:{port}").latest()
