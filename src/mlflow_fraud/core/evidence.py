"""What only shows when a batch is held against time, its label and the batches before it: one row a batch.

The rules on these columns are the contract's `gate`; `validation` turns them into expectations.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

import numpy as np
import polars as pl

from mlflow_fraud.core.contract import BATCH, Contract
from mlflow_fraud.core.drift import population_stability_index, stability_of_shares
from mlflow_fraud.core.repeats import REPEATED, SHARED, with_repeats

HOUR = "hour"
RECENT = 12
"""So many of the newest batches are held against the ones before; older ones were when they were new."""
FEWEST_FRAUDS = 10
"""Fewer frauds in a batch say nothing about how well one column alone finds them."""
FEWEST_ROWS = 500
"""Fewer rows, or fewer values in the history, shift by chance alone."""

_DAY = "day"
_DIGITS = 6

Row = dict[str, object]


class Before(NamedTuple):
    """What is known of the batches before one: the newest moment, the last day, the rows a day of each."""

    end: datetime | None = None
    last_day: date | None = None
    paces: tuple[float, ...] = ()


def evidence_of(transactions: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Return one row for each batch, oldest first, with the columns that the rules of the gate look at.

    `transactions` are pipeline rows with their batch. What has no meaning for a batch is null: the oldest has no
    history, one with few frauds no separation. A batch that is alone has its months held against those before: a row
    for each more of them, called like `2020-05 of cards`, in which all but that is null.

    | column | is |
    | --- | --- |
    | `missing_days` | days without a row since the last day of the batches before |
    | `rows_against_history` | rows a day over the median of the batches before |
    | `seconds_back` | how far it begins before the end of the batches before |
    | `repeated_rows` | rows that are there already but for the id |
    | `shared_rows` | rows that an earlier batch has too but for the id |
    | `early_labels` | rows whose label arrived before the payment was made |
    | `clock_spread` | seconds between the least and the largest offset of the second clock |
    | `separation_by_<column>` | area under the ROC curve of the column alone, from .5 to 1 |
    | `unseen_values_of_<column>` | share of rows with a value that no batch before has |
    | `shift_of_<column>` | population stability index against all batches before |
    """
    batches = _by_age(_marked(transactions, contract), BATCH)
    rows, before = [], Before()
    for place, batch in enumerate(batches):
        row = _alone(batch, contract) | _in_time(batch, before)
        if place >= len(batches) - RECENT:
            row |= _against(batch, batches[:place], contract)
        rows.append(row)
        before = _with(before, batch)
    if len(batches) == 1:
        rows += _months_of(batches[0], contract)
    return pl.DataFrame(rows, infer_schema_length=None)


