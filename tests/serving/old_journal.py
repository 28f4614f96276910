"""A journal as a program before the record wrote it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any


def write_journal(folder: Path, entries: Iterable[Mapping[str, Any]]) -> None:
    """Write entries as lines."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "newer.jsonl").open("wb") as lines:
        for entry in entries:
            lines.write(json.dumps(entry, default=_told, separators=(",", ":")).encode() + b"\n")


def _told(value: object) -> dict[str, str]:
    if isinstance(value, datetime):
        return {"$time": value.isoformat()}
    assert isinstance(value, date)
    return {"$day": value.isoformat()}
