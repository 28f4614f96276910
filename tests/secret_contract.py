"""A contract with secret columns, keys for it, and where a plain value might be left."""

from __future__ import annotations

import gzip
import sqlite3
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import closing
from copy import deepcopy
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from mlflow_fraud.core.contract.contract import Contract, read_contract
from mlflow_fraud.core.contract.pseudonym_key import read_key
from tests.conftest import ROOT

KEY = "ee91356cd621c2aae083084cc74645c14557d153dd148a6433f1ea04b10d2b50"
OTHER_KEY = "9t3cbIus7qFOQtBD12hNKdF1jjSpoQGIoz1MtqfGfL8="
CHECK = read_key(KEY).check


def secret_document() -> dict[str, Any]:
    """Return the shipped contract with its card called secret."""
    document: dict[str, Any] = deepcopy(yaml.safe_load((ROOT / "data/contracts/sparkov.yaml").read_text()))
    document["columns"]["cc_num"]["secret"] = True
    return document | {"pseudonym_key_check": CHECK}


def secret_contract(columns: dict[str, Any] | None = None, **rest: Any) -> Contract:
    """Return the shipped contract with its card called secret, with changes to its columns or the rest."""
    document = secret_document()
    document["columns"] |= columns or {}
    return read_contract(document | rest, where="test")


def left_in(folder: Path, plain: Iterable[int | str]) -> list[str]:
    """Return the places below `folder` with one of the plain values: in bytes, packed, in tables, in git's objects."""
    wanted = {str(value) for value in plain}
    found = []
    for file in (path for path in folder.rglob("*") if path.is_file()):
        found += [f"{file.relative_to(folder)}: {what}" for what in _in_file(file, wanted)]
    return found + [f"git: {what}" for what in _in_git(folder, wanted)]


def _in_file(file: Path, wanted: set[str]) -> Iterator[str]:
    content = file.read_bytes()
    packed = content[:2] == b"\x1f\x8b"
    yield from _in_bytes(gzip.decompress(content) if packed else content, wanted)
    if content[:4] == b"PAR1":
        frame = pl.read_parquet(file)
        for name in frame.columns:
            if frame[name].cast(pl.String, strict=False).is_in(list(wanted)).any():
                yield f"values of {name}"
    if content[:15] == b"SQLite format 3":
        yield from _in_database(file, wanted)


def _in_bytes(content: bytes, wanted: set[str]) -> Iterator[str]:
    if any(value.encode() in content or value.encode("utf-16-le") in content for value in wanted):
        yield "bytes"


def _in_database(file: Path, wanted: set[str]) -> Iterator[str]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        for (table,) in database.execute("select name from sqlite_master where type = 'table'").fetchall():
            for row in database.execute(f'select * from "{table}"'):
                if any(value in str(cell) for cell in row for value in wanted):
                    yield f"rows of {table}"
                    break


def _in_git(folder: Path, wanted: set[str]) -> Iterator[str]:
    if (folder / ".git").is_dir():
        asked = ["git", "cat-file", "--batch", "--batch-all-objects"]
        yield from _in_bytes(subprocess.run(asked, cwd=folder, check=True, capture_output=True).stdout, wanted)
