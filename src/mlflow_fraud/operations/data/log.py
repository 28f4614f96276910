"""What is pinned: one line for each raw batch."""

from __future__ import annotations

from pathlib import Path

from mlflow_fraud.adapters import git_repo
from mlflow_fraud.adapters.raw_batches import batch_name
from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.contract.pseudonym_key import PseudonymKey
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.environment import load_environment
from mlflow_fraud.paths import raw_folder
from mlflow_fraud.settings import load_contract, load_params
from mlflow_fraud.stages.pinned import pinned_in

HEADS = ("batch", "from", "to", "rows", "fraud rate", "md5", "commit")


def log(dataset: str = "") -> str:
    """Return the pinned batches of a data set (the active one by default) as a table, oldest first.

    A batch that is pinned and not here has no more than its hash and its commit. Raises `DataError` where none is.
    """
    params = load_params()
    name = dataset or params.dataset
    described = params.described(name)
    pinned = pinned_in(raw_folder(name))
    if not pinned:
        raise DataError(f"nothing of {name} is pinned; `mlflow-fraud data add <file> --dataset {name}` adds a batch")
    contract = load_contract(described.contract)
    key = load_environment().key
    lines = [_line(file, digest[:12], contract, key) for file, digest in pinned.items()]
    return _table([HEADS, *sorted(lines, key=lambda line: (line[1], line[0]))])


def _line(file: Path, digest: str, contract: Contract, key: PseudonymKey | None) -> tuple[str, ...]:
    commit = git_repo.last_commit_of(file.with_name(file.name + ".dvc")) or "not committed"
    if not file.is_file():
        return (batch_name(file), "not here", "`dvc pull`", "", "", digest, commit)
    rows = read_batches([file], contract, key=key)
    times = rows["event_time"]
    rate = f"{rows['label'].sum() / max(rows['label'].count(), 1):.3%}"
    return (batch_name(file), f"{times[0]:%Y-%m-%d}", f"{times[-1]:%Y-%m-%d}", f"{len(rows):,}", rate, digest, commit)


def _table(lines: list[tuple[str, ...]]) -> str:
    widths = [max(len(line[place]) for line in lines) for place in range(len(HEADS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
