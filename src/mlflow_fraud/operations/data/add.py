"""How raw batches get in: read and gated in a temporary place first, pinned only when they pass."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from mlflow_fraud.adapters import dvc_repo, gx_contract
from mlflow_fraud.adapters.files import replacing, write_parquet, write_text
from mlflow_fraud.adapters.forgotten_list import forgotten_in
from mlflow_fraud.adapters.raw_batches import batch_name, find_batches
from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.core.contract.contract import BATCH, Contract
from mlflow_fraud.core.contract.pseudonym_key import PseudonymKey, pseudonyms_of
from mlflow_fraud.core.counted import counted, listed
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.gate.findings import Report
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.as_of import require_past
from mlflow_fraud.operations.data.gating import holding, require_let_in
from mlflow_fraud.operations.data.hiding import hidden
from mlflow_fraud.operations.data.intake import intake
from mlflow_fraud.paths import forgotten_list, raw_folder
from mlflow_fraud.settings import contract_of, load_params
from mlflow_fraud.stages.pinned import is_pinned, pinned_in, require_as_pinned
from mlflow_fraud.stages.run import say, taking_long

PULL_REQUEST = """to open a pull request with it:
  git checkout -b data-{name}
  git add {changed}
  git commit -m "Data: {name}"
  dvc push    # where to: `mlflow-fraud data remote <url>`, once
  git push -u origin data-{name}"""


def add(
    source: Path, dataset: str, *, backwards: bool = False, replace: bool = False, also: Sequence[Path] = ()
) -> list[Path]:
    """Check the batches in `source` with all that is pinned against the contract, then pin them; return where they lie.

    Raises `DataError` when they are not what the contract says, reach into the future, begin before the end of what is
    pinned (unless `backwards` says that this is meant), or have the name of a pinned batch with other rows (unless
    `replace` says that these are to go), and `SettingsError` where the contract pins another key: then nothing has
    changed. A batch with plain values in a secret column is pinned with pseudonyms in their place. What goes into a
    commit is said, with what is to go in `also`.
    """
    contract, key = contract_of(load_params().described(dataset)), load_environment().key
    pseudonyms_of(contract, key)
    folder = raw_folder(dataset)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".incoming-") as scratch:
        batches = hidden(find_batches(source, Path(scratch), say), contract, key, Path(scratch))
        targets = [folder / batch.name for batch in batches]
        new, replaced = intake(batches, folder)
        if not new:
            are = "is" if len(targets) == 1 else "are"
            say(f"{counted(len(targets), 'batch', 'batches')} of {dataset} {are} there and as pinned")
            return targets
        if replaced:
            _tell_what_goes(new, replaced, contract, key, meant=replace)
        history = _history(folder, [*new, *replaced.values()])
        forgotten = forgotten_in(forgotten_list(contract.name))
        frame = read_batches([*history, *new.values()], contract, say, key=key, forgotten=forgotten)
        require_past(frame)
        if not backwards:
            _require_forwards(frame, history, [batch for target, batch in new.items() if target not in replaced])
        require_let_in(frame, contract, Path(scratch) / "incoming.parquet")
        for target, batch in new.items():
            with replacing(target) as pending:
                shutil.copyfile(batch, pending)
            dvc_repo.pin(target)
            _take_out(replaced.get(target, target), new)
            say(f"{target}: pinned")
    say(PULL_REQUEST.format(name=_branch_name(next(iter(new))), changed=" ".join(map(str, (folder, *also)))))
    return targets


def check(source: Path, dataset: str, to: Path, *, replace: bool = False) -> Report:
    """Return what the gate finds in `source` beside all that is pinned; nothing is pinned, no stage is run.

    The folder `to` gets the data docs, `summary.md`, which says the same as their first page, and `report.json`.
    """
    contract, key = contract_of(load_params().described(dataset)), load_environment().key
    folder = raw_folder(dataset)
    with tempfile.TemporaryDirectory() as scratch:
        batches = hidden(find_batches(source, Path(scratch), say), contract, key, Path(scratch))
        new, replaced = intake(batches, folder)
        if replaced:
            _tell_what_goes(new, replaced, contract, key, meant=replace)
        history = _history(folder, [*(folder / batch.name for batch in batches), *replaced.values()])
        forgotten = forgotten_in(forgotten_list(contract.name))
        frame = read_batches([*history, *batches], contract, say, key=key, forgotten=forgotten)
        require_past(frame)
        table = Path(scratch) / "incoming.parquet"
        with taking_long(holding(frame, contract)):
            write_parquet(table, frame)
            report = gx_contract.check(table, contract, docs=to)
    write_text(to / "report.json", report.to_json())
    write_text(to / "summary.md", report.to_markdown())
    return report


def _tell_what_goes(
    new: dict[Path, Path], replaced: dict[Path, Path], contract: Contract, key: PseudonymKey | None, *, meant: bool
) -> None:
    """Say which pinned rows go for which others; raise `DataError` where nobody said that this is meant."""
    told = [
        (
            f"{new[target].name} ({_rows_of(new[target], contract, key)})",
            f"the pinned {old.name} ({_rows_that_go(old, contract, key)})",
        )
        for target, old in replaced.items()
    ]
    if not meant:
        sentences = listed([f"{ours} would replace {theirs}" for ours, theirs in told])
        raise DataError(
            f"{sentences}; give the file another name if both are to stay, or let the pinned rows go by "
            "`mlflow-fraud data add … --replace`"
        )
    for ours, theirs in told:
        say(f"{ours} replaces {theirs}")


def _rows_that_go(batch: Path, contract: Contract, key: PseudonymKey | None) -> str:
    if not is_pinned(batch):
        return "its rows are not here"
    try:
        return _rows_of(batch, contract, key)
    except DataError:  # pinned under an earlier contract or key, which is why it goes
        return "its rows are not what the contract says now"


def _rows_of(batch: Path, contract: Contract, key: PseudonymKey | None) -> str:
    rows = read_batches([batch], contract, key=key)
    first, last = rows["event_time"][0], rows["event_time"][-1]
    return f"{counted(len(rows), 'row')} from {first:%Y-%m-%d} to {last:%Y-%m-%d}"


def _take_out(old: Path, new: Collection[Path]) -> None:
    """Take a pinned batch and its pointer away, unless a new one lies in its place."""
    if old not in new:
        old.with_name(old.name + ".dvc").unlink()
        old.unlink(missing_ok=True)
        say(f"{old}: taken out")


def _branch_name(target: Path) -> str:
    """Return the batch's name with nothing in it that git or a shell would read otherwise.

    >>> _branch_name(Path("data/raw/cards/May 2020 (2).csv"))
    'May-2020-2'
    """
    return re.sub(r"[^A-Za-z0-9_-]+", "-", batch_name(target)).strip("-") or "batch"


def _history(folder: Path, gone: Collection[Path]) -> list[Path]:
    """Return the pinned batches that stay beside the new ones; raise `DataError` where one is not there."""
    kept = {file: digest for file, digest in pinned_in(folder).items() if file not in gone}
    require_as_pinned(kept)
    return list(kept)


def _require_forwards(frame: pl.DataFrame, history: Sequence[Path], new: Sequence[Path]) -> None:
    old, ours = ([batch_name(file) for file in files] for files in (history, new))
    end = frame.filter(pl.col(BATCH).is_in(old))["event_time"].max()
    begin = frame.filter(pl.col(BATCH).is_in(ours))["event_time"].min()
    if isinstance(end, datetime) and isinstance(begin, datetime) and begin < end:
        raise DataError(
            f"the new rows begin on {begin}, before the end of what is pinned, {end}; "
            "add --backwards if they are meant to reach back"
        )
