"""The JSON schema and the page of the language say of a contract what the model that reads it says."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from mlflow_fraud.core.contract.column import NEEDS, ColumnType
from mlflow_fraud.core.contract.contract import read_contract
from mlflow_fraud.core.describing.language import ROLES, TYPES, WORDS, language_page
from mlflow_fraud.core.describing.schema import contract_schema
from mlflow_fraud.core.errors import SettingsError
from tests.conftest import ROOT

CONTRACTS = [*sorted((ROOT / "data/contracts").glob("*.yaml")), ROOT / "docs/own-data/terminals.yaml"]
SCHEMA: dict[str, Any] = json.loads(contract_schema())


def accepts(document: dict[str, Any]) -> bool:
    return bool(jsonschema.Draft202012Validator(SCHEMA).is_valid(document))


@pytest.fixture
def document() -> dict[str, Any]:
    """The terminals' contract as a document that a test may change."""
    return deepcopy(yaml.safe_load((ROOT / "docs/own-data/terminals.yaml").read_text()))


def test_the_files_in_docs_are_those_that_the_model_makes() -> None:
    assert (ROOT / "docs/contract.schema.json").read_text() == contract_schema()
    assert (ROOT / "docs/contract-language.md").read_text() == language_page()


def test_every_key_role_and_type_has_its_words() -> None:
    for model, words in WORDS.items():
        assert set(words) == set(model.model_fields) - {"source"}
    assert set(ROLES) == set(NEEDS)
    assert set(TYPES) == set(ColumnType.__args__)


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("file", CONTRACTS, ids=lambda file: file.stem)
def test_the_shipped_contracts_satisfy_it(file: Path) -> None:
    assert accepts(yaml.safe_load(file.read_text()))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"columns": {}}, id="no column"),
        pytest.param({"nmae": "x"}, id="unknown key"),
        pytest.param({"csv": {"separator": ";;"}}, id="two separators"),
        pytest.param({"gate": {"shift": {"level": "loud"}}}, id="unknown level"),
        pytest.param({"columns": {"a": {"role": "entity", "type": "text"}}}, id="nameless entity"),
        pytest.param({"columns": {"a": {"role": "event_time", "type": "timestamp"}}}, id="no format"),
        pytest.param(
            {"columns": {"a": {"role": "event_time", "type": "timestamp", "unit": "hours"}}},
            id="a count without a begin",
        ),
        pytest.param(
            {"columns": {"a": {"role": "event_time", "type": "timestamp", "unit": "weeks", "since": "2017-12-01"}}},
            id="unknown unit",
        ),
        pytest.param({"event_id": "row"}, id="unknown word for an id"),
        pytest.param({"columns": {"a": {"role": "amount", "type": "text"}}}, id="amount as text"),
        pytest.param({"columns": {"a": {"role": "location", "type": "decimal", "place": "x"}}}, id="no axis"),
        pytest.param({"columns": {"a": {"rolle": "unused", "type": "text"}}}, id="misspelt key"),
        pytest.param({"columns": {"a": {"role": "personal", "type": "text", "secret": True}}}, id="secret, no entity"),
        pytest.param({"pseudonym_key_check": "hunter2"}, id="no check value"),
    ],
)
def test_what_the_schema_refuses_the_model_refuses_too(change: dict[str, Any], document: dict[str, Any]) -> None:
    assert accepts(document)
    document |= change
    assert not accepts(document)
    with pytest.raises(SettingsError):
        read_contract(document, where="test")


def test_a_counted_time_and_a_row_number_satisfy_it(document: dict[str, Any]) -> None:
    columns = document["columns"]
    (at,) = (name for name, column in columns.items() if column["role"] == "event_time")
    columns[at] = {"role": "event_time", "type": "timestamp", "unit": "seconds", "since": "2017-12-01"}
    del columns[next(name for name, column in columns.items() if column["role"] == "event_id")]
    document["event_id"] = "row_number"
    assert accepts(document)
    assert read_contract(document, where="test").kept[0].name == "event_id"
