"""What became of the retrainings in this folder: each notes that it began, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from mlflow_fraud.adapters.files import read_json, write_json
from mlflow_fraud.paths import RETRAININGS
from mlflow_fraud.wall import utc

VERDICT, FAILED, STOPPED = "verdict", "failed", "stopped"
MOST = 50
"""So many of the last ones are kept."""


class Note(NamedTuple):
    """Why a retraining was begun, when, and how it ended: with a verdict, failed or stopped, as by a kill."""

    reason: str
    begun: datetime
    ended: str


@contextmanager
def noted(reason: str) -> Iterator[None]:
    """Note that a retraining begins and, when the block ends, how. A verdict of either kind is a good end."""
    note = Note(reason, utc(), STOPPED)
    _write(note)
    try:
        yield
    except Exception:
        _write(note._replace(ended=FAILED))
        raise
    _write(note._replace(ended=VERDICT))


def read_notes() -> list[Note]:
    """Return the notes, oldest first; one that is at work now stands there as stopped."""
    found = read_json(RETRAININGS) if RETRAININGS.is_file() else []
    return [Note(each["reason"], datetime.fromisoformat(each["begun"]), each["ended"]) for each in found]


def _write(note: Note) -> None:
    others = [each for each in read_notes() if each.begun != note.begun]
    kept = [*others, note][-MOST:]
    write_json(RETRAININGS, [each._asdict() | {"begun": each.begun.isoformat()} for each in kept])
