"""Who put which version live, when and why: records chained by hash, so none can be changed unseen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from mlflow_fraud.core.errors import ReleaseRejected
from mlflow_fraud.core.strict import Strict

START = "0" * 64
"""What the first record names as its predecessor."""


class Record(Strict):
    """One promotion or rollback. `at` is an ISO time in UTC, `previous` the hash of the record before."""

    number: int
    action: str
    at: str
    who: str
    from_version: str | None
    to_version: str
    reasons: tuple[str, ...]
    previous: str = START

    def to_json(self) -> bytes:
        """Return the record's bytes, over which `sha256` is taken."""
        return (json.dumps(self.model_dump(mode="json"), sort_keys=True) + "\n").encode()

    @property
    def sha256(self) -> str:
        """The hash that the next record names."""
        return hashlib.sha256(self.to_json()).hexdigest()


def check_chain(records: Sequence[Record]) -> None:
    """Raise `ReleaseRejected` at the first record that does not follow from the one before it."""
    previous = START
    for place, record in enumerate(records, start=1):
        if record.number != place or record.previous != previous:
            raise ReleaseRejected(
                f"the ledger is broken at record {place}: a record was changed or taken away; "
                "compare it with a backup before trusting what is live"
            )
        previous = record.sha256
