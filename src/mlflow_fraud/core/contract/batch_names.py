"""The names of batches: what a file's name says, and a name of its own for each file of a folder or a zip."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from mlflow_fraud.core.errors import DataError

SUFFIXES = (".csv", ".csv.gz", ".parquet")
LONGEST = 200
"""So many bytes a name may have: its pointer's name, and that of a file not yet whole, are longer."""

_DRIVE = re.compile(r"[A-Za-z]:")


def is_batch_name(name: str) -> bool:
    """Return whether a file's name is that of a batch, in capitals too.

    >>> is_batch_name("2020-01.CSV"), is_batch_name(".2020-01.csv"), is_batch_name("2020-01.xlsx")
    (True, False, False)
    """
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def batch_of(name: str) -> str:
    """Return the name of the batch in a file of this name.

    >>> batch_of("2020-01.csv.gz")
    '2020-01'
    """
    return name[: len(name) - len(_suffix(name))]


def identity(name: str) -> str:
    """Return what is equal for two files that are one batch: also where only capitals or the form of accents differ.

    >>> identity("Export.csv") == identity("export.parquet"), identity("a b.csv") == identity("ab.csv")
    (True, False)
    """
    return unicodedata.normalize("NFC", batch_of(name)).casefold()


def names_of(places: Iterable[str]) -> dict[str, str]:
    """Return the name under which the file at each place, a path with `/`, goes on: its own, where no other has it.

    Files of one name in several folders have the folders in theirs. Raises `DataError` that names both where two files
    would still be one batch, and for a place that leads out of where it is.

    >>> names_of(["kaggle/fraudTrain.csv", "kaggle/fraudTest.CSV"])
    {'kaggle/fraudTrain.csv': 'fraudTrain.csv', 'kaggle/fraudTest.CSV': 'fraudTest.csv'}
    >>> names_of(["2020/01/data.csv", "2020/02/data.csv", "shops.csv"])
    {'2020/01/data.csv': '2020_01_data.csv', '2020/02/data.csv': '2020_02_data.csv', 'shops.csv': 'shops.csv'}
    """
    own: dict[str, list[str]] = {}
    for place in places:
        _require_inside(place)
        own.setdefault(identity(_last(place)), []).append(place)
    names = {
        place: _plain(_last(place) if len(shared) == 1 else place.replace("/", "_"), place)
        for shared in own.values()
        for place in shared
    }
    taken: dict[str, str] = {}
    for place, name in names.items():
        other = taken.setdefault(identity(name), place)
        if other != place:
            raise DataError(
                f"{other} and {place} would both be the batch {batch_of(name)}; leave one out or give it another name"
            )
    return names


def _last(place: str) -> str:
    return place.rsplit("/", 1)[-1]


def _suffix(name: str) -> str:
    return next((name[-len(suffix) :] for suffix in SUFFIXES if name.lower().endswith(suffix)), "")


def _plain(name: str, place: str) -> str:
    """Return the name with its suffix in small letters; raise `DataError` where no pointer could have it."""
    if not name.isprintable() or "\\" in name or len(name.encode(errors="replace")) > LONGEST:
        raise DataError(f"{place!r} is no name for a batch; give the file a short one of letters, digits, - and _")
    return batch_of(name) + _suffix(name).lower()


def _require_inside(place: str) -> None:
    if place.startswith("/") or ".." in place.split("/") or _DRIVE.match(place):
        raise DataError(f"{place!r} leads out of what it was packed in; pack the files again by their names alone")
