"""One clock for a service: what now is, and whether a transaction or a label is ahead of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal, Protocol

from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.clock import StreamClock
from mlflow_fraud.core.features.instants import arrival_told
from mlflow_fraud.core.features.online import Transaction
from mlflow_fraud.core.labels import LABELS_LATER
from mlflow_fraud.wall import wall_time

TOLERANCE = timedelta(days=1)


class AheadOfNow(DataError):
    """A time that is not there yet: whoever sent it has a clock that is wrong."""


class Clock(Protocol):
    """What judges the times that come in."""

    def require_reached(self, transaction: Transaction) -> None:
        """Raise `AheadOfNow` for a transaction that is further ahead than the tolerance."""

    def require_arrived(self, arrived: datetime) -> None:
        """Raise `AheadOfNow` for a label that says it arrives later than now."""

    def arrival(self, transaction: Transaction) -> datetime | None:
        """Return when a transaction that comes now arrives; None where it counts at its own time."""

    def note(self, transaction: Transaction) -> None:
        """Take in a transaction that belongs to the past from now on."""

    def last_time(self) -> datetime | None:
        """Return the last time that a transaction may have; None where there is none yet."""

    def last_arrival(self) -> datetime | None:
        """Return the last time that a label may arrive at; None where there is none yet."""


LATEST = timedelta(days=365)
"""No transaction comes so late; where one seems to, a record of before holds some of years to come."""

MakeClock = Callable[[Contract], Clock]
"""A clock for transactions of a contract: it says in whose local time, and by which entity they are told apart."""


def clock_of(kind: Literal["wall", "stream"], tolerance: timedelta = TOLERANCE) -> MakeClock:
    """Return how a clock is made: `wall` for live transactions, `stream` for made-up and recorded ones."""
    if kind == "wall":
        return lambda contract: WallClock(contract, tolerance)
    return lambda contract: RecordedClock(contract, tolerance)


class WallClock:
    """The time of day, in the contract's own zone."""

    def __init__(self, contract: Contract, tolerance: timedelta, now: Callable[[str], datetime] = wall_time) -> None:
        at, arrives = contract.column("event_time"), contract.column("label_time")
        assert at is not None  # a contract has one
        self._tolerance, self._now = tolerance, now
        self._zone, self._label_zone = at.timezone, (arrives or at).timezone

    def require_reached(self, transaction: Transaction) -> None:
        """Raise `AheadOfNow` for a transaction that is further ahead than the tolerance."""
        _require_before(transaction["event_time"], self.last_time(), WALL)

    def require_arrived(self, arrived: datetime) -> None:
        """Raise `AheadOfNow` for a label that says it arrives later than now."""
        _require_before(arrived, self.last_arrival(), WALL)

    def arrival(self, transaction: Transaction) -> datetime | None:
        """Return now, where that is of another hour than the transaction's time."""
        return arrival_told(transaction["event_time"], self._now(self._zone))

    def note(self, transaction: Transaction) -> None:
        """The time of day goes by without."""

    def last_time(self) -> datetime | None:
        """Return now and the tolerance."""
        return self._now(self._zone) + self._tolerance

    def last_arrival(self) -> datetime | None:
        """Return now and the tolerance, in the zone of labels."""
        return self._now(self._label_zone) + self._tolerance


class RecordedClock:
    """The newest time that several different cards have reached; see `StreamClock`.

    Cards are those of the contract's first entity; where it has none, each transaction is one.
    """

    def __init__(self, contract: Contract, tolerance: timedelta) -> None:
        self._told_apart_by: str = (*contract.entities, "event_id")[0]
        self._stream = StreamClock(tolerance)

    def require_reached(self, transaction: Transaction) -> None:
        """Raise `AheadOfNow` for a transaction that is further ahead than the tolerance."""
        at = transaction["event_time"]
        if not self._stream.admits(transaction[self._told_apart_by], transaction["event_id"], at):
            _require_before(at, self._stream.last, STREAM)

    def require_arrived(self, arrived: datetime) -> None:
        """Raise `AheadOfNow` for a label that is too far ahead: they arrive for long after the last transaction."""
        _require_before(arrived, self.last_arrival(), STREAM)

    def arrival(self, transaction: Transaction) -> datetime | None:
        """Return the newest time that several cards have reached, where the transaction is of an earlier hour.

        One that is of a later hour is the first to reach it. One that is behind by more than a year is not late, the
        others were ahead: it counts at its own time.
        """
        at, now = transaction["event_time"], self._stream.now
        if now is None or now <= at or now - at > LATEST:
            return None
        return arrival_told(at, now)

    def note(self, transaction: Transaction) -> None:
        """Take in a transaction that belongs to the past from now on."""
        self._stream.note(transaction[self._told_apart_by], transaction["event_time"])

    def last_time(self) -> datetime | None:
        """Return the newest time that several cards have reached, and the tolerance."""
        return self._stream.last

    def last_arrival(self) -> datetime | None:
        """Return the same, and what labels may arrive later."""
        last = self._stream.last
        return last and last + LABELS_LATER


WALL = "correct the sender's clock, or set FRAUD_CLOCK=stream where transactions are recorded ones"
STREAM = "correct the sender's clock, or set FRAUD_CLOCK=wall where transactions are live"


def _require_before(at: datetime, last: datetime | None, hint: str) -> None:
    if last is not None and at > last:
        raise AheadOfNow(f"expected a time up to {last:%Y-%m-%d %H:%M}, found one that is not there yet; {hint}")


RECORDED = clock_of("stream")
