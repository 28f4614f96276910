"""What is said of a file whose rows come long after their time: by the clock they count where they come."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from mlflow_fraud.adapters.prediction_log.entries import Payment
from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.features.definitions import windows_behind
from mlflow_fraud.core.features.schema import FeatureSchema

HINTS = {
    "wall": "set FRAUD_CLOCK=stream for a file of payments of before",
    "stream": "--without-record scores them from the file alone, in its own time",
}


class LateRows:
    """Counts those rows among whose features are windows that move by hops, and that come after the tolerance."""

    def __init__(
        self, schema: FeatureSchema, clock: Literal["wall", "stream"], tolerance: timedelta, *, after: int
    ) -> None:
        self.count, self._clock, self._tolerance, self._after = 0, clock, tolerance, after
        self._hops = any(window.hop for window in windows_behind(schema.features))
        self._now: datetime | None = None

    def look_at(self, payment: Payment) -> None:
        """Take notice of a row; one that the record had before has the answer that it got then."""
        arrival = payment.arrival
        if not self._hops or arrival is None or payment.place <= self._after:
            return
        if arrival - payment.transaction["event_time"] > self._tolerance:
            self.count, self._now = self.count + 1, arrival

    def __str__(self) -> str:
        """Say it in a sentence; nothing where there are none."""
        if self._now is None:
            return ""
        come = counted(self.count, "row comes", "rows come")
        return (
            f"{come} late by FRAUD_CLOCK={self._clock}, whose now is {self._now:%Y-%m-%d %H:%M}: windows that move by "
            f"hops have them then, so that later rows do not see them there; {HINTS[self._clock]}"
        )
