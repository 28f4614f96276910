"""What the service was asked and told, in the order in which it came: all in the record, the newest in memory too."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from mlflow_fraud.adapters.prediction_log.afterwards import (
    Outcome,
    corrections_of,
    learned_after,
    take_labels,
    times_of,
)
from mlflow_fraud.adapters.prediction_log.connection import Synchronous
from mlflow_fraud.adapters.prediction_log.entries import (
    Completed,
    Corrected,
    Correction,
    Key,
    Label,
    Learned,
    Payment,
    ReleaseNote,
)
from mlflow_fraud.adapters.prediction_log.forgetting import Known, tombstones
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.old_journal import put_aside, read_journal
from mlflow_fraud.adapters.prediction_log.quarantine import all_spans
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.contract.forgotten import mark_of
from mlflow_fraud.core.errors import DataError, RecordUnavailable
from mlflow_fraud.core.features.online import Transaction
from mlflow_fraud.serving.beginning import Beginning
from mlflow_fraud.serving.correcting import alike, require_of
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
    """What is said is said of a payment that is not in the record."""


class OtherContent(DataError):
    """A payment of a known id that is not the one that was scored."""


Past = Payment | Learned | Corrected
"""What belongs to the past, in the order in which it came."""


class Mark(NamedTuple):
    """A moment: the entries before `end`, the payments up to `place`, labels and corrections up to their numbers.

    `unwritten` are those payments which the record may not hold yet.
    """

    end: int
    place: int
    label: int
    correction: int
    unwritten: tuple[Payment, ...]


class Record:
    """The payments and labels of this service, each once, in the order in which they came.

    `lock` is held while a past is read and written, so that all see one order. A payment has its place and is in memory
    from `enter` on; `settle_all` has it written, with its answer. What the record cannot take now waits in memory.
    Where there is a log `aside`, what comes is written into that one, and the record stays as it is.
    """

    def __init__(
        self,
        log: PredictionLog,
        *,
        aside: PredictionLog | None = None,
        tail: int = TAIL,
        known: int = KNOWN,
        wait: float = WAIT_SECONDS,
    ) -> None:
        self.lock, self._labelling = Lock(), Lock()
        self.log, self._aside, self.writer = log, aside, Writer(aside or log, wait=wait)
        self._kept = tail
        self._entries: list[Past] = []
        self._forgotten = 0
        self._recent: dict[Key, Payment] = {}
        self._unsettled: dict[int, Payment] = {}  # by place: in memory, and not given to be written yet
        self._place, self._correction = log.last_place(), log.last_correction()
        self._labels_at_start = log.last_label()
        self._labels: dict[str, int] = {}
        self.beginning, self._known = Beginning(), KnownIds(kept=known)
        self.earlier = EarlierIds(log, self._known, self.lock, at_most=known, progress=self.beginning)
        self._introduced: set[str] = set()
        with log.reading() as connection:
            self._stones, self._left_out = tombstones(connection), all_spans(connection)

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
        came = self.recent(contract, event_id) or (self._aside and self._aside.find(contract, event_id))
        return came or self.log.find(contract, event_id)

    def recent(self, contract: Contract, event_id: Any) -> Payment | None:
        """Return the payment of this id if it came a short while ago, or None: without a look into the record."""
        return self._recent.get((contract.name, event_id))

    def enter(self, contract: Contract, transaction: Transaction, arrival: datetime | None = None) -> Payment:
        """Give a new payment its place, with `lock` held; `arrival` is where it counts then and not at its time."""
        self._place += 1
        payment = Payment(self._place, contract.name, transaction, utc_now(), arrival=arrival)
        self._known.add(payment.key, transaction["event_time"])
        self._recent[payment.key] = self._unsettled[payment.place] = payment
        self._append(payment)
        return payment

    def settle_all(self, payments: Sequence[Payment]) -> list[Ticket]:
        """Have payments written together, each with its answer if there is one; the tickets say whether each is."""
        for payment in payments:
            self._renew(payment)
        try:
            return self.writer.put_all(payments)
        finally:  # what cannot be given to be written is told as an error, and waits for nothing any more
            for payment in payments:
                self._unsettled.pop(payment.place, None)

    def complete(self, payment: Payment) -> Ticket:
        """Have the answer written to a payment that is there without one."""
        assert payment.answer is not None
        self._renew(payment)
        return self.writer.put(payment if self._aside else Completed(payment.place, payment.answer))

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

    def learn(self, contract: Contract, labels: Sequence[Label]) -> list[Outcome]:
        """Write what became known of payments, then let every past know; return what came of each label.

        Raises `RecordUnavailable` where the record cannot be read or written: then none is taken.
        """
        with self._labelling:
            recent = [payment for label in labels if (payment := self._recent.get(label.of))]
            waiting = [payment for payment in recent if self._waits(payment)]  # before the record is asked
            times = {str(payment.key[1]): payment.transaction["event_time"] for payment in waiting}
            times |= times_of(self.log, contract, [str(label.of[1]) for label in labels])
            outcomes = take_labels(self.log, contract, labels, times, received=utc_now(), source="service")
            self._follow(contract)
        return outcomes

    def follow(self, contract: Contract) -> None:
        """Let every past know the labels that another process has written since; raise `RecordUnavailable` as above."""
        with self._labelling:
            self._follow(contract)

    def correct(self, contract: Contract, event_id: Any, instead: Transaction | None, observed: datetime) -> bool:
        """Write that a payment is another one, or none, from after `observed` on, then let every past know.

        Return False where the same was told of the same moment. Raises `UnknownTransaction` where the payment is not
        known, `TooEarly` where the moment is before it, `DataError` where it could not be this one, and
        `RecordUnavailable` as above.
        """
        with self._labelling:
            recent = self.recent(contract, event_id)
            waits = recent is not None and self._waits(recent)  # before the record is asked
            payment = self.log.find(contract, event_id)
            if payment is None and waits:
                raise RecordUnavailable("the payment itself is not in the record yet, which its correction follows")
            if payment is None:
                raise UnknownTransaction("no transaction of this id was scored here; corrections follow their scores")
            require_of(payment.transaction, instead, observed, contract)
            corrections = corrections_of(self.log, contract, payment)
            if any(each.observed == observed and alike(each.instead, instead) for each in corrections):
                return False
            correction = Correction(payment.key, instead, observed)
            number = self.log.add_correction(correction, received=utc_now(), source="service")
            with self.lock:
                self._correction = number
                self._append(Corrected(number, payment, instead, observed))
        return True

    def let_go(self, taken_in: Callable[[], None]) -> bool:
        """Let go of what is in memory of people who were forgotten since the last look.

        Return whether there are any, or spans that were put in quarantine: a past of before has what is out of it now.
        `taken_in` takes into the past what it lacks, with `lock` held: what came before is known from the record alone
        from then on. What waits to be written and is theirs is not written. Raises `RecordUnavailable` as above.
        """
        with self.log.reading() as connection:
            stones, left_out = tombstones(connection), all_spans(connection)
        fewer = left_out != self._left_out
        self._left_out = left_out
        if stones == self._stones:
            return fewer
        self._stones = stones
        self.writer.leave_out(_theirs(stones))
        with self.lock:
            taken_in()
            self._forgotten, self._entries = self.end, []
            self._recent = {payment.key: payment for payment in self._unwritten()}
        return True

    def mark(self, contract: Contract) -> Mark:
        """Return what has come by now, with `lock` held."""
        return Mark(
            self.end,
            self._place,
            self._labels.setdefault(contract.name, self._labels_at_start),
            self._correction,
            tuple(self._unwritten()),
        )

    @property
    def begins_with_nothing(self) -> bool:
        """Whether no payment was meant to be before: there is nothing but the log aside."""
        return self._aside is self.log

    @property
    def place(self) -> int:
        """The place of the payment that came last."""
        return self._place

    @property
    def end(self) -> int:
        """The number behind the last entry that ever came."""
        return self._forgotten + len(self._entries)

    def after(self, number: int, at_most: int) -> tuple[list[Past], int]:
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

    def _unwritten(self) -> list[Payment]:
        """Return the payments that the record may not hold yet, in their order."""
        found = dict(self._unsettled)  # first: what is given to be written meanwhile is in both
        found |= {each.place: each for each in self.writer.unwritten()}
        return [found[place] for place in sorted(found)]

    def _renew(self, payment: Payment) -> None:
        """Have a payment in memory with its answer, where it is still there."""
        if payment.key in self._recent:
            self._recent[payment.key] = payment

    def _waits(self, payment: Payment) -> bool:
        """Return whether a payment is not in the record yet; one that is not there any more was forgotten."""
        return not self.writer.again(payment.place).written

    def _follow(self, contract: Contract) -> None:
        seen = self._labels.get(contract.name, self._labels_at_start)
        for learned in learned_after(self.log, contract, seen):
            payment = learned.of or self._recent.get(learned.key)
            with self.lock:
                self._labels[contract.name] = learned.number
                if payment:
                    self._append(learned._replace(of=payment))

    def _append(self, entry: Past) -> None:
        self._entries.append(entry)
        if len(self._entries) > 2 * self._kept:
            gone = len(self._entries) - self._kept
            for old in self._entries[:gone]:
                if isinstance(old, Payment):
                    self._recent.pop(old.key, None)
            del self._entries[:gone]
            self._forgotten += gone


def _theirs(stones: Mapping[Known, datetime]) -> Callable[[Payment], bool]:
    """Return what tells whether a payment was received from somebody before they were forgotten."""
    entities = {(one.contract, one.entity) for one in stones}

    def is_theirs(payment: Payment) -> bool:
        ones = [
            Known(contract, entity, mark_of(value))
            for contract, entity in entities
            if contract == payment.contract and (value := payment.transaction.get(entity)) is not None
        ]
        return any(one in stones and payment.received <= stones[one] for one in ones)

    return is_theirs


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
