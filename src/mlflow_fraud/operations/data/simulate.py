"""The built-in data: its batch, and the labelled months that follow it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl

from mlflow_fraud.adapters import dvc_repo
from mlflow_fraud.adapters.files import replacing
from mlflow_fraud.paths import KINDS, raw_folder
from mlflow_fraud.settings import load_params
from mlflow_fraud.simulation import SimulationPlan, simulate_kinds
from mlflow_fraud.stages.pinned import is_pinned
from mlflow_fraud.stages.run import say

SIMULATED = "simulated"
BUILT_IN = "????-??-??_????-??-??.csv.dvc"
"""The pointer of a built-in batch, named by its first and last day; a month of `simulate_stream` has one day."""
STREAM_DAYS = 30


def simulate_batch() -> Path:
    """Make the built-in data set's batch, unless the pinned one is there; return where it lies.

    Which kind each fraud is of lies in `.local/kinds`, since no bank would know it. The batch takes the place of the
    one that other settings of `simulation` made, so that no pointer stays without a file.
    """
    told = load_params().simulation
    last = told.start + timedelta(days=told.days - 1)
    target = raw_folder(SIMULATED) / f"{told.start}_{last}.csv"
    if is_pinned(target):
        say(f"{target} is there and as pinned")
        return target
    plan = SimulationPlan(**told.model_dump())
    say(f"making {target}: {plan.transactions:,} transactions expected, seed {plan.seed}")
    batch, kinds = simulate_kinds(plan)
    _write_csv(KINDS / target.name, kinds)
    _write_csv(target, batch)
    dvc_repo.pin(target)
    for pointer in target.parent.glob(BUILT_IN):
        if pointer.with_suffix("") != target:
            pointer.with_suffix("").unlink(missing_ok=True)
            pointer.unlink()
            say(f"{pointer.with_suffix('')} is gone: it was made with other settings of `simulation:`")
    return target


def simulate_stream(scenario: str, months: int, folder: Path) -> list[Path]:
    """Write the `months` of 30 days that follow the built-in data, one CSV each, under a scenario.

    The cards and merchants are those of the built-in data; the labels have all arrived. Which kind each fraud is of
    lies in the folder `kinds` beside them.
    """
    built_in = SimulationPlan(**load_params().simulation.model_dump())
    plan = replace(built_in.following(STREAM_DAYS), scenario=scenario, scenario_from=None)
    files = []
    for month in range(months):
        files.append(folder / f"{plan.start}.csv")
        batch, kinds = simulate_kinds(plan)
        _write_csv(folder / KINDS.name / files[-1].name, kinds)
        _write_csv(files[-1], batch)
        plan = plan.following(STREAM_DAYS)
        say(f"{files[-1]}: month {month + 1} of {scenario}")
    return files


def _write_csv(target: Path, frame: pl.DataFrame) -> None:
    with replacing(target) as pending:
        frame.write_csv(pending)
