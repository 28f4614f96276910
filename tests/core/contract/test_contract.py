"""A contract says what a transaction is, and a mistake in it is named with the nearest right word."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from mlflow_fraud.core.contract.contract import Contract, read_contract
from mlflow_fraud.core.document import read_document
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
        pytest.param({"id": None}, "found none; where files have no id, `event_id: row_number` says so", id="no id"),
        pytest.param(
            {"eur": {"role": "amuont", "type": "decimal"}},
            r"columns\.eur\.role: found 'amuont', did you mean amount\?",
            id="unknown role",
        ),
        pytest.param(
            {"eur": {"role": "amount", "type": "x"}},
            r"columns\.eur\.type: found 'x', known: date, decimal, integer",
            id="unknown type",
        ),
        pytest.param({"eur": {"role": "amount", "type": []}}, r"eur\.type: expected one word", id="a list as type"),
        pytest.param({"eur": "amount"}, r"columns\.eur: expected keys and values, found 'amount'", id="no keys"),
        pytest.param(
            {"eur": {"role": "amount", "type": "decimal", "minimun": 0}},
            r"columns\.eur\.minimun is not known, did you mean minimum\?",
            id="misspelt key",
        ),
        pytest.param({"terminal": {"role": "entity", "type": "text"}}, "entity: <its name>", id="nameless entity"),
        pytest.param(
            {"when": {"role": "event_time", "type": "timestamp", "unit": "second", "since": "2017-12-01"}},
            r"columns\.when\.unit: found 'second', did you mean seconds\?",
            id="misspelt unit",
        ),
        pytest.param({"when": {"role": "event_time", "type": "timestamp"}}, "needs `format:`", id="no time format"),
        pytest.param(
            {"eur": {"role": "amount", "type": "text"}},
            "role amount is decimal or integer, found text",
            id="a type that the role cannot have",
        ),
        pytest.param(
            {"eur": {"role": "amount", "type": "decimal", "minimum": "low"}},
            "`minimum:` of a decimal is a number, found 'low'",
            id="a bound of another type",
        ),
        pytest.param(
            {"eur": {"role": "amount", "type": "decimal", "minimum": 2, "maximum": 1}},
            "`minimum:` 2.0 is above `maximum:` 1.0",
            id="bounds the wrong way round",
        ),
        pytest.param(
            {"shop": {"role": "categorical", "type": "text", "minimum": 2}},
            "`values:` lists the texts",
            id="a bound",
        ),
        pytest.param(
            {"shop": {"role": "categorical", "type": "text", "values": [1]}}, "put it in quotes, found 1", id="no text"
        ),
        pytest.param(
            {"age": {"role": "numeric", "type": "integer", "values": ["1"]}},
            "`values:` is for text",
            id="list",
        ),
        pytest.param(
            {"age": {"role": "numeric", "type": "integer", "format": "%Y"}},
            "`format:` is for times",
            id="astray",
        ),
        pytest.param(
            {"age": {"role": "numeric", "type": "integer", "place": "home"}},
            "`place:` says nothing of a column with the role numeric",
            id="a key of another role",
        ),
        pytest.param(
            {"eur": {"role": "amount", "type": "decimal", "optional": True}}, "cannot be optional", id="optional amount"
        ),
        pytest.param(
            {"lat": {"role": "location", "place": "home", "axis": "latitude", "type": "decimal"}},
            r"each place has a latitude and a longitude, found \{'home': 1\}",
            id="half a place",
        ),
        pytest.param(
            {"lat": {"role": "location", "place": "home", "type": "decimal"}}, "a location needs", id="no axis"
        ),
        pytest.param(
            {f"t{n}": {"role": "clock", "type": "integer"} for n in (1, 2)},
            "at most one column has the role clock, found t1, t2",
            id="two clocks",
        ),
        pytest.param({"lt": {"role": "label_time", "type": "timestamp"}}, "needs `format:`", id="no label time format"),
        pytest.param({"ld": {"role": "label_time", "type": "date"}}, "label_time is timestamp", id="label day"),
        pytest.param({"x": {"role": "label", "type": "integer"}}, "found 2: fraud, x", id="two labels"),
        pytest.param(
            {"t2": {"role": "entity", "entity": "terminal", "type": "text"}}, r"found twice.*terminal", id="same name"
        ),
    ],
)
def test_a_mistake_is_named(change: dict[str, Any], message: str) -> None:
    columns = {name: spec for name, spec in {**COLUMNS, **change}.items() if spec is not None}
    with pytest.raises(SettingsError, match=rf"terminals\.yaml: .*{message}"):
        read(columns)


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        pytest.param({"table": {"fraud_rate": [0.5, 0.1]}}, "table: `fraud_rate:` is a range within 0 and 1", id="p"),
        pytest.param({"csv": {"encoding": "latin1"}}, "did you mean latin-1", id="encoding"),
        pytest.param({"gate": {"shfit": {}}}, "gate.shfit is not known, did you mean shift", id="limit"),
        pytest.param({"gate": {"shift": {"most": 1}}}, "most is not known, did you mean at_most", id="bound"),
        pytest.param({"gate": 3}, "gate: expected keys and values, found 3", id="gate"),
        pytest.param({"name": "../x"}, "name: String should match pattern", id="name"),
    ],
)
def test_a_mistake_beside_the_columns_is_named(rest: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_contract({"name": "terminals", "columns": COLUMNS, **rest}, where="terminals.yaml")


def test_every_mistake_is_named_with_its_line_in_their_order() -> None:
    text = "name: x\ncsv: {decimal: point}\ncolumns:\n  amt:\n    rolle: amount\n    type: decimal\n"
    document = read_document(text, where="x.yaml")
    with pytest.raises(SettingsError) as told:
        read_contract(document.values, where="x.yaml", lines=document.lines)
    assert str(told.value) == (
        "x.yaml, line 2: csv.decimal: found 'point', known: ,, .; line 4: columns.amt.role is missing; "
        "line 5: columns.amt.rolle is not known, did you mean role?"
    )


def test_a_label_may_have_a_time_of_its_own() -> None:
    arrived = {"role": "label_time", "type": "timestamp", "format": "%d.%m.%Y %H:%M", "nullable": True}
    column = read({**COLUMNS, "arrived": arrived}).column("label_time")
    assert column is not None
    assert column.may_be_missing


def test_a_day_needs_no_quotes() -> None:
    when = {**COLUMNS["when"], "minimum": date(2020, 1, 31)}
    column = read({**COLUMNS, "when": when}).column("event_time")
    assert column is not None
    assert column.minimum == "2020-01-31"


def test_a_contract_without_columns_is_refused() -> None:
    with pytest.raises(SettingsError, match="`columns` maps raw column names"):
        read_contract({"name": "x"}, where="x.yaml")
