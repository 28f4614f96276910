"""What was asked for because of a live release, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from mlflow_fraud.adapters.files import read_json, write_json
from mlflow_fraud.core.watching.retrain import Asked, Came
from mlflow_fraud.operations.monitoring.retrainings import FAILED, STOPPED, VERDICT, Note, read_notes
from mlflow_fraud.operations.release.comparison import was_decided
from mlflow_fraud.paths import ASKED
from mlflow_fraud.wall import utc

HOW = {FAILED: "failed", STOPPED: "was stopped"}


def read_asked(version: str, unheard: timedelta) -> list[Asked]:
    """Return what was asked for because of a release, in the order of asking, and what came of each.

    To be called while no other run is at work in this folder: a retraining that began here and has no end was stopped.
    One that did not begin here, and that no decision names, is under way until nothing was heard of it for `unheard`.
    """
    found = read_json(ASKED) if ASKED.is_file() else []
    mine, notes = [each for each in found if each["version"] == version], read_notes()
    return [
        Asked(date.fromisoformat(each["day"]), each["kind"], each["reason"], *_came_of(each, notes, unheard))
        for each in mine
    ]


def write_asked(version: str, asked: Asked) -> None:
    """Add that a retraining is asked for; the same in the same words is the same asking."""
    found = read_json(ASKED) if ASKED.is_file() else []
    new = {"version": version, "day": str(asked.day), "kind": asked.kind, "reason": asked.reason}
    if not any(new.items() <= each.items() for each in found):
        write_json(ASKED, [*found, new | {"at": utc().isoformat()}])


def _came_of(entry: dict[str, Any], notes: Sequence[Note], unheard: timedelta) -> tuple[Came, str]:
    """Return what came of an asking, and how it ended where that is nothing.

    Any verdict since answers it, whoever started that retraining.
    """
    at = datetime.fromisoformat(entry.get("at", datetime.min.replace(tzinfo=UTC).isoformat()))
    since = [each for each in notes if each.begun >= at]
    if "at" not in entry or any(each.ended == VERDICT for each in since):
        return "verdict", ""
    mine = [each for each in since if each.reason == entry["reason"]]
    if mine:
        return "nothing", HOW[mine[-1].ended]
    if was_decided(entry["reason"]):
        return "verdict", ""
    if utc() - at < unheard:
        return "under way", ""
    return "nothing", f"was not heard of in {unheard // timedelta(hours=1)} hours"
