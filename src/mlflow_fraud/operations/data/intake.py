"""What new batches are to what is pinned: new, the same again, or in the place of another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mlflow_fraud.adapters.files import md5
from mlflow_fraud.adapters.raw_batches import batches_in
from mlflow_fraud.core.contract.batch_names import identity, names_of
from mlflow_fraud.core.counted import listed
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.stages.pinned import is_pinned, pinned_in


class Intake(NamedTuple):
    """The batches to pin, by the place where each is to lie, and what is pinned and would go for them."""

    new: dict[Path, Path]
    replaced: dict[Path, Path]
    """What goes, by the place of what comes."""


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
