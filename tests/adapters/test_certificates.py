"""A variable that names certificates which are not there is one sentence, at the start of whatever is run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlflow_fraud.adapters.certificates import EITHER, FILES, FOLDERS, require_certificates
from mlflow_fraud.core.errors import SettingsError
from tests.conftest import ROOT


@pytest.mark.parametrize("name", [*FILES, *FOLDERS, *EITHER])
def test_what_is_not_there_is_said_with_its_variable(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"^{name} is .*gone.*unset it$"):
        require_certificates({name: str(tmp_path / "gone")})
    require_certificates({name: ""})


def test_a_file_is_no_folder_and_a_folder_no_file(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("certificates")
    for name in (*FILES, *EITHER):
        require_certificates({name: str(file)})
    for name in (*FOLDERS, *EITHER):
        require_certificates({name: str(tmp_path)})
    for name, path in [(FILES[0], tmp_path), (FOLDERS[0], file)]:
        with pytest.raises(SettingsError, match=name):
            require_certificates({name: str(path)})


def test_of_several_folders_one_is_enough(tmp_path: Path) -> None:
    require_certificates({"SSL_CERT_DIR": f"/nowhere{os.pathsep}{tmp_path}"})


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param([Path(sys.executable).with_name("mlflow-fraud"), "track"], id="a command"),
        pytest.param([sys.executable, "-m", "mlflow_fraud.stages.ingest"], id="a stage"),
        pytest.param([sys.executable, "-m", "flows.validation"], id="a flow"),
    ],
)
def test_nothing_begins_with_it(typed: list[str | Path], tmp_path: Path) -> None:
    environ = os.environ | {"SSL_CERT_FILE": "/nowhere/ca.pem", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(typed, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: SSL_CERT_FILE is /nowhere/ca.pem")
    assert list(tmp_path.iterdir()) == []
