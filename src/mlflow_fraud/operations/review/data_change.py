"""What a pull request does to the data: which batches, of which days, with how much fraud, and how unlike the rest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from mlflow_fraud.adapters import git_branch
from mlflow_fraud.adapters.raw_batches import batch_name, is_batch
from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.counted import listed
from mlflow_fraud.core.measuring.stability import population_stability_index, stability_of_shares
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.publication.newest import pointers
from mlflow_fraud.paths import POINTER, RAW, TRANSACTIONS
from mlflow_fraud.settings import contract_of, load_params

_OTHER_AND_SAME: tuple[Literal["anti"], Literal["semi"]] = ("anti", "semi")

LARGE = 0.25
"""By convention: a PSI above it is a large change (docs/metrics.md)."""


def data_change(base: str) -> str:
    """Return the difference of the pinned data of here and of the commit `base`, in Markdown.

    Numbers of rows alone are in it: no value of any payment.
    """
    now, before = pointers(), _pointers_at(base)
    new = [path for path, text in now.items() if before.get(path) != text]
    gone = sorted(before.keys() - now.keys())
    if not new and not gone:
        return "The data is that of the base branch.\n"
    folder = load_params().raw_folder
    batches = [path for path in new if Path(path).parent == folder]
    others = [path for path in new if path not in batches]
    files = [Path(path.removesuffix(POINTER)) for path in batches]
    here = [file for file in files if file.is_file() and is_batch(file)]
    said = _new_rows(here) if here and TRANSACTIONS.is_file() else ""
    for words, paths in (
        ("Taken out", gone),
        ("Also pinned, of other data sets or as corrections", others),
        ("New, and not here to be looked at", [] if said else batches),
    ):
        said += f"{words}: {listed([_name(path) for path in paths])}.\n" if paths else ""
    return said


def _new_rows(files: Sequence[Path]) -> str:
    """Return what is in new batches, beside all else that is pinned, and how unlike it they are."""
    contract, history = contract_of(load_params().active), pl.read_parquet(TRANSACTIONS)
    rows = {file: read_batches([file], contract, key=load_environment().key) for file in files}
    fresh = pl.concat([frame.select("event_id") for frame in rows.values()])
    rest, new = (history.join(fresh, on="event_id", how=how) for how in _OTHER_AND_SAME)
    lines = ["| pinned | from | to | rows | fraud rate |", "| --- | --- | --- | ---: | ---: |"]
    lines += [_line(f"new: {batch_name(file)}", frame) for file, frame in rows.items()]
    lines += [_line("all else", rest), _line("together", history)]
    return "\n".join(lines) + "\n\n" + _drift(contract, rest, new)


def _pointers_at(base: str) -> dict[str, str]:
    listed_there = git_branch.must("ls-tree", "-r", "-z", "--name-only", base, "--", RAW.as_posix()).split("\0")
    return {path: git_branch.content_at(base, path) or "" for path in listed_there if path.endswith(POINTER)}


def _name(path: str) -> str:
    return Path(path).name.removesuffix(POINTER)


def _line(name: str, rows: pl.DataFrame) -> str:
    if not len(rows):
        return f"| {name} | - | - | 0 | - |"
    times = rows["event_time"].sort()
    rate = rows["label"].sum() / max(rows["label"].count(), 1)
    return f"| {name} | {times[0]:%Y-%m-%d} | {times[-1]:%Y-%m-%d} | {len(rows):,} | {rate:.3%} |"


def _drift(contract: Contract, before: pl.DataFrame, new: pl.DataFrame) -> str:
    """Return each column's distance of the new rows from the others, the largest first."""
    found = {column: _distance(before[column], new[column]) for column in _watched(contract, before)}
    if not found or not len(before) or not len(new):
        return ""
    lines = ["| column | PSI of the new rows against all else |", "| --- | ---: |"]
    for column, distance in sorted(found.items(), key=lambda each: -each[1]):
        lines.append(f"| {column} | {distance:.3f}{' **large**' if distance > LARGE else ''} |")
    return "\n".join(lines) + "\n\n"


def _watched(contract: Contract, rows: pl.DataFrame) -> list[str]:
    """Return the columns that tell a payment's kind: no person, no place and no time is among them."""
    watched = [column.name for column in contract.kept if column.role in {"amount", "categorical", "numeric"}]
    return [name for name in watched if name in rows.columns]


def _distance(before: pl.Series, new: pl.Series) -> float:
    if before.dtype.is_numeric():
        values = (each.cast(pl.Float32).fill_null(np.nan).to_numpy() for each in (before, new))
        return population_stability_index(*values)
    values_of = pl.concat([before, new]).unique().sort()
    counts = (pl.DataFrame({"v": each}).group_by("v").len() for each in (before, new))
    shares = (
        pl.DataFrame({"v": values_of}).join(count, on="v", how="left", nulls_equal=True)["len"].fill_null(0).to_numpy()
        / max(int(count["len"].sum()), 1)
        for count in counts
    )
    return stability_of_shares(*shares)
