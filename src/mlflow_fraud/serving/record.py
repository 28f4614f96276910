"""What the service was asked and told, in the order in which it came: all in the record, the newest in memory too."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from mlflow_fraud.adapters.prediction_log.connection import Synchronous
from mlflow_fraud.adapters.prediction_log.entries import Completed, Key, Label, Payment, ReleaseNote
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.old_journal import put_aside, read_journal
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.online import Transaction
from mlflow_fraud.serving.beginning import Beginning
from mlflow_fraud.serving.earlier_ids import EarlierIds
from mlflow_fraud.serving.known_ids import KnownIds
from mlflow_fraud.serving.writer import WAIT_SECONDS, Ticket, Writer
from mlflow_fraud.wall import utc_now

log = logging.getLogger(__name__)

TAIL = 50_000
"""So many of the newest entries are in memory at least, to be replayed; at most twice as many."""

KNOWN = 1_000_000
"""So many of the newest ids are in memory at least, to know repeats; at most twice as many."""


NOWHERE = 0


class UnknownTransaction(DataError):
    """A label for a payment that is not in the record."""


class OtherContent(DataError):
    """A payment of a known id that is not the one that was scored."""


class Learned(NamedTuple):
    """What became known of a payment, as the record numbers it."""

    number: int
    of: Payment
    label: int
    arrived: datetime


class Mark(NamedTuple):
    """A moment: the entries before `end` and the payments up to `place` had come by then.

    `unwritten` are those payments which the record may not hold yet.
    """

    end: int
    place: int
    label: int
    unwritten: tuple[Payment, ...]


class Record:
    """The payments and labels of this service, each once, in the order in which they came.

    `lock` is held while a past is read and written, so that all see one order. A payment has its place and is in memory
    from `enter` on; `settle` has it written, with its answer. What the record cannot take now waits in memory.
    """

    def __init__(self, log: PredictionLog, *, tail: int = TAIL, known: int = KNOWN, wait: float = WAIT_SECONDS) -> None:
        self.lock, self._labelling = Lock(), Lock()
        self.log, self.writer = log, Writer(log, wait=wait)
        self._kept = tail
        self._entries: list[Payment | Learned] = []
        self._forgotten = 0
        self._recent: dict[Key, Payment] = {}
        self._place, self._label = log.last_place(), log.last_label()
        self.beginning, self._known = Beginning(), KnownIds(kept=known)
        self.earlier = EarlierIds(log, self._known, self.lock, at_most=known, progress=self.beginning)
        self._introduced: set[str] = set()

    def surely_new(self, contract: Contract, transaction: Transaction) -> bool:
        """Return whether a payment is new without a look into the record."""
        key = (contract.name, transaction["event_id"])
        return (
            self.earlier.known_by_now
            and key not in self._recent
            and not self._known.may_have(key, transaction["event_time"])
        )

    def find(self, contract: Contract, event_id: Any) -> Payment | None:
        """Return the payment of this id with its answer, from memory or the record, or None.

        Raises `RecordUnavailable` where the record had to be read and cannot be.
        """
        return self._recent.get((contract.name, event_id)) or self.log.find(contract, event_id)

    def recent(self, contract: Contract, event_id: Any) -> Payment | None:
        """Return the payment of this id if it came a short while ago, or None: without a look into the record."""
        return self._recent.get((contract.name, event_id))

    def enter(self, contract: Contract, transaction: Transaction) -> Payment:
        """Give a new payment its place, with `lock` held."""
        self._place += 1
        payment = Payment(self._place, contract.name, transaction, utc_now())
        self._known.add(payment.key, transaction["event_time"])
        self._recent[payment.key] = payment
        self._append(payment)
        return payment

    def settle(self, payment: Payment) -> Ticket:
        """Have a payment written, with its answer if there is one; the ticket says whether it is."""
        return self.settle_all([payment])[0]

    def settle_all(self, payments: Sequence[Payment]) -> list[Ticket]:
        """Have payments written together, each with its answer if there is one."""
        for payment in payments:
            if payment.key in self._recent:
                self._recent[payment.key] = payment
        return self.writer.put_all(payments)

    def complete(self, payment: Payment) -> Ticket:
        """Have the answer written to a payment that is there without one."""
        assert payment.answer is not None
        if payment.key in self._recent:
            self._recent[payment.key] = payment
        return self.writer.put(Completed(payment.place, payment.answer))

    def writing(self, payment: Payment) -> Ticket:
        """Return what says whether a payment that came before is written."""
        return self.writer.again(payment.place)

    def outside(self, contract: Contract, transaction: Transaction) -> Payment:
        """Return a payment that the record is not to have."""
        return Payment(NOWHERE, contract.name, transaction, utc_now())

    def introduce(self, note: ReleaseNote) -> None:
        """Have a release written before its answers."""
        if note.version not in self._introduced:
            self._introduced.add(note.version)
            self.writer.put(note)

    def learn(self, contract: Contract, event_id: Any, label: int, arrived: datetime) -> None:
        """Write what became known of a payment, then let every past know; the same again changes nothing.

        Raises `UnknownTransaction` where the payment is not known, `DataError` where its label was another, and
        `RecordUnavailable` where the record cannot be read or written.
        """
        with self._labelling:
            payment = self.find(contract, event_id)
            if payment is None:
                raise UnknownTransaction("no transaction of this id was scored here; labels follow their scores")
            known = self.log.labels_of(payment.key)
            if any(each.label != label for each in known):
                raise DataError("this transaction has the other label already; a label is final")
            if known:
                return
            number = self.log.add_label(Label(payment.key, label, arrived), received=utc_now(), source="service")
            if number is not None:
                with self.lock:
                    self._label = max(self._label, number)
                    self._append(Learned(number, payment, label, arrived))

    def mark(self) -> Mark:
        """Return what has come by now, with `lock` held."""
        return Mark(self.end, self._place, self._label, tuple(self.writer.unwritten()))

    @property
    def end(self) -> int:
        """The number behind the last entry that ever came."""
        return self._forgotten + len(self._entries)

    def after(self, number: int, at_most: int) -> tuple[list[Payment | Learned], int]:
        """Return what came after the first `number` entries, and the number behind it.

        Raises `DataError` where that is so long ago that memory holds it no more.
        """
        start = number - self._forgotten
        if start < 0:
            raise DataError(f"{-start} entries came and went while a past was read; it is read again")
        found = self._entries[start : start + at_most]
        return found, number + len(found)

    def close(self) -> None:
        """Write what is left."""
        self.earlier.close()
        self.writer.close()

    def _append(self, entry: Payment | Learned) -> None:
        self._entries.append(entry)
        if len(self._entries) > 2 * self._kept:
            gone = len(self._entries) - self._kept
            for old in self._entries[:gone]:
                if isinstance(old, Payment):
                    self._recent.pop(old.key, None)
            del self._entries[:gone]
            self._forgotten += gone


@contextmanager
def open_record(
    address: str,
    *,
    synchronous: Synchronous = "normal",
    journal: Path | None = None,
    wait: float = WAIT_SECONDS,
) -> Iterator[Record]:
    """Give the record at an address, which is this service's alone until the block ends.

    What the `journal` of an earlier program holds is taken over first, once.
    """
    prediction_log = PredictionLog(address, synchronous=synchronous)
    try:
        with prediction_log.alone():
            if journal is not None:
                _take_over(prediction_log, journal)
            record = Record(prediction_log, wait=wait)
            try:
                yield record
            finally:
                record.close()
    finally:
        prediction_log.close()


def _take_over(prediction_log: PredictionLog, journal: Path) -> None:
    now = utc_now()
    payments, labels = read_journal(journal, after_place=prediction_log.last_place(), received=now)
    if payments:
        prediction_log.take_in([(payments, labels)], received=now, source="journal")
        log.info("%d payments of the journal in %s are in the record now", len(payments), journal)
    put_aside(journal)
