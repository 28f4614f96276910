"""Files that are whole or not there: written beside their place, then renamed into it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from mlflow_fraud.core.errors import DataError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path that takes the place of `path` when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pending = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        yield pending
        pending.replace(path)
    finally:
        pending.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content`, whole or not at all."""
    with replacing(path) as pending:
        pending.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: Path, document: Any) -> None:
    """Write `document` as indented JSON: the same document, the same bytes."""
    write_text(path, json.dumps(document, indent=1) + "\n")


def read_json(path: Path) -> Any:
    """Return the JSON document in a file; raise `DataError` where it holds none, as after a merge or a full disk."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is one of the first
        raise DataError(
            f"{path} is no JSON document ({error}): empty, cut off, or with marks of a merge in it; "
            "`dvc repro` makes it anew, `git checkout` brings back a committed one"
        ) from None


def write_parquet(path: Path, frame: pl.DataFrame) -> None:
    """Write `frame`, whole or not at all; the same frame gives the same bytes.

    In one piece: into how many a frame is cut follows from the number of threads that made it, and shows in the file.
    """
    with replacing(path) as pending:
        frame.rechunk().write_parquet(pending, compression="zstd", statistics=True)


def md5(path: Path) -> str:
    """Return a file's MD5, the name under which DVC keeps it."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()
