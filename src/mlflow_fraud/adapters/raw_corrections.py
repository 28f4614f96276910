"""Files of corrections: as a person writes one, in the contract's own words, and as they are pinned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from mlflow_fraud.adapters.files import write_parquet
from mlflow_fraud.adapters.raw_batches import Tell, quiet
from mlflow_fraud.adapters.raw_files import Door, read_file
from mlflow_fraud.adapters.raw_progress import Progress
from mlflow_fraud.adapters.raw_values import expression_of
from mlflow_fraud.core.contract.column import Column
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.contract.corrections import ARRIVED, VALUE, WHAT, correctable, form_of, text_of
from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.errors import DataError


def read_told(file: Path, contract: Contract, tell: Tell = quiet) -> pl.DataFrame:
    """Return what a person's file says, as corrections: `core.contract.corrections` has their form.

    Its columns are the contract's own for the id, then `column`, `value` and `arrived`: a column's name in raw files,
    `reversed` or `erased`; a value as raw files have it; a time in the form of the transaction's. Raises `DataError`
    for a file that is not so, with counts and a few examples.
    """
    by_role = {column.role: column for column in contract.arriving}
    event_id, moment = by_role["event_id"], by_role["event_time"]
    arrived = moment.model_copy(update={"source": ARRIVED, "role": "label_time", "minimum": None, "maximum": None})
    asked = (
        event_id,
        Column(source="column", role="categorical", type="text"),
        Column(source=VALUE, role="categorical", type="text", nullable=True),
        arrived,
    )
    only = contract.model_copy(update={"columns": asked, "event_id": ""})
    told = read_file(file, Door(only, {}, Progress(tell, 1)), quiet).rename({"column": WHAT, "label_time": ARRIVED})
    names = {column.source: name for name, column in correctable(contract).items()}
    told = told.with_columns(pl.col(WHAT).replace(names))
    return _in_own_units(file, told, contract).select(list(form_of(contract)))


def read_corrections(files: Sequence[Path], contract: Contract) -> pl.DataFrame:
    """Return what pinned files say; raise `DataError` for one that is no table of corrections of the contract."""
    form = form_of(contract)
    parts = [pl.DataFrame(schema=form)]
    for file in files:
        try:
            part = pl.read_parquet(file, glob=False)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise DataError(f"{file} cannot be read as Parquet: {str(error).splitlines()[0]}") from None
        if dict(part.schema) != form:
            raise DataError(
                f"{file} is no table of corrections of the contract {contract.name}: expected {_said(form)}, found "
                f"{_said(dict(part.schema))}; `mlflow-fraud data correct` writes them"
            )
        parts.append(part)
    return pl.concat(parts)


def write_corrections(file: Path, corrections: pl.DataFrame) -> None:
    """Write corrections in an order of their own, so that the same ones are the same bytes."""
    write_parquet(file, corrections.sort(ARRIVED, "event_id", WHAT, VALUE))


def _in_own_units(file: Path, told: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Return the corrections with each value as the pipeline has it; raise `DataError` where one is of another type."""
    faults = []
    for name, column in correctable(contract).items():
        raw = column.model_copy(update={"source": VALUE})
        parsed = told.select(expression_of(raw, contract, pl.String()).alias(name))
        mine = told[WHAT] == name
        wrong = int((mine & told[VALUE].is_not_null() & parsed[name].is_null()).sum())
        if wrong:
            faults.append(f"{column.source}: {counted(wrong, 'value is', 'values are')} not {column.type}")
        own = parsed.select(text_of(name)).to_series()
        told = told.with_columns(pl.when(mine).then(own).otherwise(VALUE).alias(VALUE))
    if faults:
        raise DataError(f"{file.name}: {'; '.join(faults)}; write a value as raw files have it")
    return told


def _said(form: dict[str, pl.DataType]) -> str:
    return ", ".join(f"{name} {dtype}" for name, dtype in form.items())
