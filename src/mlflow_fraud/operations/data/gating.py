"""The gate before the pin: whatever way rows come in, all that would be pinned is held against the contract."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from mlflow_fraud.adapters import gx_contract
from mlflow_fraud.adapters.files import write_parquet
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.gate.findings import Report
from mlflow_fraud.stages.run import say, taking_long
from mlflow_fraud.stages.validate import require_passed


def look_at(frame: pl.DataFrame, contract: Contract, table: Path) -> Report:
    """Return what the gate finds in rows; they are written to `table` for it."""
    with taking_long(holding(frame, contract)):
        write_parquet(table, frame)
        return gx_contract.check(table, contract)


def require_let_in(frame: pl.DataFrame, contract: Contract, table: Path) -> None:
    """Raise `DataError` where rows break a critical rule; say what is warned of. They are written to `table` for it."""
    report = look_at(frame, contract, table)
    for finding in report.warnings:
        say(f"warning: {finding.sentence}")
    require_passed(report)
    held = len(report.findings) - len(report.warnings)
    say(f"{report.rows:,} rows with what was pinned: {held} of {len(report.findings)} rules of {contract.name} hold")


def holding(frame: pl.DataFrame, contract: Contract) -> str:
    """Return what is said while rows are held against the contract."""
    return f"holding {counted(len(frame), 'row')} against the contract {contract.name}"
