"""What only shows when a batch is held against time, its label and the batches before it: one row a batch.

The rules on these columns are the contract's `gate`; `rules` turns them into expectations.
"""

from __future__ import annotations

import polars as pl

from mlflow_fraud.core.contract.contract import BATCH, Contract
from mlflow_fraud.core.gate.against import against
from mlflow_fraud.core.gate.alone import alone, of_chances
from mlflow_fraud.core.gate.columns import DAY, HOUR, Row
from mlflow_fraud.core.gate.in_time import Before, in_time, including
from mlflow_fraud.core.gate.repeats import with_repeats

RECENT = 12
"""So many of the newest batches are held against the ones before; older ones were when they were new."""


def evidence_of(transactions: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Return one row for each batch, oldest first, with the columns that the rules of the gate look at.

    `transactions` are pipeline rows with their batch. What has no meaning for a batch is null: the oldest has no
    history, one with few frauds no separation. A batch that is alone has its months held against those before: a row
    for each more of them, called like `2020-05 of cards`, in which all but that is null.

    | column | is |
    | --- | --- |
    | `missing_days` | days without a row since the last day of the batches before |
    | `missing_days_are` | the first of them, in words |
    | `rows_against_history` | rows a day over the median of the batches before |
    | `seconds_back` | how far it begins before the end of the batches before |
    | `repeated_rows` | rows that are there already but for the id |
    | `shared_rows` | rows that an earlier batch has too but for the id |
    | `early_labels` | rows whose label arrived before the payment was made |
    | `labels_without_chance` | rows with a label for which nobody is said to have looked |
    | `chances_without_label` | rows that were to be looked into, and have no label |
    | `clock_spread` | seconds between the least and the largest offset of the second clock |
    | `separation_by_<column>` | area under the ROC curve of the column alone, from .5 to 1 |
    | `unseen_values_of_<column>` | share of rows with a value that no batch before has |
    | `shift_of_<column>` | population stability index against all batches before |
    """
    batches = _by_age(_marked(transactions, contract), BATCH)
    rows, before = [], Before()
    for place, batch in enumerate(batches):
        row = alone(batch, contract) | in_time(batch, before)
        if place >= len(batches) - RECENT:
            row |= against(batch, batches[:place], contract)
        rows.append(row)
        before = including(before, batch)
    if len(batches) == 1:
        rows += _months_of(batches[0], contract)
    return pl.DataFrame(rows, infer_schema_length=None)


def _marked(transactions: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Return the rows that have a time, with what the rules ask of each."""
    dated = transactions.filter(pl.col("event_time").is_not_null())
    return with_repeats(dated, contract).with_columns(
        *of_chances(dated.columns),
        (pl.col("label") == 1).fill_null(value=False).alias("label"),
        pl.col("event_time").dt.date().alias(DAY),
        pl.col("event_time").dt.hour().alias(HOUR),
    )


def _by_age(rows: pl.DataFrame, by: str) -> list[pl.DataFrame]:
    parts = rows.partition_by(by, maintain_order=True)
    return sorted(parts, key=lambda part: (part["event_time"].min(), part[by][0]))


def _months_of(batch: pl.DataFrame, contract: Contract) -> list[Row]:
    """Return what the months of a batch show against those before, for all but the oldest."""
    month = pl.col("event_time").dt.strftime("%Y-%m")
    months = _by_age(batch.with_columns(pl.format("{} of {}", month, BATCH).alias(BATCH)), BATCH)
    rows, before = [], Before()
    for place, part in enumerate(months):
        if place:
            row: Row = {BATCH: part[BATCH][0], "rows": len(part)}
            row["rows_against_history"] = in_time(part, before)["rows_against_history"]
            if place >= len(months) - RECENT:
                row |= against(part, months[:place], contract)
            rows.append(row)
        before = including(before, part)
    return rows
