"""Empty databases for a record, of either kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.postgres_server import Postgres, postgres_server

KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]

MakeDatabase = Callable[[], str]
NUMBERS = count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server; whoever stops it starts it again."""
    with postgres_server() as server:
        yield server


@pytest.fixture(params=KINDS)
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> MakeDatabase:
    """Return the address of another empty database at each call, all of one kind."""
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path / f'record-{next(NUMBERS)}.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return lambda: server.database(f"record_{next(NUMBERS)}")


@pytest.fixture
def address(empty_database: MakeDatabase) -> str:
    """An empty database of either kind."""
    return empty_database()
