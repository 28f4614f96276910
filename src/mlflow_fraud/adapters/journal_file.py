"""A log that outlives its process: a JSON line for each entry, in two files that take turns."""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from mlflow_fraud.core.contract.bounds import BODY_BYTES
from mlflow_fraud.core.errors import DataError

log = logging.getLogger(__name__)

Entry = Mapping[str, Any]
"""Texts, numbers, times and days by name, and mappings of such."""

LONGEST = 32 * BODY_BYTES
"""Bytes of an entry: as many as the largest request ever could have, each letter spelt out."""

OLDER, NEWER = "older.jsonl", "newer.jsonl"


class JournalFile:
    """The entries in a folder; the newest `kept` of them stay, and at most as many before.

    What `append` was given survives the process. It is in the hands of the operating system, which a loss of power
    may cost some seconds of. The files can be read by their owner alone, for the entries are as they came in.

    Raises `DataError` where the folder cannot be written, another process has it open, or a line cannot be read.
    """

    def __init__(self, folder: Path, *, kept: int) -> None:
        self._older, self._newer, self._kept = folder / OLDER, folder / NEWER, kept
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(folder)
            _cut_torn_end(self._newer)
            self._stream = _open(self._newer)
        except OSError as error:
            raise DataError(
                f"{folder} cannot hold the journal ({error.strerror}); set FRAUD_JOURNAL to a folder that can"
            ) from None
        self._size, self._lines = os.fstat(self._stream).st_size, 0

    def entries(self) -> Iterator[Entry]:
        """Return what is there, oldest first; to be read to the end before the first `append`, which counts on."""
        self._lines = 0
        for path in (self._older, self._newer):
            if path.exists():
                with path.open("rb") as lines:
                    for number, line in enumerate(lines, start=1):
                        if len(line) > LONGEST:
                            log.warning("%s:%d is longer than any entry, and left out", path, number)
                        else:
                            yield _read(line, f"{path}:{number}")
                        self._lines = number if path == self._newer else 0

    def append(self, entry: Entry) -> None:
        """Add an entry; raise `OSError` where there is no room for it, and leave no half of it behind."""
        if self._lines >= self._kept:
            self._take_turns()
        line = json.dumps(entry, default=_told, separators=(",", ":")).encode() + b"\n"
        written = os.write(self._stream, line)
        if written < len(line):
            os.ftruncate(self._stream, self._size)
            raise OSError(f"{self._newer}: only {written} of {len(line)} bytes could be written")
        self._size += len(line)
        self._lines += 1

    def close(self) -> None:
        """Let another process have the journal."""
        os.close(self._stream)
        os.close(self._lock)

    def _take_turns(self) -> None:
        os.close(self._stream)
        self._newer.replace(self._older)
        self._stream = _open(self._newer)
        self._size = self._lines = 0


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def _locked(folder: Path) -> int:
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise DataError(
            f"{folder} is in use by another service: two would each know half of a card's past; "
            "stop that one, or set FRAUD_JOURNAL to another folder"
        ) from None
    return descriptor


def _cut_torn_end(path: Path) -> None:
    """Drop a last line without an end: its process was killed while it wrote, and nobody had an answer to it."""
    if not path.exists() or not path.stat().st_size:
        return
    with path.open("rb+") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            log.warning("%s ends in the middle of an entry, which is dropped", path)
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)


def _read(line: bytes, where: str) -> Entry:
    try:
        entry = json.loads(line, object_hook=_value)
    except ValueError:
        entry = None
    if not isinstance(entry, dict):
        raise DataError(
            f"{where}: expected an entry of the journal, found something else; "
            "move the file away to start without what it holds"
        )
    return entry


def _told(value: object) -> Any:
    if isinstance(value, datetime):
        return {"$time": value.isoformat()}
    if isinstance(value, date):
        return {"$day": value.isoformat()}
    raise TypeError(f"{type(value).__name__} has no place in a journal")


def _value(found: dict[str, Any]) -> Any:
    match found:
        case {"$time": text}:
            return datetime.fromisoformat(text)
        case {"$day": text}:
            return date.fromisoformat(text)
    return found
