"""How raw batches get in: read and gated in a temporary place first, pinned only when they pass."""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import yaml

from mlflow_fraud.adapters import dvc_repo, gx_contract
from mlflow_fraud.adapters.files import md5, replacing, write_parquet, write_text
from mlflow_fraud.adapters.raw_files import find_batches, read_batches
from mlflow_fraud.core.contract import Contract
from mlflow_fraud.core.errors import SettingsError, nearest
from mlflow_fraud.settings import PARAMS_FILE, Params, load_contract, load_params
from mlflow_fraud.simulation import SimulationPlan, simulate
from mlflow_fraud.stages.run import say
from mlflow_fraud.stages.validate import require_passed

SIMULATED = "simulated"
STREAM_DAYS = 30


def simulate_batch() -> Path:
    """Make the built-in data set's batch, unless the pinned one is there; return where it lies."""
    told = load_params().simulation
    last = told.start + timedelta(days=told.days - 1)
    target = Path("data/raw") / SIMULATED / f"{told.start}_{last}.csv"
    if is_pinned(target):
        say(f"{target} is there and as pinned")
        return target
    plan = SimulationPlan(**told.model_dump())
    _write_csv(target, simulate(plan))
    dvc_repo.pin(target)
    say(f"{target}: {plan.transactions:,} transactions expected, seed {plan.seed}")
    return target


def simulate_stream(scenario: str, months: int, folder: Path) -> list[Path]:
    """Write the `months` of 30 days that follow the built-in data, one CSV each, under a scenario.

    The cards and merchants are those of the built-in data; the labels have all arrived.
    """
    built_in = SimulationPlan(**load_params().simulation.model_dump())
    plan = replace(built_in.following(STREAM_DAYS), scenario=scenario, scenario_from=None)
    files = []
    for month in range(months):
        files.append(folder / f"{plan.start}.csv")
        _write_csv(files[-1], simulate(plan))
        plan = plan.following(STREAM_DAYS)
        say(f"{files[-1]}: month {month + 1} of {scenario}")
    return files


def add(source: Path, dataset: str) -> list[Path]:
    """Check the batches in `source` against the data set's contract, then pin them; return where they lie.

    Raises `DataError` when one is not what the contract says: then nothing has changed.
    """
    params = load_params()
    contract = _contract_of(dataset, params)
    folder = Path("data/raw") / dataset
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".incoming-") as scratch:
        batches = find_batches(source, Path(scratch))
        targets = [folder / batch.name for batch in batches]
        new = [(b, t) for b, t in zip(batches, targets, strict=True) if not is_pinned(t, like=b)]
        if not new:
            say(f"{len(targets)} batches of {dataset} are there and as pinned")
            return targets
        _gate([batch for batch, _ in new], contract, Path(scratch) / "incoming.parquet")
        for batch, target in new:
            with replacing(target) as pending:
                shutil.copyfile(batch, pending)
            dvc_repo.pin(target)
            say(f"{target}: pinned")
    return targets


def use(dataset: str) -> None:
    """Let `params.yaml` name `dataset` as the active one; its comments stay."""
    _contract_of(dataset, load_params())
    text = PARAMS_FILE.read_text(encoding="utf-8")
    changed = re.sub(r"(?m)^dataset: \S+", f"dataset: {dataset}", text, count=1)
    if changed != text:
        write_text(PARAMS_FILE, changed)
        say(f"{PARAMS_FILE} now names the data set {dataset}")


def is_pinned(target: Path, *, like: Path | None = None) -> bool:
    """Return whether the file is there with the content that its pointer names (and that `like` has)."""
    pointer = target.with_name(target.name + ".dvc")
    if not (target.is_file() and pointer.is_file()):
        return False
    named = yaml.safe_load(pointer.read_text(encoding="utf-8"))["outs"][0]["md5"]
    return bool(named == md5(target) and (like is None or named == md5(like)))


def _gate(batches: list[Path], contract: Contract, table: Path) -> None:
    frame = read_batches(batches, contract)
    write_parquet(table, frame)
    report = gx_contract.check(table, contract)
    require_passed(report)
    say(f"{len(batches)} batches, {report.rows:,} rows: all {len(report.findings)} rules of {contract.name} hold")


def _contract_of(dataset: str, params: Params) -> Contract:
    if dataset not in params.datasets:
        raise SettingsError(f"no data set is called {dataset}, {nearest(dataset, params.datasets)}")
    return load_contract(params.datasets[dataset].contract)


def _write_csv(target: Path, frame: pl.DataFrame) -> None:
    with replacing(target) as pending:
        frame.write_csv(pending)
