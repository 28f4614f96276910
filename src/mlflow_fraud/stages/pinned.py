"""What is pinned of a data set: which file has which content, and whether it is here so."""

from __future__ import annotations

from pathlib import Path

import yaml

from mlflow_fraud.adapters.files import md5
from mlflow_fraud.adapters.raw_batches import batches_in
from mlflow_fraud.core.counted import listed
from mlflow_fraud.core.errors import DataError


def pinned_in(folder: Path) -> dict[Path, str]:
    """Return the MD5 of each pinned batch of a folder, whether it is here or not."""
    return {pointer.with_suffix(""): _named_by(pointer) for pointer in sorted(folder.glob("*.dvc"))}


def is_pinned(target: Path, *, like: Path | None = None) -> bool:
    """Return whether the file is there with the content that its pointer names (and that `like` has)."""
    pointer = target.with_name(target.name + ".dvc")
    if not (target.is_file() and pointer.is_file()):
        return False
    named = _named_by(pointer)
    return named == md5(target) and (like is None or named == md5(like))


def pinned_batches(folder: Path) -> list[Path]:
    """Return the batches of a folder as they are pinned.

    Raises `DataError` where one is pinned and not here, here and not pinned, or of another content than is pinned: what
    is trained on is what a commit names.
    """
    files, pinned = batches_in(folder), pinned_in(folder)
    if not files:
        return []
    stray = [file.name for file in files if file not in pinned]
    if stray:
        raise DataError(
            f"{listed(stray)} in {folder} is not pinned; `mlflow-fraud data add {folder / stray[0]} --dataset "
            f"{folder.name}` checks and pins it, or take it away"
        )
    require_as_pinned(pinned)
    return files


def pinned_corrections(folder: Path) -> list[Path]:
    """Return the files of corrections in a folder, none where there is no such folder.

    Raises `DataError` where one is pinned and not here, here and not pinned, or of another content than is pinned.
    """
    pinned = pinned_in(folder)
    stray = [file for file in sorted(folder.glob("*.parquet")) if file not in pinned and not file.name.startswith(".")]
    if stray:
        raise DataError(
            f"{stray[0]} is not pinned; take it away, and bring what it says by `mlflow-fraud data correct <file>`"
        )
    require_as_pinned(pinned)
    return list(pinned)


def require_as_pinned(pinned: dict[Path, str]) -> None:
    """Raise `DataError` where a pinned batch is not here, or of another content than is pinned."""
    absent = [file for file in pinned if not file.is_file()]
    if absent:
        raise DataError(
            f"{listed([file.name for file in absent])} of {absent[0].parent} is pinned and not here; "
            "`dvc pull` fetches what is pinned, `mlflow-fraud data simulate` makes the built-in batch"
        )
    altered = [file for file, named in pinned.items() if md5(file) != named]
    if altered:
        raise DataError(
            f"{altered[0]} is not as it is pinned; `dvc checkout {altered[0]}.dvc` (or `dvc pull`) brings back "
            "what is, a corrected batch comes in by `mlflow-fraud data add <file> --replace`"
        )


def _named_by(pointer: Path) -> str:
    try:
        return str(yaml.safe_load(pointer.read_text(encoding="utf-8"))["outs"][0]["md5"])
    except (yaml.YAMLError, UnicodeError, LookupError, TypeError):
        raise DataError(f"{pointer} is no pointer of DVC; `git checkout {pointer}` brings back what was") from None
