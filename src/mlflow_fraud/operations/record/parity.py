"""Everything that was served is computed again in batch, and held against the features as they were served."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl

from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.past import RecordedPast
from mlflow_fraud.adapters.prediction_log.served import served_since
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.counted import counted, listed
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.core.features.clock import STEADY
from mlflow_fraud.core.features.schema import read_schema
from mlflow_fraud.operations.record.explained import KINDS, explained
from mlflow_fraud.operations.record.opened import opened
from mlflow_fraud.settings import contract_of, load_params

EXAMPLES = 5


class Audit(NamedTuple):
    """What an audit found: `table` has a row for each feature, `otherwise` ids of answers that nothing explains."""

    since: datetime | None
    answers: int
    table: pl.DataFrame
    otherwise: list[str]

    @property
    def holds(self) -> bool:
        """Whether all that was served is explained."""
        return not self.otherwise

    @property
    def sentence(self) -> str:
        """Say in one sentence what was found."""
        if not self.answers:
            return "parity: no answer is in the record yet"
        answers = counted(self.answers, "answer")
        if self.holds:
            return f"parity: {answers}, no feature otherwise than the batch engine makes it"
        return (
            f"parity: of {answers} {len(self.otherwise):,} have a feature that nothing explains, among them "
            f"{listed(self.otherwise)}; `mlflow-fraud record show` tells what led to one. Either the record was "
            "changed, or the service is of another version than this program"
        )

    def to_markdown(self) -> str:
        """Return what was found as a table, features that differ anywhere first."""
        if not self.answers:
            return "No answer is in the record yet.\n"
        whole = self.table.filter(pl.col("equal") == self.answers)["feature"].to_list()
        differs = self.table.filter(~pl.col("feature").is_in(whole))
        lines = [
            f"{counted(self.answers, 'answer')} from {self.since:%Y-%m-%d %H:%M} on, computed again in batch.",
            "",
            f"| feature | {' | '.join(KINDS.values())} |",
            f"| --- |{' ---: |' * len(KINDS)}",
            *(f"| {name} | {' | '.join(f'{n:,}' for n in numbers)} |" for name, *numbers in differs.iter_rows()),
            f"| {'the other ' if len(differs) else 'all '}{counted(len(whole), 'feature')} "
            f"| {self.answers:,} each |{' 0 |' * (len(KINDS) - 1)}",
        ]
        if self.otherwise:
            lines += ["", f"Nothing explains, among others: {', '.join(self.otherwise[:EXAMPLES])}."]
        return "\n".join(lines) + "\n"


def audit_record(*, days: int) -> Audit:
    """Return how the answers in this machine's record compare; see `audit`."""
    if days < 1:
        raise SettingsError(f"days is {days}; expected at least 1")
    with opened() as log:
        return audit(log, contract_of(load_params().active), days=days)


def audit(log: PredictionLog, contract: Contract, *, days: int) -> Audit:
    """Return how the answers of the last `days` of a record compare with what the batch engine makes.

    Memory is that of the payments which their windows reach. Raises `RecordUnavailable` where it cannot be read.
    """
    past = RecordedPast(log, contract, log.last_place())  # what is in quarantine from here on is at the next audit
    newest = past.reached(STEADY)
    since = newest and newest - timedelta(days=days)
    found = served_since(log, contract, since, past.left_out) if since else []
    tables, otherwise, answers = [], [], 0
    for served in found:
        schema = read_schema(json.loads(served.document), where="the record's feature_schema")
        why = explained(log, past, schema, served)
        tables.append(why.table(schema.names))
        otherwise += served.rows.filter(pl.Series(why.otherwise.any(axis=1)))["prediction"].to_list()
        answers += len(served.rows)
    return Audit(since, answers, _together(tables), otherwise)


def _together(tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    if not tables:
        return pl.DataFrame(schema={"feature": pl.String})
    return pl.concat(tables).group_by("feature", maintain_order=True).sum()
