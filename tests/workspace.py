"""A small workspace in which every stage has really run once."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import date
from pathlib import Path

import pytest
import yaml

from mlflow_fraud.adapters.dvc_lock import md5_of
from mlflow_fraud.core.learning.candidates import CANDIDATES
from mlflow_fraud.core.learning.split import BETWEEN, PARTS
from mlflow_fraud.paths import SHIPPED, TRANSACTIONS, model_folder, part_file
from mlflow_fraud.simulation import SimulationPlan, simulate
from tests.conftest import ROOT, write_pointer
from tests.once import made_once

PLAN = SimulationPlan(start=date(2020, 1, 1), days=240, transactions=16_000, cards=60, merchants=60, fraud_rate=0.015)


def small_params() -> dict[str, object]:
    """Return the shipped parameters with less of everything."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["datasets"]["simulated"]["split"] |= {"validation_days": 50, "test_days": 50}
    params["train"] |= {"forest": params["train"]["forest"] | {"trees": 10, "max_depth": 8}}
    params["train"]["xgboost"] |= {"rounds": 40, "eta": 0.2, "max_depth": 4}
    params["train"]["logistic"] |= {"bins": 6}
    params["compare"] |= {"min_frauds": 5, "floors": {"average_precision": 0.1}}
    return params


@pytest.fixture(scope="session")
def trained_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all outputs of all stages; copied before a test may change it."""
    return made_once(tmp_path_factory, "workspace", _train)


def _train(folder: Path) -> None:
    shutil.copytree(ROOT / "data/contracts", folder / "data/contracts")
    (folder / "data/raw/simulated").mkdir(parents=True)
    simulate(PLAN).write_csv(folder / "data/raw/simulated/2020.csv")
    write_pointer(folder / "data/raw/simulated/2020.csv")
    (folder / "params.yaml").write_text(yaml.safe_dump(small_params()))
    commit(folder)
    before = Path.cwd()
    os.chdir(folder)
    try:
        run_all_stages()
    finally:
        os.chdir(before)


def run_all_stages() -> None:
    """Run every stage in the current folder, and pin what they left."""
    from mlflow_fraud.stages.ingest import ingest
    from mlflow_fraud.stages.preprocess import preprocess
    from mlflow_fraud.stages.ship import ship
    from mlflow_fraud.stages.train import train
    from mlflow_fraud.stages.validate import validate

    ingest()
    validate()
    preprocess()
    for candidate in CANDIDATES:
        train(candidate)
    ship()
    pin()


def pin() -> None:
    """Write the `dvc.lock` that `dvc repro` would leave, as far as it tells where a candidate comes from."""
    params = yaml.safe_load(Path("params.yaml").read_text())
    features = [part_file(part) for part in (*PARTS, BETWEEN)]
    stages = {"ingest": _locked([], [TRANSACTIONS]), "preprocess": _locked([TRANSACTIONS], features)}
    for name in CANDIDATES:
        told = {"train.seed": params["train"]["seed"], f"train.{name}": params["train"][name]}
        stages[f"train@{name}"] = _locked(features, [model_folder(name) / "model"]) | {"params": {"params.yaml": told}}
    stages["ship"] = _locked(features, [model_folder(SHIPPED) / "model"]) | {"params": {"params.yaml": {}}}
    Path("dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))


def _locked(found: list[Path], left: list[Path]) -> dict[str, object]:
    deps, outs = ([{"path": str(path), "md5": md5_of(path)} for path in each] for each in (found, left))
    return {"deps": deps, "outs": outs}


def commit(folder: Path) -> None:
    """Make a git repository of the folder, with a commit that its releases can name."""
    who = ("-c", "user.name=A Tester", "-c", "user.email=tester@bank.example")
    for words in (("init", "--quiet"), (*who, "commit", "--quiet", "--allow-empty", "--message", "First")):
        subprocess.run(["git", *words], cwd=folder, check=True)


@pytest.fixture
def workspace(trained_workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the trained workspace, entered."""
    shutil.copytree(trained_workspace, tmp_path / "workspace")
    monkeypatch.chdir(tmp_path / "workspace")
    return tmp_path / "workspace"
