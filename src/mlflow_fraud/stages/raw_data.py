"""How raw batches get in: read and gated in a temporary place first, pinned only when they pass."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import yaml

from mlflow_fraud.adapters import dvc_repo, gx_contract
from mlflow_fraud.adapters.files import md5, replacing, write_parquet, write_text
from mlflow_fraud.adapters.raw_files import batch_name, find_batches, read_batches
from mlflow_fraud.core.contract import BATCH, Contract
from mlflow_fraud.core.errors import DataError, SettingsError, nearest
from mlflow_fraud.core.gate.findings import Report
from mlflow_fraud.settings import PARAMS_FILE, Params, load_contract, load_params
from mlflow_fraud.simulation import SimulationPlan, simulate
from mlflow_fraud.stages.as_of import require_past
from mlflow_fraud.stages.run import say
from mlflow_fraud.stages.validate import require_passed

SIMULATED = "simulated"
STREAM_DAYS = 30
PULL_REQUEST = """to open a pull request with it:
  git checkout -b data-{name}
  git add {folder}
  git commit -m "Data: {name}"
  dvc push
  git push -u origin data-{name}"""


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


def add(source: Path, dataset: str, *, backwards: bool = False) -> list[Path]:
    """Check the batches in `source` with all that is pinned against the contract, then pin them; return where they lie.

    Raises `DataError` when they are not what the contract says, reach into the future, or begin before the end of
    what is pinned (unless `backwards` says that this is meant): then nothing has changed.
    """
    params = load_params()
    contract = _contract_of(dataset, params)
    folder = Path("data/raw") / dataset
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".incoming-") as scratch:
        batches = find_batches(source, Path(scratch))
        targets = [folder / batch.name for batch in batches]
        new = {
            target: batch for batch, target in zip(batches, targets, strict=True) if not is_pinned(target, like=batch)
        }
        if not new:
            say(f"{len(targets)} batches of {dataset} are there and as pinned")
            return targets
        history = _history(folder, new)
        frame = read_batches([*history, *new.values()], contract)
        require_past(frame)
        if not backwards:
            _require_forwards(frame, {batch_name(file) for file in history})
        _gate(frame, contract, Path(scratch) / "incoming.parquet")
        for target, batch in new.items():
            with replacing(target) as pending:
                shutil.copyfile(batch, pending)
            dvc_repo.pin(target)
            say(f"{target}: pinned")
    say(PULL_REQUEST.format(name=batch_name(next(iter(new))), folder=folder))
    return targets


def check(source: Path, dataset: str, to: Path) -> Report:
    """Return what the gate finds in `source` beside all that is pinned; nothing is pinned, no stage is run.

    The folder `to` gets the data docs, `summary.md`, which says the same as their first page, and `report.json`.
    """
    contract = _contract_of(dataset, load_params())
    folder = Path("data/raw") / dataset
    with tempfile.TemporaryDirectory() as scratch:
        batches = find_batches(source, Path(scratch))
        history = _history(folder, [folder / batch.name for batch in batches])
        frame = read_batches([*history, *batches], contract)
        require_past(frame)
        table = Path(scratch) / "incoming.parquet"
        write_parquet(table, frame)
        report = gx_contract.check(table, contract, docs=to)
    write_text(to / "report.json", report.to_json())
    write_text(to / "summary.md", report.to_markdown())
    return report


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


def _history(folder: Path, new: Collection[Path]) -> list[Path]:
    """Return the pinned batches that stay beside the new ones; raise `DataError` where one is not there."""
    files = [pointer.with_suffix("") for pointer in sorted(folder.glob("*.dvc"))]
    kept = [file for file in files if file not in new]
    absent = [file.name for file in kept if not file.is_file()]
    if absent:
        raise DataError(
            f"a new batch is held against those before, but {', '.join(absent)} of {folder} is pinned and not here; "
            "`dvc pull` fetches what is pinned, `mlflow-fraud data simulate` makes the built-in batch"
        )
    return kept


def _require_forwards(frame: pl.DataFrame, history: set[str]) -> None:
    old = pl.col(BATCH).is_in(history)
    end, begin = frame.filter(old)["event_time"].max(), frame.filter(~old)["event_time"].min()
    if isinstance(end, datetime) and isinstance(begin, datetime) and begin < end:
        raise DataError(
            f"the new rows begin on {begin}, before the end of what is pinned, {end}; "
            "add --backwards if they are meant to reach back"
        )


def _gate(frame: pl.DataFrame, contract: Contract, table: Path) -> None:
    write_parquet(table, frame)
    report = gx_contract.check(table, contract)
    for finding in report.warnings:
        say(f"warning: {finding.sentence}")
    require_passed(report)
    held = len(report.findings) - len(report.warnings)
    say(f"{report.rows:,} rows with what was pinned: {held} of {len(report.findings)} rules of {contract.name} hold")


def _contract_of(dataset: str, params: Params) -> Contract:
    if dataset not in params.datasets:
        raise SettingsError(f"no data set is called {dataset}, {nearest(dataset, params.datasets)}")
    return load_contract(params.datasets[dataset].contract)


def _write_csv(target: Path, frame: pl.DataFrame) -> None:
    with replacing(target) as pending:
        frame.write_csv(pending)
