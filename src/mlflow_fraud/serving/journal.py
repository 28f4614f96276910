"""What the service scored itself and the labels that came to it, which no recorded file holds yet."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from mlflow_fraud.adapters.journal_file import Entry, JournalFile
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.online import Transaction

log = logging.getLogger(__name__)

KEPT = 250_000
"""So many entries are kept at least, to know repeats and to be replayed; at most twice as many."""

Key = tuple[str, Any]
"""A contract's name and a transaction's id."""


class UnknownTransaction(DataError):
    """A label for a transaction that was not scored here."""


class Scored(NamedTuple):
    """A transaction, and the name of the contract that it came by."""

    contract: str
    transaction: Transaction

    @property
    def key(self) -> Key:
        """What tells it from all others."""
        return self.contract, self.transaction["event_id"]


class Label(NamedTuple):
    """What became known of a transaction that was scored."""

    of: Scored
    label: int
    arrived: datetime


class Journal:
    """The transactions that were scored and the labels that came to them, each once, in the order they came.

    New feature definitions need a past of their own, and so does a service that starts again: it begins with what
    `file` holds, where there is one, and writes there what is new.
    """

    def __init__(self, file: JournalFile | None = None, *, kept: int = KEPT) -> None:
        self.lock = Lock()
        self._kept = kept
        self._entries: list[Scored | Label] = []
        self._scored: dict[Key, Scored] = {}
        self._labels: dict[Key, int] = {}
        self._forgotten = 0
        self._file, self._failing = file, False
        for entry in file.entries() if file else ():
            self._restore(entry)

    def add(self, scored: Scored) -> None:
        """Append a transaction, unless its id is known."""
        if self._take(scored):
            self._write({"scored": scored})

    def label(self, key: Key, label: int, arrived: datetime) -> None:
        """Append the label of a scored transaction; the same one again changes nothing.

        Raises `UnknownTransaction` where none of this id is known, and `DataError` where its label was another.
        """
        if self._note(key, label, arrived):
            self._write({"label": [key, label, arrived]})

    def after(self, place: int, at_most: int) -> tuple[list[Scored | Label], int]:
        """Return what came after the first `place` entries ever added, and the place behind it."""
        start = max(place - self._forgotten, 0)
        found = self._entries[start : start + at_most]
        return found, self._forgotten + start + len(found)

    def _restore(self, entry: Entry) -> None:
        match entry:
            case {"scored": [str(contract), {"event_id": str() | int()} as transaction]}:
                self._take(Scored(contract, transaction))
            case {"label": [[str(contract), str() | int() as event_id], int(label), datetime() as arrived]}:
                with suppress(UnknownTransaction):  # the transaction itself was too long ago to be kept
                    self._note((contract, event_id), label, arrived)
            case _:
                raise DataError(
                    f"the journal holds an entry of {sorted(entry)}, expected one of scored or label; "
                    "move its files away to start without what they hold"
                )

    def _take(self, scored: Scored) -> bool:
        """Append a transaction and return whether it is new."""
        if scored.key in self._scored:
            return False
        self._scored[scored.key] = scored
        self._append(scored)
        return True

    def _note(self, key: Key, label: int, arrived: datetime) -> bool:
        """Append a label and return whether it is new."""
        if key not in self._scored:
            raise UnknownTransaction(
                "no transaction of this id was scored here, or it is forgotten; labels follow their scores"
            )
        known = self._labels.get(key)
        if known is None:
            self._labels[key] = label
            self._append(Label(self._scored[key], label, arrived))
        elif known != label:
            raise DataError("this transaction has the other label already; a label is final")
        return known is None

    def _write(self, entry: Entry) -> None:
        """Write to the file. A full disk costs what a restart would remember, not the answer."""
        if self._file is None:
            return
        try:
            self._file.append(entry)
            self._failing = False
        except OSError as error:
            if not self._failing:
                log.error("what is scored is not written to the journal: %s", error)
            self._failing = True

    def _append(self, entry: Scored | Label) -> None:
        self._entries.append(entry)
        if len(self._entries) > 2 * self._kept:
            self._forget(len(self._entries) - self._kept)

    def _forget(self, number: int) -> None:
        for entry in self._entries[:number]:
            if isinstance(entry, Scored):
                self._scored.pop(entry.key)
                self._labels.pop(entry.key, None)
        del self._entries[:number]
        self._forgotten += number


@contextmanager
def open_journal(folder: Path, *, kept: int = KEPT) -> Iterator[Journal]:
    """Give the journal in `folder`, which is this process's alone until the block ends."""
    file = JournalFile(folder, kept=kept)
    try:
        yield Journal(file, kept=kept)
    finally:
        file.close()
