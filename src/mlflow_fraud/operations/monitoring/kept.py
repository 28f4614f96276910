"""What monitoring keeps beside the repository: the windows that releases were seen in, and what was asked for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from mlflow_fraud.adapters.files import read_json, write_json
from mlflow_fraud.core.watching.retrain import Asked
from mlflow_fraud.paths import ASKED, WINDOWS

Entry = dict[str, Any]


def read_windows(version: str = "", *, of_files: bool | None = None) -> list[Entry]:
    """Return the windows of a release, or of all, in the order of time; those of CSV files or of the record alone."""
    windows = list[Entry](read_json(WINDOWS)) if WINDOWS.is_file() else []
    return [
        window
        for window in windows
        if version in ("", window["version"]) and of_files in (None, window.get("kind", "file") == "file")
    ]


def write_windows(new: Iterable[Entry]) -> None:
    """Write windows; one that is there takes its newer figures, for its rows may have matured."""
    kept = {_key(window): window for window in [*read_windows(), *new]}
    write_json(WINDOWS, sorted(kept.values(), key=_order))


def read_asked(version: str) -> list[Asked]:
    """Return what was asked for because of a release."""
    found = read_json(ASKED) if ASKED.is_file() else []
    return [
        Asked(date.fromisoformat(each["day"]), each["kind"], each["reason"])
        for each in found
        if each["version"] == version
    ]


def write_asked(version: str, asked: Asked) -> None:
    """Add that a retraining was asked for; the same day and kind again is the same asking."""
    found = read_json(ASKED) if ASKED.is_file() else []
    new = {"version": version, "day": str(asked.day), "kind": asked.kind, "reason": asked.reason}
    same = [each for each in found if (each["version"], each["day"], each["kind"]) == (version, new["day"], asked.kind)]
    if not same:
        write_json(ASKED, [*found, new])


def _key(window: Entry) -> tuple[str, str, str]:
    return window["version"], window.get("kind", "file"), window["name"]


def _order(window: Entry) -> tuple[str, str, str]:
    """Return the place in time: by its end, then its beginning, whatever it is called."""
    return str(window["until"]), str(window.get("since", "")), window["name"]