def _marked(transactions: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Return the rows that have a time, with what the rules ask of each."""
    dated = transactions.filter(pl.col("event_time").is_not_null())
    return with_repeats(dated, contract).with_columns(
        (pl.col("label") == 1).fill_null(value=False).alias("label"),
        pl.col("event_time").dt.date().alias(_DAY),
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
            row["rows_against_history"] = _in_time(part, before)["rows_against_history"]
            if place >= len(months) - RECENT:
                row |= _against(part, months[:place], contract)
            rows.append(row)
        before = _with(before, part)
    return rows


def watched_columns(contract: Contract) -> tuple[str, ...]:
    """Return the columns whose distribution is watched: the amount, the hour, numbers and categories."""
    return ("amount", HOUR, *(c.name for c in contract.kept if c.role == "numeric"), *categories(contract))


def _watched_in(batch: pl.DataFrame, contract: Contract) -> list[str]:
    """Return the watched columns that are there; a rule on one that is not cannot hold."""
    return [name for name in watched_columns(contract) if name in batch.columns]


def categories(contract: Contract) -> tuple[str, ...]:
    """Return the categorical columns."""
    return tuple(column.name for column in contract.kept if column.role == "categorical")


def _alone(batch: pl.DataFrame, contract: Contract) -> Row:
    text, watched = categories(contract), _watched_in(batch, contract)
    separations = {f"separation_by_{name}": _separation(batch, name, text=name in text) for name in watched}
    return {
        BATCH: batch[BATCH][0],
        "rows": len(batch),
        "repeated_rows": int(batch[REPEATED].sum()),
        "shared_rows": int(batch[SHARED].sum()),
        "early_labels": _early_labels(batch, contract),
        "clock_spread": _clock_spread(batch, contract),
        **separations,
    }


def _in_time(batch: pl.DataFrame, before: Before) -> Row:
    days = batch[_DAY].unique().sort()
    begin = days[0] if before.last_day is None else min(before.last_day, days[0])
    expected = pl.date_range(begin, days[-1], eager=True)
    missing = [day for day in expected.filter(~expected.is_in(days.implode())) if day != before.last_day]
    back = (before.end - batch["event_time"][0]).total_seconds() if before.end else 0.0
    pace = _pace(batch) / float(np.median(before.paces)) if before.paces else None
    return {
        "missing_days": len(missing) if back <= 0 else 0,
        "seconds_back": max(back, 0.0),
        "rows_against_history": None if pace is None else round(pace, _DIGITS),
    }


def _with(before: Before, batch: pl.DataFrame) -> Before:
    end, last_day = batch["event_time"][-1], batch[_DAY][-1]
    return Before(
        end=max(end, before.end or end),
        last_day=max(last_day, before.last_day or last_day),
        paces=(*before.paces, _pace(batch)),
    )


def _pace(batch: pl.DataFrame) -> float:
    return len(batch) / batch[_DAY].n_unique()


def _against(batch: pl.DataFrame, earlier: list[pl.DataFrame], contract: Contract) -> Row:
    found: Row = {}
    for name in _watched_in(batch, contract):
        history = pl.concat([each[name] for each in earlier]) if earlier else None
        if name in categories(contract):
            found[f"unseen_values_of_{name}"] = _unseen(batch[name], history)
            found[f"shift_of_{name}"] = _shift_of_values(batch[name], history)
        else:
            found[f"shift_of_{name}"] = _shift(batch[name], history)
    return found


def _early_labels(batch: pl.DataFrame, contract: Contract) -> int | None:
    if contract.column("label_time") is None or "label_time" not in batch.columns:
        return None
    return int((batch["label_time"] < batch["event_time"]).sum())


def _clock_spread(batch: pl.DataFrame, contract: Contract) -> float | None:
    clock = next((column.name for column in contract.kept if column.role == "clock"), None)
    if clock is None:
        return None
    offset = (batch["event_time"].dt.epoch("s") - batch[clock]).drop_nulls()
    return float(offset.to_numpy().max() - offset.to_numpy().min()) if len(offset) else None


def _separation(batch: pl.DataFrame, name: str, *, text: bool) -> float | None:
    known = batch.select(name, "label").drop_nulls()
    frauds = int(known["label"].sum())
    if min(frauds, len(known) - frauds) < FEWEST_FRAUDS:
        return None
    counts = known.group_by(name).agg(pl.col("label").sum().alias("frauds"), (~pl.col("label")).sum().alias("others"))
    area = _area(counts.sort(pl.col("frauds") / (pl.col("frauds") + pl.col("others")) if text else name))
    return round(max(area, 1 - area), _DIGITS)


def _area(counts: pl.DataFrame) -> float:
    """Return the area under the ROC curve from the frauds and the others at each score, lowest first.

    >>> _area(pl.DataFrame({"frauds": [0, 1, 3], "others": [5, 1, 0]}))
    0.9791666666666666
    """
    frauds, others = (counts[name].cast(pl.Float64).to_numpy() for name in ("frauds", "others"))
    below = np.cumsum(others) - others / 2
    return float(frauds @ below / (frauds.sum() * others.sum()))


def _unseen(values: pl.Series, history: pl.Series | None) -> float | None:
    if history is None:
        return None
    unseen = values.is_not_null() & ~values.is_in(history.drop_nulls().unique().implode())
    return round(int(unseen.sum()) / len(values), _DIGITS)


def _shift(values: pl.Series, history: pl.Series | None) -> float | None:
    if history is None or min(len(values), history.count()) < FEWEST_ROWS:
        return None
    numbers = [side.cast(pl.Float32).fill_null(np.nan).to_numpy() for side in (history, values)]
    return round(population_stability_index(numbers[0], numbers[1]), _DIGITS)


def _shift_of_values(values: pl.Series, history: pl.Series | None) -> float | None:
    if history is None or min(len(values), history.count()) < FEWEST_ROWS:
        return None
    names = sorted({*history.drop_nulls().unique(), *values.drop_nulls().unique()})
    shares = [np.array([(side == name).sum() / len(side) for name in names]) for side in (history, values)]
    return round(stability_of_shares(shares[0], shares[1]), _DIGITS)
