"""The journal of an earlier program: JSON lines in two files, which are read once and put aside."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from mlflow_fraud.adapters.prediction_log.entries import Label, Payment
from mlflow_fraud.core.contract.bounds import BODY_BYTES, LETTERS
from mlflow_fraud.core.errors import DataError

log = logging.getLogger(__name__)

LONGEST = 32 * BODY_BYTES
"""Bytes of an entry: as many as the largest request ever could have, each letter spelt out."""

FILES = ("older.jsonl", "newer.jsonl")
ASIDE = "taken-over"


def read_journal(folder: Path, *, after_place: int, received: datetime) -> tuple[list[Payment], list[Label]]:
    """Return what a journal holds, oldest first, with places behind one.

    A last line that was cut off by a kill is left out, nobody had an answer to it; so is one whose id or time none can
    be. Raises `DataError` for any other line that cannot be read.
    """
    payments: list[Payment] = []
    labels: list[Label] = []
    for entry, where in _entries(folder):
        match entry:
            case {"scored": [contract, {"event_id": event_id, "event_time": datetime()} as transaction]} if (
                len(str(event_id)) <= LETTERS
            ):
                place = after_place + len(payments) + 1
                payments.append(Payment(place, contract, transaction, received, "journal"))
            case {"label": [[contract, event_id], label, arrived]}:
                labels.append(Label((contract, event_id), label, arrived))
            case _:
                log.warning("%s has an id, a time or a number that none can be, and is left out", where)
    return payments, labels


def put_aside(folder: Path) -> None:
    """Rename the files, so that they are not read again; nothing is deleted."""
    for path in (folder / name for name in FILES):
        if path.is_file():
            path.replace(path.with_name(f"{path.name}.{ASIDE}"))


def _entries(folder: Path) -> Iterator[tuple[Any, str]]:
    for path in (folder / name for name in FILES):
        if path.is_file():
            with path.open("rb") as lines:
                for number, line in enumerate(lines, start=1):
                    if not line.endswith(b"\n"):
                        log.warning("%s ends in the middle of an entry, which is left out", path)
                    elif len(line) > LONGEST:
                        log.warning("%s:%d is longer than any entry, and left out", path, number)
                    else:
                        yield _read(line, f"{path}:{number}"), f"{path}:{number}"


def _read(line: bytes, where: str) -> Any:
    try:
        entry = json.loads(line, object_hook=_value, parse_constant=_refuse)
    except _NoNumber:
        return None
    except ValueError:
        entry = None
    match entry:
        case {"scored": [str(), {"event_id": str() | int()}]} | {"label": [[str(), str() | int()], int(), datetime()]}:
            return entry
    raise DataError(
        f"{where}: expected an entry of the journal, found something else; move the file away to start without what "
        "it holds"
    )


class _NoNumber(Exception):
    """A number that is none, such as NaN."""


def _refuse(_: str) -> None:
    raise _NoNumber


def _value(found: dict[str, Any]) -> Any:
    match found:
        case {"$time": text}:
            return datetime.fromisoformat(text)
        case {"$day": text}:
            return date.fromisoformat(text)
    return found
