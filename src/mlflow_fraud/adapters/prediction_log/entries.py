"""What the record holds, as values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

from mlflow_fraud.core.features.definitions import ARRIVAL, SERVED

Source = Literal["service", "journal", "history", "file"]
"""Where it came from: a request, the journal of an earlier program, the pinned history, or a file of labels."""

Key = tuple[str, Any]
"""A contract's name and a transaction's id."""


class Answer(NamedTuple):
    """What the service said of a payment: `features` are Float32 bytes, in the order of the release's schema.

    `label_chance` is the chance with which its label is looked for where labels are selective, else None.
    """

    prediction: str
    release: str
    features: bytes
    probability: float
    flagged: bool
    threshold: float
    took_us: int = 0
    label_chance: float | None = None


class Payment(NamedTuple):
    """A transaction by pipeline names, its place in the order in which all came, and the answer, if one was given.

    `received` is in UTC; the transaction's own times are on the contract's clock. `scores` are its amount's distances
    from what was usual, in whole thousandths by the names of the scores, as its answer was made with them; where past
    scores are features, what was usual is beside them. `arrival`, on the contract's clock, is where windows that move
    by hops count it; None for its event time.
    """

    place: int
    contract: str
    transaction: Mapping[str, Any]
    received: datetime
    source: Source = "service"
    scores: Mapping[str, float | None] | None = None
    answer: Answer | None = None
    arrival: datetime | None = None

    @property
    def as_it_came(self) -> Mapping[str, Any]:
        """The transaction, with its arrival where that counts, and the scores that it was served with."""
        if self.arrival is None and self.scores is None:
            return self.transaction
        beside = {ARRIVAL: self.arrival, SERVED: self.scores}
        return {**self.transaction, **{name: value for name, value in beside.items() if value is not None}}

    def answered(self, answer: Answer, scores: Mapping[str, float | None] | None) -> Payment:
        """Return the payment with its scores and its answer: as `_replace` does, in a third of the time."""
        return Payment(
            self.place, self.contract, self.transaction, self.received, self.source, scores, answer, self.arrival
        )

    @property
    def key(self) -> Key:
        """What tells it from all others."""
        return self.contract, self.transaction["event_id"]


class Completed(NamedTuple):
    """An answer to a payment that is there without one."""

    place: int
    answer: Answer


class Reasoned(NamedTuple):
    """The reasons of an answer, in JSON, as they were worked out after it."""

    place: int
    prediction: str
    reasons: str


class Label(NamedTuple):
    """What became known of a payment: 1 for a fraud, `arrived` then on the contract's clock."""

    of: Key
    label: int
    arrived: datetime


class Correction(NamedTuple):
    """A payment is `instead` from after `observed` on, on the contract's clock; None where it was reversed."""

    of: Key
    instead: Mapping[str, Any] | None
    observed: datetime


class Learned(NamedTuple):
    """A label as the record numbers it, with its payment, which is None where the record does not have it yet.

    `others` are the labels of the payment that were told before, each with its arrival, in that order.
    """

    number: int
    key: Key
    of: Payment | None
    label: int
    arrived: datetime
    others: tuple[tuple[int, datetime], ...] = ()


class Corrected(NamedTuple):
    """A correction as the record numbers it, with its payment."""

    number: int
    of: Payment
    instead: Mapping[str, Any] | None
    observed: datetime


class ReleaseNote(NamedTuple):
    """A release that answers: what leads from an answer back to run, data and code."""

    version: str
    schema_sha256: str
    schema: str
    manifest: str


Entry = Payment | Completed | Reasoned | ReleaseNote
"""What a service adds while it answers."""
