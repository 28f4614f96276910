"""Days and times as a person types them: on the contract's own clock."""

from __future__ import annotations

from datetime import date, datetime

from mlflow_fraud.core.errors import SettingsError


def day_of(text: str, option: str) -> date | None:
    """Return the day that an option says, None where it says nothing; raise `SettingsError` for what is no day."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{option} {text!r} is no day; expected one like 2020-06-30") from None


def moment_of(text: str, option: str) -> datetime:
    """Return the time that an option says; raise `SettingsError` for what is none, or names a zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is not None:
        raise SettingsError(
            f"{option} {text!r} is no time on the contract's clock; expected one like 2020-06-30 or 2020-06-30T12:00"
        )
    return moment
