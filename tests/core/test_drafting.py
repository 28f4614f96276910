"""A drafted contract is one that reads, with the roles that a person would give."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
import yaml

from mlflow_fraud.core.contract import Contract, read_contract
from mlflow_fraud.core.describing.drafting import draft
from mlflow_fraud.core.document import read_document
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


def test_ranges_are_drafted_where_a_role_has_them_and_shown_where_they_tell_no_person(raw: pl.DataFrame) -> None:
    text = draft(raw, "own")
    columns = yaml.safe_load(text)["columns"]
    assert (columns["lat"]["minimum"], columns["lat"]["maximum"]) == (-90, 90)
    assert (columns["is_fraud"]["minimum"], columns["is_fraud"]["maximum"]) == (0, 1)
    assert columns["amt"]["minimum"] == 0
    shown = {line.split(":")[0].strip() for line in text.splitlines() if line.endswith("in the sample")}
    assert shown == {"trans_date_trans_time", "category", "amt", "state", "city_pop"}


def test_the_time_of_a_label_and_times_with_an_offset_are_seen() -> None:
    sample = pl.DataFrame(
        {
            "at": ["2020-01-01T10:00:00+01:00", "2020-01-02T10:00:00+01:00"],
            "chargeback_at": ["2020-02-01 10:00:00", None],
            "no": ["1.5", "2.5"],
        }
    )
    columns = read_document(draft(sample, "own"), where="draft").values["columns"]
    assert columns["at"] | {"role": "event_time"} == columns["at"]
    assert (columns["at"]["format"], columns["at"]["timezone"]) == ("%Y-%m-%dT%H:%M:%S%z", "UTC")
    assert (columns["chargeback_at"]["role"], columns["chargeback_at"]["nullable"]) == ("label_time", True)
    assert "no" in columns
