"""Corrections of the record that may not come in stand aside, each with what is wrong, and hold up no other one."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from mlflow_fraud.adapters.files import read_json, write_json
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.contract.corrections import ARRIVED, WHAT, corrected
from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.gate.corrections import faults_of
from mlflow_fraud.core.gate.sifting import sifted
from mlflow_fraud.operations.as_of import require_arrived
from mlflow_fraud.operations.data.gating import look_at
from mlflow_fraud.paths import corrections_aside, raw_folder
from mlflow_fraud.stages.run import say


class Aside(NamedTuple):
    """Which payment a correction is of, what it would change, when it arrived and what is wrong; never a value."""

    event_id: str
    what: str
    arrived: str
    wrong: str


def fit_for_pins(
    new: pl.DataFrame, rows: pl.DataFrame, known: pl.DataFrame, contract: Contract
) -> tuple[pl.DataFrame, list[Aside]]:
    """Return the corrections that may be pinned, and those of which something is wrong by themselves."""
    about = rows.join(new.select("event_id"), on="event_id", how="semi")

    def wrong_with(some: pl.DataFrame) -> str:
        try:
            require_arrived(some[ARRIVED], "it")
        except DataError:
            return "it arrives in the future"
        return "; ".join(faults_of(some, about, known, contract))

    return _told(*sifted(new, wrong_with, most=len(new) * 2))


def fit_for_the_gate(
    new: pl.DataFrame, rows: pl.DataFrame, known: pl.DataFrame, contract: Contract, dataset: str
) -> tuple[pl.DataFrame, list[Aside]]:
    """Return the corrections with which all rows pass the gate, and those that break a rule of it."""
    with tempfile.TemporaryDirectory(dir=raw_folder(dataset).parent, prefix=".incoming-") as scratch:

        def wrong_with(some: pl.DataFrame) -> str:
            table = corrected(rows, pl.concat([known, some]), contract)
            report = look_at(table, contract, Path(scratch) / "corrected.parquet")
            return "; ".join(f"broken: {each.rule}" for each in report.failures)

        return _told(*sifted(new, wrong_with))


def keep_aside(aside: Sequence[Aside], dataset: str) -> None:
    """Keep what stands aside where a person finds it, in place of what did before; each run looks at all again."""
    file = corrections_aside(dataset)
    if not aside:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_json(file, [each._asdict() for each in aside])
    first = aside[0]
    say(
        f"warning: {counted(len(aside), 'correction')} of pinned rows cannot come in, such as {first.what} of payment "
        f"{first.event_id}: {first.wrong}. {file} names each; one comes in by itself once what is wrong is mended"
    )


def number_aside(dataset: str) -> int:
    """Return how many corrections stood aside at the last collection."""
    file = corrections_aside(dataset)
    return len(read_json(file)) if file.is_file() else 0


def _told(good: pl.DataFrame, others: pl.DataFrame, wrong: Sequence[str]) -> tuple[pl.DataFrame, list[Aside]]:
    lines = others.select("event_id", WHAT, ARRIVED).iter_rows()
    return good, [
        Aside(str(event_id), what, str(arrived), said)
        for (event_id, what, arrived), said in zip(lines, wrong, strict=True)
    ]
