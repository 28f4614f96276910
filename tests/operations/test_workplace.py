"""What can be known before work begins is said then, in one line, and nothing was made."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.operations.workplace import findable, here, require_free_port
from tests.conftest import ROOT

OURS = Path(sys.executable).with_name("mlflow-fraud")


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """The project as an archive of it has it: without .git."""
    for name in ("params.yaml", "dvc.yaml", "dvc.lock", "prefect.toml", ".dvc/config"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "data/contracts", tmp_path / "data/contracts")
    return tmp_path


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_a_port_that_is_taken_is_said_before_the_service_begins() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"cannot listen on port {port} of 127\.0\.0\.1 .*--port"):
            require_free_port("127.0.0.1", port)
    require_free_port("127.0.0.1", port)


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param([OURS, "data", "simulate"], id="data simulate"),
        pytest.param([OURS, "data", "add", "june.csv"], id="data add"),
        pytest.param([OURS, "data", "bring", "june.csv", "data/contracts/sparkov.yaml"], id="data bring"),
        pytest.param([sys.executable, "-m", "flows.retraining"], id="retraining", marks=pytest.mark.slow),
    ],
)
def test_without_a_repository_nothing_begins(unpacked: Path, typed: list[str | Path]) -> None:
    (unpacked / "june.csv").write_text("amt\n1\n")
    before = files(unpacked)
    environ = os.environ | {"GIT_CEILING_DIRECTORIES": str(unpacked.parent), "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(typed, cwd=unpacked, env=environ, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: this folder is in no git repository")
    assert "clone the project with git, or `git init" in line
    assert files(unpacked) == before


@pytest.mark.parametrize("entered", [True, False], ids=["in the worker's clone", "at a desk"])
def test_a_path_in_a_message_is_whole_only_where_a_worker_says_it(
    entered: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAUD_CLONE", str(tmp_path))
    monkeypatch.chdir(tmp_path if entered else tmp_path.parent)
    file = Path(".local/refused/cards")
    assert findable(file) == (tmp_path / file if entered else file)
    assert here() == (f"in {tmp_path}" if entered else "here")
