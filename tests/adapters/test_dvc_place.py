"""Where DVC cannot push to is said, and what was set before stays."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mlflow_fraud.adapters import dvc_repo
from mlflow_fraud.adapters.dvc_repo import set_remote
from mlflow_fraud.adapters.process import Ended
from mlflow_fraud.core.errors import SettingsError


@pytest.fixture(params=[None, "['remote \"store\"']\n    url = /shared\n"], ids=["nothing set", "a remote set"])
def local(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings of a DVC project entered that are this clone's own."""
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "--quiet"], check=True)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("")
    path = tmp_path / ".dvc/config.local"
    if request.param is not None:
        path.write_text(request.param)
    return path


def held(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


@pytest.mark.parametrize("url", ["foo://x", "s3:bucket", "s3://", " ", "file:///shared"])
def test_an_address_that_dvc_does_not_know_is_refused_with_those_that_it_does(local: Path, url: str) -> None:
    before = held(local)
    with pytest.raises(
        SettingsError, match=r"is no place that DVC can push to; expected a folder or .*s3://"
    ) as refused:
        set_remote(url)
    assert ".dvc/config" not in str(refused.value)
    assert held(local) == before


def test_what_dvc_itself_refuses_leaves_nothing_behind(local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half_done(*command: str, log: object) -> Ended:
        local.write_text("half of it")
        return Ended(255 if "modify" in command else 0, ["ERROR: this cannot be"])

    monkeypatch.setattr(dvc_repo, "_dvc", half_done)
    before = held(local)
    with pytest.raises(SettingsError, match="this cannot be"):
        set_remote("s3://bucket/dvc")
    assert held(local) == before
