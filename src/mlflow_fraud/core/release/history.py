"""What was live when, who put it live and why: the ledger, read as spans of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

from mlflow_fraud.core.release.ledger import Record, in_effect


@dataclass(frozen=True)
class Life:
    """From when to when a version was live, by which record; `until` is None while it still is."""

    record: Record
    since: datetime
    until: datetime | None

    def touches(self, day: date) -> bool:
        """Return whether it was live at some time of the day, in UTC."""
        begin = datetime.combine(day, time(), UTC)
        end = begin + timedelta(days=1)
        return self.since < end and (self.until is None or self.until > begin or self.since >= begin)


def lives(records: Sequence[Record], live_record: int) -> list[Life]:
    """Return what was live, oldest first, by the records that took effect; `live_record` put live what is."""
    effective = in_effect(records, live_record)
    begins = [datetime.fromisoformat(record.at).astimezone(UTC) for record in effective]
    ends = [*(later for _, later in pairwise(begins)), None]
    return [Life(record, since, until) for record, since, until in zip(effective, begins, ends, strict=False)]
