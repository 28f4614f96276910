"""API keys as a person makes and takes them; whose they are, and what for, in the file that `FRAUD_API_KEYS` names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from mlflow_fraud.adapters.key_file import ApiKey, KeyFile
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.environment import load_environment
from mlflow_fraud.wall import utc


def add(name: str, scopes: Sequence[str], expires: str = "") -> str:
    """Make a key, and return what is said of it: the key itself, this once."""
    file, now = _file(), utc()
    key = file.add(name, sorted(set(scopes)), now.replace(microsecond=0), _end(expires, now))
    return (
        f"{key}\n\nThis is the key of {name}; it is shown once, and {file} has only its SHA-256. A client sends it as\n"
        f"  Authorization: Bearer <key>\nA service that runs takes it within a second."
    )


def listed() -> str:
    """Return a line for each key: whose, what for, since and until when, and the end of its hash."""
    file, now = _file(), utc()
    keys = file.read()
    if not keys:
        return f"no keys in {file}"
    head = ("name", "scopes", "made", "expires", "mark")
    rows = [head, *(_row(key, now) for key in keys)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def remove(name: str, mark: str = "") -> str:
    """Take a key away."""
    removed = _file().remove(name, mark)
    return f"removed the key {removed.mark} of {name}; a service that runs refuses it within a second"


def _file() -> KeyFile:
    return KeyFile(load_environment().api_keys)


def _row(key: ApiKey, now: datetime) -> tuple[str, ...]:
    until = key.expires.isoformat(timespec="minutes") if key.expires else "never"
    over = "" if key.holds(now) else " (over)"
    return key.name, ",".join(key.scopes), key.made.isoformat(timespec="minutes"), until + over, key.mark


def _end(text: str, now: datetime) -> datetime | None:
    """Return the end of a key: the begin of a day in UTC, or a moment with its offset."""
    if not text:
        return None
    try:
        end = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"--expires: expected a day like 2030-01-31, found {text}") from None
    end = end if end.tzinfo else end.replace(tzinfo=UTC)
    if end <= now:
        raise SettingsError(f"--expires: expected a time to come, found {text}")
    return end
