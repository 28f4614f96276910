"""A DVC remote on an S3 server of one's own: what was pushed comes back, what was changed there does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlflow_fraud.adapters.proxies import spare_loopback
from mlflow_fraud.operations.data.remote import use_remote
from tests.s3_server import BUCKET, S3Server

pytestmark = pytest.mark.slow


def dvc(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def project(s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DVC project with a pinned batch, its remote on the server, entered."""
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FRAUD_S3_ENDPOINT_URL", s3_server.endpoint_url)
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "--quiet"], check=True)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("")
    (tmp_path / "june.csv").write_text("amount\n1.00\n")
    assert dvc("add", "--quiet", "june.csv").returncode == 0
    use_remote(f"s3://{BUCKET}/{tmp_path.name}")
    return tmp_path


def forget(project: Path) -> None:
    subprocess.run(["rm", "-rf", "june.csv", ".dvc/cache"], check=True, cwd=project)


def test_what_was_pushed_comes_back_past_a_proxy(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"NO_PROXY": "bank.example", "no_proxy": "", "HTTP_PROXY": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)
    spare_loopback(os.environ)
    pushed = dvc("push")
    assert pushed.returncode == 0, pushed.stderr
    forget(project)
    pulled = dvc("pull")
    assert pulled.returncode == 0, pulled.stderr
    assert (project / "june.csv").read_text() == "amount\n1.00\n"


def test_what_was_changed_on_the_server_is_refused(project: Path, s3_server: S3Server) -> None:
    assert dvc("push").returncode == 0
    client = s3_server.client()
    found = client.list_objects_v2(Bucket=BUCKET, Prefix=f"{project.name}/")["Contents"]  # type: ignore[attr-defined]
    for each in found:
        client.put_object(Bucket=BUCKET, Key=each["Key"], Body=b"changed")  # type: ignore[attr-defined]
    forget(project)
    assert dvc("pull").returncode != 0
    assert not (project / "june.csv").exists()


def test_another_remote_takes_the_place_of_the_first(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FRAUD_S3_ENDPOINT_URL")
    use_remote(str(project / "shared"))
    told = (project / ".dvc/config.local").read_text()
    assert "endpointurl" not in told
    assert "s3://" not in told
    assert dvc("push").returncode == 0
    assert list((project / "shared").rglob("*"))
