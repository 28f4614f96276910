"""The release that is live, as monitoring asks for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.core.errors import ReleaseRejected
from mlflow_fraud.core.release.release import Release
from mlflow_fraud.wall import utc


def live_release(store: ReleaseStore, wanted: str = "to watch") -> Release:
    """Return what is live; raise `ReleaseRejected` where nothing is, with what it is `wanted` for."""
    pointer = store.latest()
    if pointer is None:
        raise ReleaseRejected(
            f"nothing is live yet in {store}, so there is nothing {wanted}; "
            "`python -m flows.retraining --first` makes a first release"
        )
    return store.fetch(pointer.version)


def pointer_age(store: ReleaseStore) -> float | None:
    """Return for how many days the pointer has not moved; None where the record that moved it says no time."""
    pointer = store.latest()
    if pointer is None:
        return None
    try:
        moved = datetime.fromisoformat(store.ledger()[pointer.record - 1].at)
    except ValueError:
        return None
    return (utc() - (moved if moved.tzinfo else moved.replace(tzinfo=UTC))) / timedelta(days=1)
