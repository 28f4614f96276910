"""The first release, which is asked for: an empty store may as well be the wrong one."""

from __future__ import annotations

from collections.abc import Sequence

from mlflow_fraud.core.errors import PromotionConflict
from mlflow_fraud.core.release.ledger import Record, last_live


def no_champion(store: str) -> str:
    """Return the reason that keeps a challenger out of a store in which nothing is live."""
    return f"there is no champion yet in {store}; a first release needs to be asked for: --first"


def require_none_before(records: Sequence[Record], store: str, version: str | None = None) -> None:
    """Raise `PromotionConflict` where a pointer is missing beside a ledger by which something is live.

    A first promotion that a crash stopped before the pointer moved leaves such a ledger, too: the same `version` goes
    on. None asks whether some version may.
    """
    lost = last_live(records)
    begun = all(record.from_version is None for record in records)
    if lost is None or (begun and version in (None, lost.to_version)):
        return
    raise PromotionConflict(
        f"this would be no first release: by ledger record {lost.number} {lost.to_version} is live in {store}, and "
        f"`latest`, which names it there, is missing. Unless somebody promotes at this moment it was lost: restore it "
        f"from the bucket's versions or a backup, or make that release live again: {back_to(lost)}"
    )


def back_to(lost: Record) -> str:
    """Return the command that makes live again what the record put live."""
    return f"`mlflow-fraud rollback --to {lost.to_version} --reason …`"
