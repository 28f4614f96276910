"""A data set with other columns and entities needs a contract and no code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tests.e2e.desk import Desk, fresh_clone

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


CONTRACT = "docs/own-data/terminals.yaml"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A clone in which nothing was run but what docs/own-data.md begins with: the payments are made."""
    desk = fresh_clone(tmp_path / "clone")
    desk.does("python", "docs/own-data/make.py")
    return desk


def test_the_whole_loop_runs_on_it(desk: Desk) -> None:
    printed = desk.makes("demo", "DATA=.local/payments.csv", f"CONTRACT={CONTRACT}", "LABEL_DELAY_DAYS=7")

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
    command = [sys.executable, "docs/own-data/label_rates.py"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
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
