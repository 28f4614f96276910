"""One clone in which only `make demo` was typed, copied for each test that goes on from there."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.desk import Desk, fresh_clone


class FirstRun(NamedTuple):
    """A clone after `make demo`, and what that printed."""

    desk: Desk
    printed: str


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> FirstRun:
    """The loop's first run in a fresh clone; do not change the clone."""
    desk = fresh_clone(tmp_path_factory.mktemp("first") / "clone")
    return FirstRun(desk, desk.makes("demo"))


@pytest.fixture
def desk(first_run: FirstRun, tmp_path: Path) -> Desk:
    """A copy of the clone in which the loop has run once."""
    shutil.copytree(first_run.desk.folder, tmp_path / "clone", symlinks=True)
    return Desk(tmp_path / "clone")
