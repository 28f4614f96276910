"""Now, as an operation or a flow has it: said by who runs it, or else the time of day; and what may not be later."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl

from mlflow_fraud.core.errors import DataError
from mlflow_fraud.environment import load_environment
from mlflow_fraud.paths import TRANSACTIONS
from mlflow_fraud.wall import wall_time


def moment(as_of: datetime | None, timezone: str = "") -> datetime:
    """Return `as_of` in the local time that data in `timezone` has, or the time of day where it is None.

    >>> from datetime import UTC
    >>> moment(datetime(2020, 6, 1, 10, tzinfo=UTC), "Europe/Berlin")
    datetime.datetime(2020, 6, 1, 12, 0)
    """
    if as_of is None:
        return wall_time(timezone)
    return as_of if as_of.tzinfo is None else as_of.astimezone(ZoneInfo(timezone or "UTC")).replace(tzinfo=None)


def require_past(rows: pl.DataFrame, as_of: datetime | None = None) -> None:
    """Raise `DataError` where a payment or a label is later than `as_of` and the tolerance between two clocks."""
    times = [name for name in ("event_time", "label_time") if name in rows.columns]
    newest = rows.select(pl.max_horizontal(pl.col(name).max() for name in times)).item()
    if isinstance(newest, datetime) and newest > moment(as_of) + load_environment().tolerance:
        seen = "in the future" if as_of is None else f"after {as_of:%Y-%m-%d %H:%M}, as of which this is run"
        raise DataError(f"the newest row is of {newest}, {seen}; correct the feed's clock and add it again")


def require_arrived(arrived: pl.Series, what: str) -> None:
    """Raise `DataError` where something arrives later than now and the tolerance between two clocks."""
    newest = arrived.max()
    if isinstance(newest, datetime) and newest > moment(None) + load_environment().tolerance:
        raise DataError(f"{what}: the newest arrival is {newest}, in the future; correct it and bring the file again")


def require_table_past(as_of: datetime | None = None) -> None:
    """Raise `DataError` where the ingested table reaches beyond `as_of`."""
    table = pl.scan_parquet(TRANSACTIONS)
    times = [name for name in ("event_time", "label_time") if name in table.collect_schema().names()]
    require_past(table.select(times).collect(), as_of)
