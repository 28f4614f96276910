"""A project's own MLflow file after the project was moved, copied or renamed: its addresses follow."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

ADDRESSES = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
}
"""The columns in which MLflow keeps where artifacts are, from the root of the file system on."""


def follow_project(database: Path, artifacts: Path, project: Path) -> Path | None:
    """Let the addresses in `database` lie in `project` where it lay in another folder; return that one, or None.

    Only a database inside the project, with `artifacts` as a relative path, moves along with it: what is elsewhere
    by its whole path stays there, and so does what others share.
    """
    if artifacts.is_absolute() or not database.is_file() or not database.resolve().is_relative_to(project.resolve()):
        return None
    with closing(sqlite3.connect(database, timeout=20)) as connection:
        before = _earlier_project(connection, artifacts, project)
        if before is not None:
            with connection:
                _rewrite(connection, before, project)
    return before


def _earlier_project(connection: sqlite3.Connection, artifacts: Path, project: Path) -> Path | None:
    """Return the folder in which `artifacts` lay when an experiment was made, if it is not this one."""
    if not _has(connection, "experiments", "artifact_location"):
        return None
    ending = "/" + artifacts.as_posix()
    for (address,) in connection.execute(
        "select artifact_location from experiments where artifact_location is not null"
    ):
        path = unquote(urlsplit(address).path) if address.startswith("file:") else str(address)
        before = Path(path.removesuffix(ending))
        if path.endswith(ending) and before.is_absolute() and not _same(before, project):
            return before
    return None


def _rewrite(connection: sqlite3.Connection, before: Path, project: Path) -> None:
    """Put `project` where `before` stood, in addresses written as a path or as a file's URI."""
    for table, columns in ADDRESSES.items():
        for column in (each for each in columns if _has(connection, table, each)):
            for old, new in ((f"{before}/", f"{project}/"), (f"{before.as_uri()}/", f"{project.as_uri()}/")):
                connection.execute(
                    f"update {table} set {column} = ? || substr({column}, ?) where substr({column}, 1, ?) = ?",
                    (new, len(old) + 1, len(old), old),
                )


def _has(connection: sqlite3.Connection, table: str, column: str) -> bool:
    return any(row[1] == column for row in connection.execute(f"pragma table_info({table})"))


def _same(one: Path, other: Path) -> bool:
    """Return whether both are one folder, perhaps by a link."""
    return one == other or (one.exists() and one.samefile(other))
