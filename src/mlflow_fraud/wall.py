"""What time it is: the one place that asks."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def wall_time(timezone: str = "") -> datetime:
    """Return now as data in `timezone` has it, or this machine's local time, for data that names no zone."""
    return datetime.now(ZoneInfo(timezone) if timezone else None).replace(tzinfo=None)


def as_data_has_it(moment: datetime, timezone: str = "") -> datetime:
    """Return a moment of UTC, without saying so, as data in `timezone` has it; see `wall_time`."""
    aware = moment.replace(tzinfo=UTC)
    return aware.astimezone(ZoneInfo(timezone) if timezone else None).replace(tzinfo=None)


def stamp() -> str:
    """Return now as records have it: in UTC, to the second.

    >>> stamp().endswith("+00:00")
    True
    """
    return utc().isoformat(timespec="seconds")


def utc_now() -> datetime:
    """Return now in UTC, without saying so, as a database has it."""
    return utc().replace(tzinfo=None)


def utc() -> datetime:
    """Return now in UTC."""
    return datetime.now(UTC)
