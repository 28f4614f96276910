"""A drafted contract is one that reads, with the roles that a person would give."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
import yaml

from mlflow_fraud.core.contract import Contract, read_contract
from mlflow_fraud.core.drafting import draft
from mlflow_fraud.simulation import SimulationPlan, simulate


def as_text(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(pl.all().cast(pl.String))


@pytest.fixture(scope="module")
def raw() -> pl.DataFrame:
    """Two months in the layout of the default contract, as text."""
    return as_text(simulate(SimulationPlan(start=date(2020, 1, 1), days=60, transactions=4000, cards=40, merchants=60)))


def test_the_roles_of_the_default_layout_are_guessed(raw: pl.DataFrame, contract: Contract) -> None:
    drafted = read_contract(yaml.safe_load(draft(raw, "own")), where="draft")
    guessed = {column.source: (column.role, column.type) for column in drafted.columns}
    stated = {column.source: (column.role, column.type) for column in contract.columns}
    differ = {source for source in stated if guessed[source] != stated[source]}
    assert differ <= {"state", "zip"}
    assert guessed["zip"][0] == "personal"
    assert set(drafted.places) == {"home", "merch"}


def test_what_was_not_found_is_named_on_top(raw: pl.DataFrame) -> None:
    text = draft(raw.drop("is_fraud", "amt"), "own")
    assert "# TO DO: no column seems to be the amount; give one of them `role: amount`." in text
    assert "# TO DO: no column seems to be the label" in text
    assert text.count("# TO DO") == 2


def test_gaps_other_times_and_leading_zeros_are_seen(raw: pl.DataFrame) -> None:
    sample = pl.DataFrame(
        {
            "payment_id": ["1", "2", "3"],
            "when": ["01.02.2020 10:00", "02.02.2020 11:30", "03.02.2020 00:00"],
            "branch code": ["007", "012", "012"],
            "score": ["1", None, "1"],
        }
    )
    columns = yaml.safe_load(draft(sample, "own"))["columns"]
    assert columns["payment_id"] == {"role": "event_id", "type": "integer"}
    assert columns["when"] == {"role": "event_time", "type": "timestamp", "format": "%d.%m.%Y %H:%M"}
    assert columns["branch code"]["type"] == "text"
    assert columns["score"]["nullable"] is True
