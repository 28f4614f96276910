"""What monitoring keeps beside the repository: the windows that releases were seen in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mlflow_fraud.adapters.files import read_json, write_json
from mlflow_fraud.paths import WINDOWS

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


def write_seen(version: str, seen: Iterable[Entry]) -> list[Entry]:
    """Write all windows of one look at the record and return them as they are written, in the order of time.

    They take the place of those that earlier looks saw of the release: pools are cut anew as labels come, and what is
    not revisited any more, as its days were pruned, is not how it is today.
    """
    others = [each for each in read_windows() if each["version"] != version or each.get("kind", "file") == "file"]
    write_json(WINDOWS, sorted([*others, *seen], key=_order))
    return read_windows(version, of_files=False)


def _key(window: Entry) -> tuple[str, str, str]:
    return window["version"], window.get("kind", "file"), window["name"]


def _order(window: Entry) -> tuple[str, str, str]:
    """Return the place in time: by its end, then its beginning, whatever it is called."""
    return str(window["until"]), str(window.get("since", "")), window["name"]
