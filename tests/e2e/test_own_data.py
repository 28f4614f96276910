"""A data set with other columns and entities needs a contract and no code."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tests.e2e.conftest import copied
from tests.e2e.desk import Desk, fresh_clone
from tests.e2e.reader import Reader, made_environment, reader, require_met
from tests.pages import Block, commands, every_shell_block, once_in_each_shell, shell_blocks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

LOOP, LAYOUT, RATES, AMOUNTS = shell_blocks(ROOT / "docs/own-data.md")
CONTRACT = "docs/own-data/terminals.yaml"


@pytest.fixture(scope="module")
def typist(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A reader of docs/own-data.md in a fresh clone."""
    folder = tmp_path_factory.mktemp("own-data")
    desk = fresh_clone(folder / "clone")
    made_environment(desk.folder)
    with reader(desk, folder / "typed.log", {}) as typist:
        yield typist


@pytest.fixture(scope="module")
def with_payments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which nothing was run but what docs/own-data.md begins with: the payments are made."""
    desk = fresh_clone(tmp_path_factory.mktemp("payments") / "clone")
    desk.does("python", "docs/own-data/make.py")
    return desk.folder


@pytest.fixture
def desk(with_payments: Path, tmp_path: Path) -> Desk:
    """A copy of that clone."""
    return copied(with_payments, tmp_path)


def test_the_whole_loop_runs_on_it(typist: Reader) -> None:
    typist.types(LOOP)

    desk, printed = typist.desk, typist.log.read_text()
    assert "params.yaml describes terminals now" in printed
    params = yaml.safe_load(desk.path("params.yaml").read_text())
    assert params["dataset"] == "terminals"
    described = params["datasets"]["terminals"]
    assert described["split"] == {"protocol": "holdout", "validation_days": 36, "test_days": 36, "label_delay_days": 7}
    windows = {tuple(window["by"]) for window in described["features"]["windows"]}
    assert ("customer",) in windows
    assert ("terminal",) in windows
    assert {tuple(labels["by"]) for labels in described["features"]["labels"]} == {("terminal",)}
    assert not {"age", "distance", "category"} & set(described["features"]["row"])
    assert "is live now" in printed
    shown = desk.does("mlflow-fraud", "show")
    assert all(f"| {candidate} |" in shown for candidate in ("logistic", "forest", "xgboost"))
    again = desk.does("mlflow-fraud", "data", "bring", ".local/payments.csv", CONTRACT)
    assert "describes terminals already" in again
    assert "as pinned" in again


@pytest.mark.parametrize("block", [each for each in every_shell_block() if each.needs == ["terminals"]], ids=str)
def test_what_another_page_says_of_these_payments_works(block: Block, typist: Reader) -> None:
    typist.types(once_in_each_shell())
    typist.types(block)


@pytest.mark.parametrize("block", [LAYOUT, AMOUNTS], ids=str)
def test_the_rest_of_the_page_works(block: Block, typist: Reader) -> None:
    require_met(block)
    typist.types(block)


def test_a_drafted_contract_of_these_payments_works_as_it_is(desk: Desk) -> None:
    mine = desk.does("mlflow-fraud", "contract", "init", ".local/payments.csv", "--name", "terminals")
    assert "entity: customer" in mine
    assert "entity: terminal" in mine
    desk.path("mine.yaml").write_text(mine)
    assert "terminals has 6 columns" in desk.does("mlflow-fraud", "contract", "check", "mine.yaml")
    assert "describes terminals now" in desk.does("mlflow-fraud", "data", "bring", ".local/payments.csv", "mine.yaml")

    desk.path("mine.yaml").write_text(mine.replace("role: amount", "rolle: amount"))
    refused = desk.tries("mlflow-fraud", "contract", "check", "mine.yaml")
    assert "mine.yaml, line 12: columns.TX_AMOUNT.role is missing" in refused.stderr
    assert "line 12: columns.TX_AMOUNT.rolle is not known, did you mean role?" in refused.stderr


def test_labels_that_have_arrived_catch_the_fraud_of_compromised_terminals() -> None:
    [command] = commands(RATES)
    typed = shlex.split(command.text.replace(".venv/bin/python", sys.executable))
    printed = subprocess.run(typed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    table = [line for line in printed.splitlines() if line.startswith("|")]
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in table)
    figures = {name: dict(zip(head[1:], map(float, cells), strict=True)) for name, *cells in rows}
    rates, none = figures["with label rates"], figures["without"]
    assert rates["of terminals' fraud"] > 0.7
    assert none["of terminals' fraud"] < 0.1
    assert rates["of customers' fraud"] > 0.6
    assert rates["AP"] > none["AP"] + 0.1
    assert rates["F1"] > none["F1"]


def test_another_contract_of_the_same_name_is_refused(desk: Desk) -> None:
    other = desk.path("other.yaml")
    other.write_text(desk.path(CONTRACT).read_text().replace("name: terminals", "name: sparkov"))
    before = desk.path("params.yaml").read_text()

    refused = desk.tries("mlflow-fraud", "data", "bring", ".local/payments.csv", str(other))

    assert refused.returncode == 1
    assert "is another contract of the name sparkov; give this one another name" in refused.stderr
    assert desk.path("params.yaml").read_text() == before


def test_data_that_its_contract_does_not_fit_leaves_nothing_behind(desk: Desk) -> None:
    strict = desk.path("strict.yaml")
    strict.write_text(desk.path(CONTRACT).read_text().replace("minimum: 0}", "minimum: 10}", 1))

    refused = desk.tries("mlflow-fraud", "data", "bring", ".local/payments.csv", str(strict))

    assert refused.returncode == 1
    assert "amount is in range" in refused.stderr
    assert desk.does("git", "status", "--porcelain", "--", "params.yaml", "data").strip() == ""
    assert desk.tries("mlflow-fraud", "data", "bring", ".local/payments.csv", CONTRACT).returncode == 0
