"""What was live on a day, since when, who put it live and why."""

from __future__ import annotations

from datetime import date, datetime

from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.core.release.first import require_none_before
from mlflow_fraud.core.release.history import Life, lives
from mlflow_fraud.wall import utc

HEADINGS = ("from (UTC)", "to (UTC)", "version", "who", "why")


def history(store: ReleaseStore, on: str = "") -> str:
    """Return a table of what was live, oldest first, or of what was on the day `on`, in UTC.

    Where several were live on it, the last one was at its end. Raises `SettingsError` for what is no day of the past.
    """
    pointer, records = store.latest(), store.ledger()
    if pointer is None:
        require_none_before(records, str(store))
        return f"nothing was ever live in {store}"
    found = lives(records, pointer.record)
    if not on:
        return _table(found)
    day = _day(on)
    touching = [life for life in found if life.touches(day)]
    if not touching:
        return f"nothing was live on {day}: the first release went live on {_moment(found[0].since)} UTC"
    return f"{touching[-1].record.to_version} was live at the end of {_so_far(day)}\n\n{_table(touching)}"


def _day(given: str) -> date:
    try:
        day = date.fromisoformat(given)
    except ValueError:
        raise SettingsError(f"--on {given} is no day, expected one like 2026-03-05") from None
    if day > utc().date():
        raise SettingsError(f"--on {day} is still to come, expected a day until {utc().date()}, which is today in UTC")
    return day


def _so_far(day: date) -> str:
    return f"{day}, as far as it has come" if day == utc().date() else str(day)


def _table(found: list[Life]) -> str:
    rows = [HEADINGS, *(_row(life) for life in found)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADINGS) - 1)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in rows
    )


def _row(life: Life) -> tuple[str, ...]:
    record = life.record
    until = _moment(life.until) if life.until else "now"
    return _moment(life.since), until, record.to_version, record.who, f"{record.action}: {'; '.join(record.reasons)}"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
