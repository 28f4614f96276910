"""A contract says what a transaction is, and a mistake in it is named with the nearest right word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from mlflow_fraud.core.contract import Contract, read_contract
from mlflow_fraud.core.errors import SettingsError

COLUMNS: dict[str, dict[str, Any]] = {
    "id": {"role": "event_id", "type": "text"},
    "when": {"role": "event_time", "type": "timestamp", "format": "%d.%m.%Y %H:%M"},
    "eur": {"role": "amount", "type": "decimal", "minimum": 0.01},
    "terminal": {"role": "entity", "entity": "terminal", "type": "integer"},
    "fraud": {"role": "label", "type": "integer"},
}


def read(columns: Mapping[str, Any], **rest: Any) -> Contract:
    return read_contract({"name": "terminals", "columns": columns, **rest}, where="terminals.yaml")


def test_pipeline_names_come_from_roles_not_from_the_file() -> None:
    contract = read(COLUMNS)
    assert [column.name for column in contract.kept] == ["event_id", "event_time", "amount", "terminal", "label"]
    assert contract.entities == ("terminal",)


def test_personal_and_unused_columns_stop_at_ingest() -> None:
    contract = read({**COLUMNS, "name": {"role": "personal", "type": "text"}})
    assert contract.column("name") is None


def test_an_amount_has_its_limits_in_minor_units() -> None:
    amount = read(COLUMNS, currency_decimals=2).column("amount")
    assert amount is not None
    assert amount.limit(amount.minimum, decimals=2) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            {"when": {"role": "event_time", "type": "timestamp", "format": "%Y-%m-%d %H:%M %z"}},
            "needs both `%z` in `format:` and `timezone:`",
            id="an offset without a zone",
        ),
        pytest.param(
            {"when": {"role": "event_time", "type": "timestamp", "format": "%H %z", "timezone": "Europe/Berlim"}},
            "did you mean Europe/Berlin",
            id="unknown time zone",
        ),
        pytest.param({"fraud": None}, "exactly one column has the role label, found none", id="no label"),
        pytest.param({"terminal": None}, "at least one column has the role entity", id="no entity"),
        pytest.param(
            {"eur": {"role": "amuont", "type": "decimal"}}, r"columns\.eur\.role.*found 'amuont'", id="unknown role"
        ),
        pytest.param(
            {"eur": {"role": "amount", "type": "decimal", "minimun": 0}},
            r"columns\.eur\.minimun is not known, did you mean minimum\?",
            id="misspelt key",
        ),
        pytest.param({"terminal": {"role": "entity", "type": "text"}}, "entity: <its name>", id="nameless entity"),
        pytest.param({"when": {"role": "event_time", "type": "timestamp"}}, "needs `format:`", id="no time format"),
        pytest.param(
            {"t2": {"role": "entity", "entity": "terminal", "type": "text"}}, r"found twice.*terminal", id="same name"
        ),
    ],
)
def test_a_mistake_is_named(change: dict[str, Any], message: str) -> None:
    columns = {name: spec for name, spec in {**COLUMNS, **change}.items() if spec is not None}
    with pytest.raises(SettingsError, match=rf"terminals\.yaml: .*{message}"):
        read(columns)


def test_a_contract_without_columns_is_refused() -> None:
    with pytest.raises(SettingsError, match="`columns` maps raw column names"):
        read_contract({"name": "x"}, where="x.yaml")
