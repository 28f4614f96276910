"""What the service knows of the past, as one set of features sees it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from mlflow_fraud.adapters.prediction_log.afterwards import Outcome
from mlflow_fraud.adapters.prediction_log.entries import Corrected, Label, Learned, Payment
from mlflow_fraud.adapters.prediction_log.quarantine import Spans, lies_in
from mlflow_fraud.core.contract.bounds import holder
from mlflow_fraud.core.features.definitions import ARRIVAL
from mlflow_fraud.core.features.online import CardHistory, Transaction
from mlflow_fraud.core.features.past import Number, Value
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.serving.clock import Clock, clock_of
from mlflow_fraud.serving.label_schema import LabelMessage
from mlflow_fraud.serving.record import Record
from mlflow_fraud.serving.schema import NOT_ASKED

log = logging.getLogger(__name__)

AT_ONCE = 1_000
"""How many are replayed while requests wait: some milliseconds."""


class Known(NamedTuple):
    """What became known of a transaction, when, and which labels of it had been told before; see `Learned`."""

    of: Transaction
    label: int
    arrived: datetime
    others: tuple[tuple[int, datetime], ...] = ()


class Amended(NamedTuple):
    """A transaction is `instead` from after `observed` on; None where it was reversed."""

    of: Transaction
    instead: Transaction | None
    observed: datetime


class Recorded(NamedTuple):
    """A past as it was read at a moment, for a history to go on from there.

    `transactions` are in time order, with their scores: from `since` on all of them, or simply all where that is None.
    `replayed` came last and are taken in as they came. Entries from number `end` on came later; those labels among
    them that are in `known` already have their number in `known_numbers`, and so have those of `amended`. What lies in
    the spans of `left_out` is in none of it, and stays out when it comes later.
    """

    transactions: Iterable[Transaction] = ()
    since: datetime | None = None
    replayed: Iterable[Transaction] = ()
    known: Iterable[Known] = ()
    known_numbers: frozenset[int] = frozenset()
    amended: Iterable[Amended] = ()
    amended_numbers: frozenset[int] = frozenset()
    end: int = 0
    left_out: Spans = ()


class Observed(NamedTuple):
    """The features of a payment, the scores behind them, and its place in the record."""

    features: list[Value]
    scores: Mapping[str, Number]
    payment: Payment


class History:
    """The past as one set of feature definitions sees it: what was recorded, then what comes to the record."""

    def __init__(self, schema: FeatureSchema, recorded: Recorded, record: Record, clock: Clock | None = None) -> None:
        self._past = CardHistory(schema, recorded.since)
        self.clock = clock or clock_of("stream")(schema.contract)
        self._holds = _holder(schema)
        self._contract = schema.contract
        self._blank = dict.fromkeys(column.name for column in schema.contract.kept)
        self.record = record
        self._end, self._left_out = recorded.end, recorded.left_out
        self._known_numbers, self._amended_numbers = recorded.known_numbers, recorded.amended_numbers
        beyond = 0
        for transactions in (recorded.transactions, recorded.replayed):
            beyond += sum(not self._take(transaction) for transaction in transactions)
        for amended in recorded.amended:
            self._amend(amended)
        for known in recorded.known:
            self._know(known)
        _warn(beyond)

    def observe(self, transaction: Transaction) -> Observed:
        """Return the features of a new `transaction`, then take it into the past.

        One at a time, so that of two of one card the second sees the first. Raises `AheadOfNow` for one that is further
        ahead than anyone can be: it leaves no trace.
        """
        with self.record.lock:
            if self._end != self.record.end:  # seldom: somebody told a label, or another release answered
                self._replay(AT_ONCE)
            self.clock.require_reached(transaction)
            arrival = self.clock.arrival(transaction)
            came = transaction if arrival is None else {**transaction, ARRIVAL: arrival}
            features = self._past.read(came)
            scores = self._past.scores_read(came)
            payment = self.record.enter(self._contract, transaction, arrival)
            if self._end + 1 == self.record.end:  # nearly always: all that was before it is in the past
                self._end += 1
                self._take_own(payment)
            else:
                self._replay(AT_ONCE)
        return Observed(features, scores, payment)

    def look(self, transaction: Transaction) -> list[Value]:
        """Return the features that a transaction of the past would have now."""
        with self.record.lock:
            self._replay(AT_ONCE)
            return self._past.read(transaction)

    def learn(self, labels: Sequence[LabelMessage]) -> list[Outcome]:
        """Take labels into the record, each as known from after its arrival on, and return what came of each.

        Raises `AheadOfNow` where one arrives later than any can, and `RecordUnavailable` where the record cannot be
        read or written: then none is taken.
        """
        for told in labels:
            self.clock.require_arrived(told.arrived)
        key = self._contract.name
        outcomes = self.record.learn(self._contract, [Label((key, of), label, at) for of, label, at in labels])
        self.catch_up()
        return outcomes

    def correct(self, event_id: Any, instead: Transaction | None, observed: datetime) -> bool:
        """Take it into the record that a payment is another one, or none, from after `observed` on.

        Raises as `Record.correct` does, and `AheadOfNow` where that moment is not there yet.
        """
        self.clock.require_arrived(observed)
        corrected = self.record.correct(self._contract, event_id, instead, observed)
        self.catch_up()
        return corrected

    def follow(self) -> bool:
        """Take in what other processes have written; raise `RecordUnavailable` where the record cannot be read.

        Return whether somebody was forgotten or a span was put in quarantine meanwhile: then a new past is to take this
        one's place.
        """
        self.record.follow(self._contract)
        self.catch_up()
        return self.record.let_go(self._take_all)

    def _take_all(self) -> None:
        while self._replay(AT_ONCE):
            pass

    def catch_up(self) -> None:
        """Take in what came since in pieces, between which requests to an older history get their turn."""
        taken = 1
        while taken:
            with self.record.lock:
                taken = self._replay(AT_ONCE)

    def _replay(self, at_most: int) -> int:
        entries, self._end = self.record.after(self._end, at_most)
        beyond = 0
        for entry in entries:
            payment = entry if isinstance(entry, Payment) else entry.of
            if payment is None or payment.contract != self._contract.name:
                continue
            if lies_in(self._left_out, payment.transaction["event_time"]):
                if isinstance(entry, Payment):
                    self.clock.note(entry.transaction)  # time goes on
                continue
            match entry:
                case Payment():
                    beyond += not self._take(payment.as_it_came)
                case Learned(number, _, _, label, arrived, others) if number not in self._known_numbers:
                    self._know(Known(payment.transaction, label, arrived, others))
                case Corrected(number, _, instead, observed) if number not in self._amended_numbers:
                    self._amend(Amended(payment.as_it_came, instead, observed))
        _warn(beyond)
        return len(entries)

    def _take_own(self, payment: Payment) -> None:
        """Take a payment in that was asked for: its request had it within the bounds."""
        if not lies_in(self._left_out, payment.transaction["event_time"]):
            self._past.update({**self._blank, **payment.as_it_came})
        self.clock.note(payment.transaction)

    def _take(self, transaction: Transaction) -> bool:
        """Take a transaction into the past, where it is within the bounds; a column that came later is blank in it."""
        if not self._holds(transaction):
            return False
        self._past.update({**self._blank, **transaction})
        self.clock.note(transaction)
        return True

    def _know(self, known: Known) -> None:
        """Take what became known of a transaction into the past, where that is within the bounds."""
        if self._holds(known.of):
            self._past.learn({**self._blank, **known.of}, known.label, known.arrived, known.others)

    def _amend(self, amended: Amended) -> None:
        """Take a correction into the past, where the transaction and what is instead of it are within the bounds."""
        of, instead, observed = amended
        if self._holds(of) and (instead is None or self._holds(instead)):
            there = None if instead is None else {**self._blank, **instead}
            self._past.correct({**self._blank, **of}, there, observed)


def _holder(schema: FeatureSchema) -> Callable[[Transaction], bool]:
    """Return whether a transaction is within the bounds; what was recorded under other rules may not be."""
    columns = tuple(column for column in schema.contract.kept if column.role not in NOT_ASKED)
    return holder(columns, decimals=schema.contract.currency_decimals)


def _warn(beyond: int) -> None:
    if beyond:
        log.warning("%d payments of the record are beyond what is held, and left out", beyond)
