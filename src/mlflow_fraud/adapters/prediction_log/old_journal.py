"""The journal of an earlier program: JSON lines in two files, which are read once and put aside."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from mlflow_fraud.core.contract.bounds import BODY_BYTES, LETTERS
from mlflow_fraud.core.errors import DataError

log = logging.getLogger(__name__)

LONGEST = 8 * BODY_BYTES
"""Bytes of an entry: as many as a request can have, each letter spelt out."""

FILES = ("older.jsonl", "newer.jsonl")
ASIDE = "taken-over"


def entries_of(folder: Path) -> Iterator[Mapping[str, Any]]:
    """Return what a journal holds, oldest first: `{"scored": [contract, transaction]}` or `{"label": [...]}`.

    A last line that was cut off by a kill is left out, nobody had an answer to it. Raises `DataError` for any other
    line that cannot be read.
    """
    for path in (folder / name for name in FILES):
        if path.is_file():
            with path.open("rb") as lines:
                for number, line in enumerate(lines, start=1):
                    if not line.endswith(b"\n"):
                        log.warning("%s ends in the middle of an entry, which is left out", path)
                    elif len(line) > LONGEST:
                        log.warning("%s:%d is longer than any entry, and left out", path, number)
                    elif (entry := _read(line, f"{path}:{number}")) and _can_be_held(entry):
                        yield entry
                    else:
                        log.warning("%s:%d has an id or a time that none can be, and is left out", path, number)


def _can_be_held(entry: Mapping[str, Any]) -> bool:
    """Return whether a payment has an id and a time; its other values are held to the bounds when they are read."""
    if "label" in entry:
        return True
    _, transaction = entry["scored"]
    event_id, at = transaction["event_id"], transaction.get("event_time")
    return isinstance(at, datetime) and len(str(event_id)) <= LETTERS


def put_aside(folder: Path) -> None:
    """Rename the files, so that they are not read again; nothing is deleted."""
    for path in (folder / name for name in FILES):
        if path.is_file():
            path.replace(path.with_name(f"{path.name}.{ASIDE}"))


def _read(line: bytes, where: str) -> Mapping[str, Any]:
    try:
        entry = json.loads(line, object_hook=_value)
    except ValueError:
        entry = None
    match entry:
        case {"scored": [str(), {"event_id": str() | int()}]} | {"label": [[str(), str() | int()], int(), datetime()]}:
            return entry
    raise DataError(
        f"{where}: expected an entry of the journal, found something else; move the file away to start without what "
        "it holds"
    )


def _value(found: dict[str, Any]) -> Any:
    match found:
        case {"$time": text}:
            return datetime.fromisoformat(text)
        case {"$day": text}:
            return date.fromisoformat(text)
    return found
