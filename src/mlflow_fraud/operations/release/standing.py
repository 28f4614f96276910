"""Against whom a challenger is held: what is live, the anchor, and how often it was tried before."""

from __future__ import annotations

from dataclasses import dataclass

from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.core.release.holds import course_of, in_words
from mlflow_fraud.core.release.ledger import Record
from mlflow_fraud.core.release.looks import look_number, proof_of
from mlflow_fraud.core.release.release import Release


@dataclass(frozen=True)
class Standing:
    """The live release, the last one that won by proof, and the ledger; nothing is live without a champion."""

    champion: Release | None
    anchor: Release | None
    records: tuple[Record, ...]
    live_record: int

    def look(self, challenger: str, rows: str) -> int:
        """Return which look at a change on these rows this is, since something last won by proof."""
        return look_number(self.records, self.live_record, challenger=challenger, rows=rows)

    def hold(self, version: str) -> str:
        """Return why the version does not go live by a verdict, as it was rolled back from; empty where it may."""
        hold = course_of(self.records, self.live_record).held.get(version)
        return in_words(hold, version) if hold else ""


def read_standing(store: ReleaseStore) -> Standing:
    """Return who stands in the store now; raise `ReleaseRejected` where one of them cannot be read."""
    pointer, records = store.latest(), store.ledger()
    if pointer is None:
        return Standing(None, None, tuple(records), 0)
    champion = store.fetch(pointer.version)
    proof = proof_of(records, pointer.record)
    anchor = champion if proof is None or proof.to_version == pointer.version else store.fetch(proof.to_version)
    return Standing(champion, anchor, tuple(records), pointer.record)
