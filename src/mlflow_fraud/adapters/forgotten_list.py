"""The list of the forgotten, a small file in git beside the contract: what a desk knows of them without the record."""

from __future__ import annotations

from pathlib import Path

from mlflow_fraud.adapters.files import write_text
from mlflow_fraud.core.contract.forgotten import Forgotten, read_forgotten, with_one_more, written
from mlflow_fraud.core.errors import DataError


def forgotten_in(file: Path) -> tuple[Forgotten, ...]:
    """Return those whom a file lists, nobody where there is none; raise `DataError` where it cannot be read."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeError) as error:
        raise DataError(f"{file} cannot be read as a list of the forgotten: {error}") from None
    return read_forgotten(text, where=str(file))


def add_to_list(file: Path, one: Forgotten) -> bool:
    """Add one to the list in a file, and return whether that changed it."""
    there = forgotten_in(file)
    listed = written(with_one_more(there, one))
    if listed == written(there):
        return False
    write_text(file, listed)
    return True
