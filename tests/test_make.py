"""The words of the Makefile: an environment belongs to the folder that it was made in, long test files go first."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.longest import LONGEST


@pytest.mark.parametrize(
    ("made_in", "again"),
    [
        pytest.param("{here}/.venv", False, id="here"),
        pytest.param("", False, id="by an earlier version, which did not say"),
        pytest.param("/somewhere/else/.venv", True, id="in another folder"),
    ],
)
def test_an_environment_that_was_copied_from_elsewhere_is_pointed_here(
    tmp_path: Path, made_in: str, again: bool
) -> None:
    for name in ("requirements.lock", "pyproject.toml", "Makefile"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/.ready").write_text(made_in.format(here=tmp_path) + "\n")

    environ = {"PATH": os.environ["PATH"]}
    said = subprocess.run(
        ["make", "--dry-run", "serve"], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True
    ).stdout

    assert ("s|/somewhere/else/.venv|" in said) == again
    assert ("copied or renamed: its environment is pointed from /somewhere/else" in said) == again
    assert "mlflow-fraud serve" in said


def test_every_file_that_goes_first_is_there() -> None:
    assert [name for name in LONGEST if not (ROOT / "tests" / name).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST)
