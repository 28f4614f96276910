"""The shell blocks of README and docs do what they say: a reader types them in order, in one fresh clone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml

from mlflow_fraud.simulation import SimulationPlan, simulate
from stack.place import free_ports
from tests.conftest import ROOT
from tests.e2e.desk import Desk, fresh_clone, given_remotes
from tests.e2e.reader import Reader, made_environment, reader, require_met
from tests.pages import Block, once_in_each_shell, shell_blocks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ORDER = (
    "README.md",
    "docs/record.md",
    "docs/serving.md",
    "docs/collection.md",
    "docs/monitoring.md",
    "docs/what-if.md",
    "docs/metrics.md",
    "docs/evaluation.md",
    "docs/github-actions.md",
    "docs/stack.md",
    "docs/images.md",
)
"""As a reader goes on from README."""
ELSEWHERE = ("docs/own-data.md", "docs/worker.md")
"""What tests/e2e/test_own_data.py and test_worker.py begin with, each in a clone of its own: they go on from there."""
MET = {"remote"}
"""What the desk has: see there."""
BLOCKS = [block for page in ORDER for block in shell_blocks(ROOT / page)]
DAYS = 240
BEGINS = date(2020, 12, 30) - timedelta(DAYS - 1)
"""So that the made-up data ends on the day of docs/transaction.json."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A clone with less of everything, a file of the reader's and remotes in folders; no packages are waited for."""
    folder = tmp_path_factory.mktemp("pages")
    desk = fresh_clone(folder / "clone")
    made_environment(desk.folder)
    less = yaml.safe_load(desk.path("params.yaml").read_text())
    less["simulation"] |= {"start": str(BEGINS), "days": DAYS, "transactions": 20_000}
    less["evaluate"]["prequential"] |= {"train_days": 90, "validation_days": 30, "test_days": 30, "folds": 2}
    desk.path("params.yaml").write_text(yaml.safe_dump(less, sort_keys=False))
    write_month(desk.path("month.csv"))
    desk.does("git", "checkout", "--quiet", "-B", "main")
    desk.does("git", "commit", "--quiet", "--all", "--message", "Still less")
    given_remotes(desk, folder)
    return desk


def write_month(file: Path) -> None:
    """Write a file in the layout of the Kaggle files, as a reader may have one."""
    simulate(SimulationPlan(seed=11, days=30, transactions=3000, cards=80, merchants=80)).write_csv(file)


@pytest.fixture(scope="module")
def at(desk: Desk) -> Iterator[Callable[[str], Reader]]:
    """The reader at a page, who closes the one before: a shell that is open until the next page."""
    with ExitStack() as open_page:
        typists: dict[str, Reader] = {}

        def at(page: str) -> Reader:
            if page not in typists:
                open_page.close()
                typists[page] = open_page.enter_context(page_reader(desk, page))
            return typists[page]

        yield at


@contextmanager
def page_reader(desk: Desk, page: str) -> Iterator[Reader]:
    """Open a shell for a page, in which the service has a port that is free."""
    (port,) = free_ports(1)
    log = desk.folder.parent / f"{Path(page).stem}.log"
    with reader(desk, log, {"localhost:8000": f"localhost:{port}"}, PORT=str(port)) as typist:
        if page != ORDER[0]:
            typist.types(once_in_each_shell())
        yield typist


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_what_a_page_says_to_type_works(block: Block, at: Callable[[str], Reader]) -> None:
    require_met(block, MET)
    at(block.page).types(block)
