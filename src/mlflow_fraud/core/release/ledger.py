"""Who put which version live, when and why, and what was judged: records chained by hash, none changed unseen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Literal

from mlflow_fraud.core.errors import ReleaseRejected
from mlflow_fraud.core.strict import Strict

START = "0" * 64
"""What the first record names as its predecessor."""

VERDICT = "verdict"
"""The action of a record that moves nothing: a challenger was judged and did not go live."""

ROLLBACK = "rollback"
"""The action of a record that goes back to an earlier release; what it leaves is held."""

PUT_BACK = "put back"
"""The action of a record that puts a held release live again on purpose: by its name, not by a verdict."""

Kind = Literal["refresh", "change"]
"""The live release's own recipe on newer rows, or anything else."""


class Judged(Strict):
    """The contest behind a record: its kind, on which `rows` (their hash), at which look, and whether it was won.

    `proven` is true for what was proven better, and for a first release.
    """

    kind: Kind
    rows: str
    look: int
    proven: bool


class Record(Strict):
    """A move of the pointer, or a verdict. `at` is an ISO time in UTC, `previous` the hash of the record before.

    A verdict names the challenger as `to_version` and what is live as `from_version`. `judged` is missing in records
    that were written before it was known, and where nothing was judged.
    """

    number: int
    action: str
    at: str
    who: str
    from_version: str | None
    to_version: str
    reasons: tuple[str, ...]
    previous: str = START
    judged: Judged | None = None

    def to_json(self) -> bytes:
        """Return the record's bytes, over which `sha256` is taken; without `judged` those that it always had."""
        left_out = {"judged"} if self.judged is None else set[str]()
        return (json.dumps(self.model_dump(mode="json", exclude=left_out), sort_keys=True) + "\n").encode()

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


def last_live(records: Sequence[Record]) -> Record | None:
    """Return the record by which was live what the newest record says; None where nothing ever was.

    For a store whose pointer is lost: where it is there, its number says so. A promotion that a crash stopped before
    the pointer moved looks like one that took effect.
    """
    if not records:
        return None
    newest = records[-1]
    live = newest.from_version if newest.action == VERDICT else newest.to_version
    moves = (record for record in reversed(records) if record.action != VERDICT)
    return next((record for record in moves if record.to_version == live), None)


def in_effect(records: Sequence[Record], live_record: int) -> list[Record]:
    """Return the records that moved the pointer, oldest first, up to the one that put live what is.

    A record whose promotion a crash stopped never took effect: no later one starts from it.
    """
    found = list[Record]()
    wanted: str | None = None
    for record in reversed(records[:live_record]):
        if record.action != VERDICT and (not found or record.to_version == wanted):
            found.append(record)
            wanted = record.from_version
        if found and wanted is None:
            break
    return found[::-1]
