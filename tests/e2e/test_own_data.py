"""A data set with other columns and entities needs a contract and no code."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.e2e.desk import Desk, fresh_clone

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


CONTRACT = "docs/own-data/terminals.yaml"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A clone with the payments that docs/own-data.md makes."""
    desk = fresh_clone(tmp_path / "clone")
    desk.does("python", "docs/own-data/make.py")
    return desk


def test_the_whole_loop_runs_on_it(desk: Desk) -> None:
    brought = desk.does("mlflow-fraud", "data", "bring", ".local/payments.csv", CONTRACT)
    printed = desk.does("python", "-m", "flows.retraining")

    assert "params.yaml describes terminals now" in brought
    params = yaml.safe_load(desk.path("params.yaml").read_text())
    assert params["dataset"] == "terminals"
    described = params["datasets"]["terminals"]
    assert described["split"] == {"protocol": "holdout", "validation_days": 40, "test_days": 40, "label_delay_days": 0}
    windows = {tuple(window["by"]) for window in described["features"]["windows"]}
    assert ("customer",) in windows
    assert ("terminal",) in windows
    assert not {"age", "distance", "category"} & set(described["features"]["row"])
    assert "is live now" in printed
    shown = desk.does("mlflow-fraud", "show")
    assert all(f"| {candidate} |" in shown for candidate in ("logistic", "forest", "xgboost"))
    again = desk.does("mlflow-fraud", "data", "bring", ".local/payments.csv", CONTRACT)
    assert "describes terminals already" in again
    assert "as pinned" in again


def test_a_drafted_contract_needs_the_names_of_the_entities_only(desk: Desk) -> None:
    drafted = desk.does("mlflow-fraud", "contract", "init", ".local/payments.csv", "--name", "terminals")
    mine = drafted.replace("entity: card", "entity: customer").replace("entity: merchant", "entity: terminal")
    desk.path("mine.yaml").write_text(mine)
    assert "terminals has 6 columns" in desk.does("mlflow-fraud", "contract", "check", "mine.yaml")
    assert "describes terminals now" in desk.does("mlflow-fraud", "data", "bring", ".local/payments.csv", "mine.yaml")

    desk.path("mine.yaml").write_text(mine.replace("role: amount", "rolle: amount"))
    refused = desk.tries("mlflow-fraud", "contract", "check", "mine.yaml")
    assert "mine.yaml, line 10: columns.TX_AMOUNT.role is missing" in refused.stderr
    assert "line 10: columns.TX_AMOUNT.rolle is not known, did you mean role?" in refused.stderr


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
