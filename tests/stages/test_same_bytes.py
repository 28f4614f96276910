"""Whatever the processor, the threads and the hash seed: every file that `dvc.lock` names has the same bytes.

Another processor is played by what libraries choose from by its kind: OpenBLAS's kernels, numpy's vector code and the
C library's fused multiply and add.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from numpy._core import _multiarray_umath as numpy_core

from mlflow_fraud.core.learning.candidates import CANDIDATES
from tests.conftest import ROOT

RUN = """
from mlflow_fraud.stages import ingest, preprocess, ship, train, validate
train.track_if_possible = ship.track_if_possible = lambda candidate, git_sha: None
ingest.ingest(); validate.validate(); preprocess.preprocess()
for candidate in train.CANDIDATES:
    train.train(candidate)
ship.ship()
"""

OLD_C_LIBRARY = "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX2_Usable,-FMA_Usable"

MACHINES = {
    "one core": {
        "OPENBLAS_CORETYPE": "Haswell",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "POLARS_MAX_THREADS": "1",
        "PYTHONHASHSEED": "1",
    },
    "an older one with three cores": {
        "OPENBLAS_CORETYPE": "Prescott",
        "OMP_NUM_THREADS": "2",
        "OPENBLAS_NUM_THREADS": "2",
        "POLARS_MAX_THREADS": "3",
        "PYTHONHASHSEED": "2",
        "NPY_DISABLE_CPU_FEATURES": " ".join(numpy_core.__cpu_dispatch__),
        "GLIBC_TUNABLES": OLD_C_LIBRARY,
    },
    "a newer one": {
        "OPENBLAS_CORETYPE": "Zen",
        "OMP_NUM_THREADS": "4",
        "OPENBLAS_NUM_THREADS": "4",
        "POLARS_MAX_THREADS": "5",
    },
}


def bytes_on(machine: str, workspace: Path, folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file that the stages make of the workspace's raw data on such a machine."""
    shutil.copytree(workspace / "data/raw", folder / "data/raw")
    shutil.copytree(workspace / "data/contracts", folder / "data/contracts")
    shutil.copy(workspace / "params.yaml", folder)
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "GOMP_SPINCOUNT": "0", **MACHINES[machine]}
    subprocess.run([sys.executable, "-c", RUN], cwd=folder, env=environ, check=True, capture_output=True, timeout=280)
    files = sorted(path for path in (folder / "data").rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.slow
def test_every_file_has_the_same_bytes_on_another_machine(trained_workspace: Path, tmp_path: Path) -> None:
    found = {machine: bytes_on(machine, trained_workspace, tmp_path / machine) for machine in MACHINES}
    one, *others = found.values()
    made = {f"data/models/{candidate}/metrics.json" for candidate in (*CANDIDATES, "shipped")}
    assert made | {
        "data/models/shipped/model/honest.parquet",
        "data/features/train.parquet",
        "data/validation/report.json",
    } <= set(one)
    for other in others:
        assert {name for name in one | other if one.get(name) != other.get(name)} == set()
