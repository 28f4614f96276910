"""Batches that are pinned and not here, or not as pinned, are named before work begins; others are no matter."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mlflow_fraud.adapters import dvc_repo
from mlflow_fraud.core.errors import DataError, StageFailed
from mlflow_fraud.operations.data.up_to_date import require_batches_here, require_up_to_date
from tests.conftest import ROOT


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with the shipped parameters, an empty graph, and one pinned batch of the active data set."""
    monkeypatch.chdir(tmp_path)
    for command in (["git", "init", "--quiet"], ["dvc", "init", "--quiet"]):
        subprocess.run(command, check=True)
    Path("params.yaml").write_text((ROOT / "params.yaml").read_text())
    Path("dvc.yaml").write_text("stages: {}\n")
    pin(Path("data/raw/simulated/a.csv"), "a,b\n1,2\n")
    return tmp_path


def pin(batch: Path, text: str) -> Path:
    batch.parent.mkdir(parents=True, exist_ok=True)
    batch.write_text(text)
    dvc_repo.pin(batch)
    return batch


@pytest.mark.slow
def test_what_another_data_set_has_pinned_need_not_be_here(project: Path) -> None:
    pin(Path("data/raw/terminals/b.csv"), "b\n1\n").unlink()

    require_batches_here()
    require_up_to_date()


@pytest.mark.slow
def test_a_batch_that_is_pinned_and_not_here_is_named(project: Path) -> None:
    Path("data/raw/simulated/a.csv").unlink()

    with pytest.raises(DataError, match=r"a\.csv of data/raw/simulated is pinned and not here; `dvc pull`"):
        require_batches_here()
    with pytest.raises(StageFailed, match=r"not up to date after all stages ran: data/raw/simulated/a\.csv\.dvc"):
        require_up_to_date()


def test_a_batch_that_somebody_edited_is_named_with_the_way_back(project: Path) -> None:
    Path("data/raw/simulated/a.csv").write_text("a,b\n1,3\n")

    with pytest.raises(DataError, match=r"data/raw/simulated/a\.csv is not as it is pinned; `dvc checkout"):
        require_batches_here()


def test_a_pointer_that_dvc_cannot_read_is_an_error_and_not_up_to_date(project: Path) -> None:
    Path("data/raw/simulated/a.csv.dvc").write_text("<<<<<<< ours\n")

    with pytest.raises(StageFailed, match="dvc status: "):
        require_up_to_date()
