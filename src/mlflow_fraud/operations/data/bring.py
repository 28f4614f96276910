"""A data set of one's own gets its place in `params.yaml`: contract, split by dates, features that it can give."""

from __future__ import annotations

import shutil
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from mlflow_fraud.adapters.files import replacing, write_bytes, write_text
from mlflow_fraud.adapters.raw_batches import find_batches
from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.adapters.raw_sample import csv_form_of, read_sample
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.contract.pseudonym_key import PseudonymKey, pseudonyms_of
from mlflow_fraud.core.describing.drafting import draft
from mlflow_fraud.core.errors import DataError, FraudError, SettingsError
from mlflow_fraud.core.features.fitting import fit_features
from mlflow_fraud.core.learning.split import PARTS, SplitRule, borders, part, told_within
from mlflow_fraud.core.strict import parse
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.data.add import add
from mlflow_fraud.operations.data.use import use
from mlflow_fraud.paths import CONTRACTS, PARAMS_FILE
from mlflow_fraud.settings import load_contract, load_params
from mlflow_fraud.stages.run import say, taking_long

WHOLE_DAYS = 10
"""Data of so many days is cut at midnights, shorter data at any time of day."""
SAMPLE_ROWS = 10_000
TENTHS = 2
"""Of the days, so many tenths are the test, and so many before them the validation."""


def bring(contract_file: Path, source: Path, label_delay_days: int = 0) -> None:
    """Describe the data set of a contract, check and pin `source`, make it the active one; all of it or nothing."""
    before = PARAMS_FILE.read_bytes() if PARAMS_FILE.is_file() else b""
    contracts = set(CONTRACTS.glob("*.yaml"))
    try:
        name = describe(contract_file, source, label_delay_days)
        add(source, name, also=(CONTRACTS / f"{name}.yaml", PARAMS_FILE))
    except FraudError:
        if before:
            write_bytes(PARAMS_FILE, before)
        for added in set(CONTRACTS.glob("*.yaml")) - contracts:
            added.unlink()
        raise
    use(name)


def describe(contract_file: Path, source: Path, label_delay_days: int = 0) -> str:
    """Let `params.yaml` describe the data set of a contract, by the time that `source` spans; return its name.

    A data set that is described already stays as it is. Raises `SettingsError` where another contract has the name, or
    pins another key.
    """
    contract, key = load_contract(contract_file), load_environment().key
    pseudonyms_of(contract, key)
    kept = CONTRACTS / f"{contract.name}.yaml"
    if kept.is_file() and load_contract(kept) != contract:
        raise SettingsError(f"{kept} is another contract of the name {contract.name}; give this one another name")
    params = load_params()
    if contract.name in params.datasets:
        say(f"{PARAMS_FILE} describes {contract.name} already")
        return contract.name
    split = _split(source, contract, label_delay_days, key)
    moves = split["test_days"] >= params.ship.shortest_test
    entry: dict[str, Any] = {
        "contract": kept.as_posix(),
        "split": split,
        "refit": "all" if moves else "validation",
        "features": fit_features(params.features, contract).model_dump(mode="json", exclude_defaults=True),
    }
    if not kept.is_file():
        with replacing(kept) as pending:
            shutil.copyfile(contract_file, pending)
    _write(contract.name, entry)
    say(f"{PARAMS_FILE} describes {contract.name} now: look at its split and features")
    if not moves:
        say(
            f"its test of {split['test_days']} days is too short to judge a practice on; what is judged ships as it is "
            "(`refit: validation`) until there is more data"
        )
    return contract.name


def first_contract(source: Path, name: str, **stated: str) -> str:
    """Return a drafted contract for files like `source`; raise `DataError` where it cannot be read.

    Separator, decimal mark and encoding are told from the file where they are not `stated`.
    """
    form = csv_form_of(source, **stated)
    sample = read_sample(source, SAMPLE_ROWS, form)
    return draft(sample.rows, name, form, sample.of)


def _split(source: Path, contract: Contract, label_delay_days: int, key: PseudonymKey | None) -> dict[str, Any]:
    with taking_long(f"looking at the days that {source} spans"), tempfile.TemporaryDirectory() as scratch:
        rows = read_batches(find_batches(source, Path(scratch)), contract, key=key)
    part_days = _fifth(rows["event_time"][0], rows["event_time"][-1])
    split: dict[str, Any] = {"protocol": "holdout", "validation_days": part_days, "test_days": part_days}
    split["label_delay_days"] = label_delay_days
    told = told_within(rows)
    if told is not None and told > label_delay_days:
        split["label_horizon_days"] = told
    rule = parse(SplitRule, split, where=f"the split of {source}")
    parts = rows.select(part(borders(rows, rule), rule))["part"]
    empty = [name for name in PARTS if not (parts == name).any()]
    if empty:
        raise DataError(
            f"{source} cannot be split by time: with {part_days} days each for validation and test, no row is left for "
            f"{' or '.join(empty)}; bring more data"
        )
    return split


def _fifth(first: datetime, last: datetime) -> float:
    """Return a fifth of the time in days: whole ones where there are many.

    >>> _fifth(datetime(2020, 1, 1), datetime(2020, 3, 1)), _fifth(datetime(2013, 9, 1), datetime(2013, 9, 2, 23, 59))
    (12, 0.4)
    """
    days = (last.date() - first.date()).days + 1
    if days >= WHOLE_DAYS:
        return days * TENTHS // 10
    if first == last:
        raise DataError(f"all rows are of one moment, {first}; a split by time needs rows of several")
    return float(f"{(last - first) / timedelta(days=1) * TENTHS / 10:.2g}")


def _write(name: str, entry: dict[str, Any]) -> None:
    """Put the entry before the others; every line of the file stays, comments too."""
    block = yaml.safe_dump({name: entry}, sort_keys=False, default_flow_style=None, width=110)
    lines = "".join(f"  {line}\n" for line in block.splitlines())
    write_text(
        PARAMS_FILE, PARAMS_FILE.read_text(encoding="utf-8").replace("\ndatasets:\n", f"\ndatasets:\n{lines}", 1)
    )
