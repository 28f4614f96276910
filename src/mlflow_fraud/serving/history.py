"""What the service knows of the past: the recorded transactions, then those it scored itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from mlflow_fraud.core.contract.bounds import holder
from mlflow_fraud.core.features.online import CardHistory, Transaction
from mlflow_fraud.core.features.past import Value
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.serving.clock import Clock, clock_of
from mlflow_fraud.serving.journal import Journal, Label, Scored
from mlflow_fraud.serving.schema import NOT_ASKED

log = logging.getLogger(__name__)

AT_ONCE = 1_000
"""How many are replayed while requests wait: some milliseconds."""


ARRIVES = "label arrives"
"""The column of a recorded transaction that says when its label arrives."""


class Recorded(NamedTuple):
    """What is recorded of the past, in time order: from `since` on all of it, or simply all where that is None."""

    transactions: Iterable[Transaction]
    since: datetime | None = None


class History:
    """The past as one set of feature definitions sees it: what was recorded, then the journal."""

    def __init__(self, schema: FeatureSchema, recorded: Recorded, journal: Journal, clock: Clock | None = None) -> None:
        self._past = CardHistory(schema, recorded.since)
        self._clock = clock or clock_of("stream")(schema.contract)
        self._holds = _holder(schema)
        self._contract = schema.contract.name
        self._blank = dict.fromkeys(column.name for column in schema.contract.kept)
        self._journal = journal
        self._place = 0
        self._recorded: set[Any] = set()
        beyond = 0
        for transaction in recorded.transactions:
            self._recorded.add(transaction["event_id"])
            if not self._holds(transaction):
                beyond += 1
                continue
            self._past.update(transaction)
            self._clock.note(transaction)
            if transaction.get(ARRIVES):
                self._past.learn(transaction, transaction["label"], transaction[ARRIVES])
        _warn(beyond, "recorded transactions")

    def observe(self, transaction: Transaction) -> list[Value]:
        """Return the features of `transaction`, then take it into the past.

        One at a time, so that of two of one card the second sees the first. One that is sent again gets
        its features again and is counted once. Raises `AheadOfNow` for one that is further ahead than anyone can
        be: it leaves no trace.
        """
        with self._journal.lock:
            self._replay(AT_ONCE)
            self._clock.require_reached(transaction)
            features = self._past.read(transaction)
            self._journal.add(Scored(self._contract, transaction))
            self._replay(AT_ONCE)
        return features

    def learn(self, event_id: Any, label: int, arrived: datetime) -> None:
        """Take the label of a scored transaction into the past, as known from after `arrived` on.

        Raises `UnknownTransaction` where none of this id is known, `AheadOfNow` where it arrives later than any can,
        and `DataError` where its label was another.
        """
        with self._journal.lock:
            self._replay(AT_ONCE)
            self._clock.require_arrived(arrived)
            self._journal.label((self._contract, event_id), label, arrived)
            self._replay(AT_ONCE)

    def catch_up(self) -> None:
        """Replay the journal in pieces, between which requests to an older history get their turn."""
        replayed = 1
        while replayed:
            with self._journal.lock:
                replayed = self._replay(AT_ONCE)

    def _replay(self, at_most: int) -> int:
        pending, self._place = self._journal.after(self._place, at_most)
        beyond = 0
        for entry in pending:
            contract, transaction = entry.of if isinstance(entry, Label) else entry
            if contract != self._contract or transaction["event_id"] in self._recorded:
                continue
            if not self._holds(transaction):
                beyond += 1
            elif isinstance(entry, Label):
                self._past.learn({**self._blank, **transaction}, entry.label, entry.arrived)
            else:  # one that was scored before the contract had all its columns is blank there
                self._past.update({**self._blank, **transaction})
                self._clock.note(transaction)
        _warn(beyond, "entries of the journal")
        return len(pending)


def _holder(schema: FeatureSchema) -> Callable[[Transaction], bool]:
    """Return whether a transaction is within the bounds; what was recorded under other rules may not be."""
    columns = tuple(column for column in schema.contract.kept if column.role not in NOT_ASKED)
    return holder(columns, decimals=schema.contract.currency_decimals)


def _warn(beyond: int, what: str) -> None:
    if beyond:
        log.warning("%d %s are beyond what is held, and left out", beyond, what)
