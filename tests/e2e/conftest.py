"""Clones in which only a few commands were typed, copied for each test that goes on from there."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.desk import Desk, fresh_clone
from tests.once import made_once


class FirstRun(NamedTuple):
    """A clone after `make demo`, and what that printed."""

    desk: Desk
    printed: str


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> FirstRun:
    """The loop's first run in a fresh clone; do not change the clone."""

    def make(folder: Path) -> None:
        printed = fresh_clone(folder / "clone").makes("demo")
        (folder / "printed.txt").write_text(printed)

    folder = made_once(tmp_path_factory, "first-run", make)
    return FirstRun(Desk(folder / "clone"), (folder / "printed.txt").read_text())


@pytest.fixture
def desk(first_run: FirstRun, tmp_path: Path) -> Desk:
    """A copy of the clone in which the loop has run once."""
    return copied(first_run.desk.folder, tmp_path)


@pytest.fixture(scope="session")
def with_months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with its first batch, committed, and the three months after it in `.local/stream/stable`; as it is."""

    def make(folder: Path) -> None:
        desk = fresh_clone(folder / "clone")
        desk.does("mlflow-fraud", "data", "simulate")
        desk.does("git", "add", "data/raw")
        desk.does("git", "commit", "--quiet", "--message", "Data: the made-up payments")
        desk.does("mlflow-fraud", "data", "stream", "--months", "3")

    return made_once(tmp_path_factory, "with-months", make) / "clone"


def copied(clone: Path, folder: Path) -> Desk:
    """Return a copy of a clone, to go on from there."""
    shutil.copytree(clone, folder / "clone", symlinks=True)
    return Desk(folder / "clone")
