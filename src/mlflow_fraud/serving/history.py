"""What the service knows of the past: the recorded transactions, then those it scored itself."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock
from typing import Any

from mlflow_fraud.core.features.online import CardHistory, Transaction, Value
from mlflow_fraud.core.features.schema import FeatureSchema

KEPT = 250_000
"""So many scored transactions are kept at least, to know repeats and to be replayed; at most twice as many."""

AT_ONCE = 1_000
"""How many are replayed while requests wait: some milliseconds."""


class Journal:
    """The transactions that were scored, each once, in the order they came.

    New feature definitions need a past of their own; the journal is what the recorded file does not hold.
    """

    def __init__(self, *, kept: int = KEPT) -> None:
        self.lock = Lock()
        self._kept = kept
        self._entries: list[Transaction] = []
        self._ids: set[Any] = set()
        self._forgotten = 0

    def add(self, transaction: Transaction) -> None:
        """Append `transaction`, unless its id is known."""
        if transaction["event_id"] in self._ids:
            return
        self._entries.append(transaction)
        self._ids.add(transaction["event_id"])
        if len(self._entries) > 2 * self._kept:
            self._forget(len(self._entries) - self._kept)

    def after(self, place: int, at_most: int) -> tuple[list[Transaction], int]:
        """Return what came after the first `place` transactions ever added, and the place behind it."""
        start = max(place - self._forgotten, 0)
        found = self._entries[start : start + at_most]
        return found, self._forgotten + start + len(found)

    def _forget(self, number: int) -> None:
        self._ids.difference_update(entry["event_id"] for entry in self._entries[:number])
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

    def catch_up(self) -> None:
        """Replay the journal in pieces, between which requests to an older history get their turn."""
        replayed = 1
        while replayed:
            with self._journal.lock:
                replayed = self._replay(AT_ONCE)

    def _replay(self, at_most: int) -> int:
        pending, self._place = self._journal.after(self._place, at_most)
        for transaction in pending:
            if transaction["event_id"] not in self._recorded:
                self._past.update(transaction)
        return len(pending)
