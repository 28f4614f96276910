"""What the service knows of the past: the recorded transactions, then those it scored itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from threading import Lock
from typing import Any, NamedTuple

from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.online import CardHistory, Transaction
from mlflow_fraud.core.features.past import Value
from mlflow_fraud.core.features.schema import FeatureSchema

KEPT = 250_000
"""So many scored transactions are kept at least, to know repeats and to be replayed; at most twice as many."""

AT_ONCE = 1_000
"""How many are replayed while requests wait: some milliseconds."""


ARRIVES = "label arrives"
"""The column of a recorded transaction that says when its label arrives."""


class UnknownTransaction(DataError):
    """A label for a transaction that was not scored here."""


class Label(NamedTuple):
    """What became known of a transaction that was scored."""

    transaction: Transaction
    label: int
    arrived: datetime


class Journal:
    """The transactions that were scored and the labels that came to them, each once, in the order they came.

    New feature definitions need a past of their own; the journal is what the recorded file does not hold.
    """

    def __init__(self, *, kept: int = KEPT) -> None:
        self.lock = Lock()
        self._kept = kept
        self._entries: list[Transaction | Label] = []
        self._scored: dict[Any, Transaction] = {}
        self._labels: dict[Any, int] = {}
        self._forgotten = 0

    def add(self, transaction: Transaction) -> None:
        """Append `transaction`, unless its id is known."""
        if transaction["event_id"] in self._scored:
            return
        self._scored[transaction["event_id"]] = transaction
        self._append(transaction)

    def label(self, event_id: Any, label: int, arrived: datetime) -> None:
        """Append the label of a scored transaction; the same one again changes nothing.

        Raises `UnknownTransaction` where none of this id is known, and `DataError` where its label was another.
        """
        if event_id not in self._scored:
            raise UnknownTransaction(
                "no transaction of this id was scored here, or it is forgotten; labels follow their scores"
            )
        if event_id not in self._labels:
            self._labels[event_id] = label
            self._append(Label(self._scored[event_id], label, arrived))
        elif self._labels[event_id] != label:
            raise DataError("this transaction has the other label already; a label is final")

    def after(self, place: int, at_most: int) -> tuple[list[Transaction | Label], int]:
        """Return what came after the first `place` entries ever added, and the place behind it."""
        start = max(place - self._forgotten, 0)
        found = self._entries[start : start + at_most]
        return found, self._forgotten + start + len(found)

    def _append(self, entry: Transaction | Label) -> None:
        self._entries.append(entry)
        if len(self._entries) > 2 * self._kept:
            self._forget(len(self._entries) - self._kept)

    def _forget(self, number: int) -> None:
        for entry in self._entries[:number]:
            if not isinstance(entry, Label):
                self._scored.pop(entry["event_id"])
                self._labels.pop(entry["event_id"], None)
        del self._entries[:number]
        self._forgotten += number


class History:
    """The past as one set of feature definitions sees it: what was recorded, then the journal."""

    def __init__(self, schema: FeatureSchema, recorded: Iterable[Transaction], journal: Journal) -> None:
        self._past = CardHistory(schema)
        self._journal = journal
        self._place = 0
        self._recorded: set[Any] = set()
        for transaction in recorded:
            self._past.update(transaction)
            self._recorded.add(transaction["event_id"])
            if transaction.get(ARRIVES):
                self._past.learn(transaction, transaction["label"], transaction[ARRIVES])

    def observe(self, transaction: Transaction) -> list[Value]:
        """Return the features of `transaction`, then take it into the past.

        One at a time, so that of two of one card the second sees the first. One that is sent again gets
        its features again and is counted once.
        """
        with self._journal.lock:
            self._replay(AT_ONCE)
            features = self._past.read(transaction)
            self._journal.add(transaction)
            self._replay(AT_ONCE)
        return features

    def learn(self, event_id: Any, label: int, arrived: datetime) -> None:
        """Take the label of a scored transaction into the past, as known from after `arrived` on.

        Raises `UnknownTransaction` where none of this id is known, and `DataError` where its label was another.
        """
        with self._journal.lock:
            self._journal.label(event_id, label, arrived)
            self._replay(AT_ONCE)

    def catch_up(self) -> None:
        """Replay the journal in pieces, between which requests to an older history get their turn."""
        replayed = 1
        while replayed:
            with self._journal.lock:
                replayed = self._replay(AT_ONCE)

    def _replay(self, at_most: int) -> int:
        pending, self._place = self._journal.after(self._place, at_most)
        for entry in pending:
            if isinstance(entry, Label):
                if entry.transaction["event_id"] not in self._recorded:
                    self._past.learn(*entry)
            elif entry["event_id"] not in self._recorded:
                self._past.update(entry)
        return len(pending)
