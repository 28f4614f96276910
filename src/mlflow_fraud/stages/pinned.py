"""What is pinned of a data set: which file has which content, and what new batches are to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from mlflow_fraud.adapters import dvc_repo
from mlflow_fraud.adapters.files import md5
from mlflow_fraud.adapters.raw_batches import batches_in
from mlflow_fraud.core.batch_names import identity, names_of
from mlflow_fraud.core.counted import listed
from mlflow_fraud.core.errors import DataError, StageFailed
from mlflow_fraud.settings import load_params


class Intake(NamedTuple):
    """The batches to pin, by the place where each is to lie, and what is pinned and would go for them."""

    new: dict[Path, Path]
    replaced: dict[Path, Path]
    """What goes, by the place of what comes."""


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


def require_batches_here() -> None:
    """Raise `DataError` unless every batch that the active data set has pinned is here, as it is pinned.

    What other data sets have pinned is no matter: on this machine it may never have been.
    """
    require_as_pinned(pinned_in(load_params().raw_folder))


def require_up_to_date() -> None:
    """Raise `StageFailed` where a stage's files, or the active data set's batches, changed while the stages ran."""
    pointers = sorted(load_params().raw_folder.glob("*.dvc"))
    changed = dvc_repo.changed([dvc_repo.GRAPH, *pointers])
    if changed:
        raise StageFailed(f"not up to date after all stages ran: {', '.join(changed)}; run again")


def intake(batches: Sequence[Path], folder: Path) -> Intake:
    """Return what is new in `batches` to what is pinned in `folder`.

    A batch is told by its name, whatever the file's suffix. Raises `DataError` where one content comes under two names,
    or would take the place of a file that nobody pinned.
    """
    contents = {batch: md5(batch) for batch in batches}
    _require_once(contents)
    pinned = pinned_in(folder)
    named, held = {identity(file.name): file for file in pinned}, {digest: file for file, digest in pinned.items()}
    new, replaced = {}, {}
    for batch, digest in contents.items():
        target, other = folder / batch.name, held.get(digest)
        if other is not None and other != target:
            raise DataError(
                f"{batch.name} has the content of {other.name}, which is pinned; leave it out, its rows are there"
            )
        same = named.get(identity(batch.name))
        if same is None:
            _require_free(target, digest)
        elif pinned[same] != digest:
            replaced[target] = same
        elif is_pinned(target):
            continue
        new[target] = batch
    return Intake(new, replaced)


def _require_once(contents: dict[Path, str]) -> None:
    digest, number = Counter(contents.values()).most_common(1)[0]
    if number > 1:
        names = [file.name for file, each in contents.items() if each == digest]
        raise DataError(f"{listed(names)} have one and the same content; leave one of them")


def _require_free(target: Path, digest: str) -> None:
    """Raise `DataError` where a file that nobody pinned lies where a new batch is to lie, unless it is that batch."""
    if target.is_file() and md5(target) != digest:
        raise DataError(f"{target} is there with other content and not pinned; take it away or give one another name")
    others = [] if target.is_file() else [target.name]
    names_of([*others, *(file.name for file in batches_in(target.parent))])


def _named_by(pointer: Path) -> str:
    try:
        return str(yaml.safe_load(pointer.read_text(encoding="utf-8"))["outs"][0]["md5"])
    except (yaml.YAMLError, UnicodeError, LookupError, TypeError):
        raise DataError(f"{pointer} is no pointer of DVC; `git checkout {pointer}` brings back what was") from None
