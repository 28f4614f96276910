"""Back to an earlier release in seconds, without a training tool; what is left is held until somebody names it."""

from __future__ import annotations

import getpass
from typing import NamedTuple

from mlflow_fraud.adapters.mlflow_alias import move_alias
from mlflow_fraud.adapters.release_store import Pointer, ReleaseStore
from mlflow_fraud.core.errors import SettingsError, TrackingFailed
from mlflow_fraud.core.release.first import back_to
from mlflow_fraud.core.release.holds import Course, course_of
from mlflow_fraud.core.release.ledger import PUT_BACK, ROLLBACK, Record, last_live
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.release.store import require_lasting_store
from mlflow_fraud.wall import stamp


class Rollback(NamedTuple):
    """Which version was live, which one is now, and which ones no verdict puts live any more."""

    left: str
    version: str
    held: tuple[str, ...]


def rollback(store: ReleaseStore, *, reason: str, to: str = "") -> Rollback:
    """Make the release live that was live before, or `to`; the `reason` stays in the ledger.

    Where `latest` is lost, `to` names what is to be live: any release that once was, also the one that the ledger says
    is. Its files are checked against their hashes first. Raises `SettingsError` where there is nothing to go back to,
    `ReleaseRejected` where that release is not whole, and `PromotionConflict` where somebody else moves the pointer at
    the same time; what is live then stays live.
    """
    why, lost = _reason(reason), _lost(store)
    if lost:
        return _restored(store, lost, to, why)
    pointer, course = _course(store)
    version = course.back(to)
    moved = store.promote(version, action=ROLLBACK, who=getpass.getuser(), at=stamp(), reasons=[why], expected=pointer)
    return Rollback(pointer.version, version, tuple(course_of(store.ledger(), moved.record).held))


def _lost(store: ReleaseStore) -> Record | None:
    """Return the record by which something is live in a store that has lost its pointer; None where it has it."""
    return last_live(store.ledger()) if store.latest() is None else None


def _restored(store: ReleaseStore, lost: Record, to: str, why: str) -> Rollback:
    require_lasting_store()
    once = course_of(store.ledger(), lost.number).once_live
    if to not in once:
        found = f"{to} was never live" if to else "nobody said which release is to be live"
        raise SettingsError(
            f"{found}, and `latest` is missing in {store}; by ledger record {lost.number} {lost.to_version} is live: "
            f"{back_to(lost)}, or --to another that once was: {', '.join(once)}"
        )
    moved = store.promote(
        to, action=ROLLBACK, who=getpass.getuser(), at=stamp(), reasons=[why], expected=None, lost=lost
    )
    return Rollback(lost.to_version, to, tuple(course_of(store.ledger(), moved.record).held))


def put_back(store: ReleaseStore, version: str, *, reason: str) -> str:
    """Put a held release live again on purpose, and return which one it takes the place of; no verdict is asked.

    Raises `SettingsError` where it is not held, otherwise as `rollback` does.
    """
    why = _reason(reason)
    pointer, course = _course(store)
    if version not in course.held:
        held = ", ".join(course.held) or "nothing"
        raise SettingsError(f"{version} is not held, in {store} {held} is; without --held the verdict is carried out")
    store.promote(version, action=PUT_BACK, who=getpass.getuser(), at=stamp(), reasons=[why], expected=pointer)
    return pointer.version


def let_alias_follow(store: ReleaseStore, version: str) -> str:
    """Let MLflow's alias `champion` name the model of the live `version`; return a sentence on what came of it."""
    environment, model_version = load_environment(), store.manifest(version).mlflow_model_version
    try:
        move_alias(environment.tracking_uri, environment.model_name, "champion", model_version)
    except TrackingFailed as error:
        return f"the alias champion in MLflow is behind ({error}); `mlflow-fraud alias` sets it"
    return f"the alias champion in MLflow names version {model_version}"


def _course(store: ReleaseStore) -> tuple[Pointer, Course]:
    """Return what is live and the way to it; the pointer is read first, so a move after it is a conflict."""
    require_lasting_store()
    pointer = store.latest()
    if pointer is None:
        raise SettingsError(f"nothing is live in {store}, so there is nothing to go back from")
    return pointer, course_of(store.ledger(), pointer.record)


def _reason(given: str) -> str:
    reason = " ".join(given.split())
    if not reason:
        raise SettingsError("the reason is empty; say in --reason why, for the ledger and who reads it later")
    return reason
