"""A raw file's secret column is read as pseudonyms, however it is written, and the file can be pinned without it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.adapters.raw_secrets import write_hidden
from mlflow_fraud.core.contract.contract import Contract, read_contract
from mlflow_fraud.core.contract.pseudonym import is_pseudonym
from mlflow_fraud.core.contract.pseudonym_key import pseudonyms_of, read_key
from mlflow_fraud.core.errors import DataError, SettingsError
from mlflow_fraud.serving.schema import TransactionSchema
from tests.secret_contract import CHECK, KEY, OTHER_KEY, left_in

COLUMNS: dict[str, dict[str, Any]] = {
    "id": {"role": "event_id", "type": "text"},
    "when": {"role": "event_time", "type": "timestamp", "format": "%Y-%m-%d %H:%M:%S"},
    "card": {"role": "entity", "entity": "card", "type": "integer", "minimum": 1, "secret": True},
    "eur": {"role": "amount", "type": "decimal"},
    "note": {"role": "personal", "type": "text"},
    "fraud": {"role": "label", "type": "integer"},
}
PLAIN = 4_111_111_111_111_111
ROWS = [
    {"id": "a", "when": "2020-01-31 12:00:00", "card": str(PLAIN), "eur": "1.50", "note": 'say "hi", ok', "fraud": "0"},
    {"id": "b", "when": "2020-01-31 12:00:01", "card": f"+{PLAIN}.0", "eur": "2", "note": "Zürich\nnord", "fraud": "1"},
    {"id": "c", "when": "2020-01-31 12:00:02", "card": " 5 ", "eur": "3", "note": "", "fraud": "0"},
]
once_a_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8)


def contract(card: dict[str, Any] | None = None, **rest: Any) -> Contract:
    columns = COLUMNS | {"card": COLUMNS["card"] | (card or {})}
    return read_contract({"name": "both", "columns": columns, "pseudonym_key_check": CHECK, **rest}, where="test")


def text() -> Contract:
    columns = COLUMNS | {"card": {"role": "entity", "entity": "card", "type": "text", "secret": True}}
    return read_contract({"name": "both", "columns": columns, "pseudonym_key_check": CHECK}, where="test")


def write(rows: list[dict[str, Any]], file: Path) -> Path:
    frame = pl.DataFrame(rows)
    if file.suffix == ".parquet":
        frame.write_parquet(file)
    else:
        content = frame.write_csv().encode()
        file.write_bytes(gzip.compress(content) if file.suffix == ".gz" else content)
    return file


def cards(file: Path, told: Contract, key: str = KEY) -> list[str]:
    return read_batches([file], told, key=read_key(key))["card"].to_list()


def hidden(file: Path, told: Contract, target: Path) -> dict[str, int]:
    return write_hidden(file, told, pseudonyms_of(told, read_key(KEY)), target)


@pytest.mark.parametrize("name", ["feed.csv", "feed.csv.gz", "feed.parquet"])
def test_a_file_is_pinned_with_pseudonyms_and_says_the_same_in_all_else(name: str, tmp_path: Path) -> None:
    file = write(ROWS, tmp_path / name)
    (tmp_path / "pinned").mkdir()
    pinned = tmp_path / "pinned" / name

    assert hidden(file, contract(), pinned) == {"card": 3}

    assert left_in(tmp_path / "pinned", [PLAIN]) == []
    key = read_key(KEY)
    assert read_batches([pinned], contract(), key=key).equals(read_batches([file], contract(), key=key))
    frame = (pl.read_parquet if name.endswith("parquet") else pl.read_csv)(pinned)
    assert frame["note"].fill_null("").to_list() == [row["note"] for row in ROWS]
    first = pinned.read_bytes()
    hidden(file, contract(), pinned)
    assert pinned.read_bytes() == first


@pytest.mark.parametrize("name", ["feed.csv", "feed.parquet"])
def test_a_pseudonym_in_a_file_is_never_hashed_again(name: str, tmp_path: Path) -> None:
    file, pinned = write(ROWS, tmp_path / name), tmp_path / f"pinned.{name}"
    hidden(file, contract(), pinned)
    assert cards(pinned, contract()) == cards(file, contract())
    assert all(map(is_pseudonym, cards(pinned, contract())))
    assert hidden(pinned, contract(), tmp_path / f"again.{name}") == {}
    assert not (tmp_path / f"again.{name}").exists()


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16"])
def test_separator_encoding_and_names_of_columns_stay(encoding: str, tmp_path: Path) -> None:
    told = contract(csv={"separator": ";", "encoding": encoding, "decimal": ","})
    lines = ["id;when;card;eur;note;fraud;;twice;twice", f'a;2020-01-31 12:00:00;{PLAIN};1,5;"a;é";0;;1;2']
    (tmp_path / "feed.csv").write_text("\n".join(lines) + "\n", encoding=encoding)
    hidden(tmp_path / "feed.csv", told, tmp_path / "pinned.csv")
    (card,) = cards(tmp_path / "feed.csv", told)
    written = (tmp_path / "pinned.csv").read_text(encoding=encoding)
    assert written == "\n".join([lines[0], lines[1].replace(str(PLAIN), card)]) + "\n"


@given(card=st.integers(1, 2**63 - 1))
@once_a_folder
def test_one_number_has_one_pseudonym_in_any_file_and_in_a_request(card: int, tmp_path: Path) -> None:
    """As an integer and as a text, in a contract that calls it either."""
    row = {**ROWS[0], "card": str(card)}
    found = {*cards(write([row], tmp_path / "text.csv"), contract()), *cards(tmp_path / "text.csv", text())}
    for value in (card, str(card)):
        write([{**row, "card": value}], tmp_path / "typed.parquet")
        found |= {*cards(tmp_path / "typed.parquet", contract()), *cards(tmp_path / "typed.parquet", text())}
    for told, value in ((contract(), card), (text(), str(card)), (text(), f" {card} ")):
        body = json.dumps({**row, "eur": 1, "card": value}).encode()
        found.add(TransactionSchema(told, read_key(KEY)).read(body)["card"])
    assert found == {read_key(KEY).pseudonyms("card").of(str(card))}


@pytest.mark.parametrize(
    ("card", "said"),
    [
        pytest.param("4111-1111", "card: 1 value is not an integer, it looks like '9999-9999'", id="no number"),
        pytest.param("", "card: 1 value is missing", id="missing"),
        pytest.param("-4111", "card: 1 value is beyond the bounds, expected 1 to 9223372036854775807", id="beyond"),
        pytest.param(
            read_key(OTHER_KEY).pseudonyms("card").of("4111"),
            "card: 1 value is a pseudonym of another key or another column, or cut off",
            id="of another key",
        ),
    ],
)
def test_a_bad_value_is_counted_and_never_quoted(card: str, said: str, tmp_path: Path) -> None:
    file = write([*ROWS, {**ROWS[0], "id": "d", "card": card}], tmp_path / "feed.csv")
    with pytest.raises(DataError) as refused:
        cards(file, contract())
    assert said in str(refused.value)
    assert "4111" not in str(refused.value)


def test_a_text_beyond_the_bounds_is_refused_before_nobody_can_tell(tmp_path: Path) -> None:
    file = write([{**ROWS[0], "card": "x" * 501}], tmp_path / "feed.csv")
    with pytest.raises(DataError, match="card: 1 value is beyond the bounds, expected at most 500 characters"):
        cards(file, text())


def test_a_card_that_may_be_missing_stays_missing(tmp_path: Path) -> None:
    told = contract({"nullable": True})
    file = write([{**row, "card": ""} for row in ROWS], tmp_path / "feed.csv")
    assert cards(file, told) == [None] * 3
    assert hidden(file, told, tmp_path / "pinned.csv") == {}


def test_reading_without_the_contracts_key_is_refused(tmp_path: Path) -> None:
    file = write(ROWS, tmp_path / "feed.csv")
    for key in (None, read_key(OTHER_KEY)):
        with pytest.raises(SettingsError, match="FRAUD_PSEUDONYM_KEY"):
            read_batches([file], contract(), key=key)


def test_plain_values_in_a_pinned_file_are_told(tmp_path: Path) -> None:
    told: list[str] = []
    read_batches([write(ROWS, tmp_path / "feed.csv")], contract(), told.append, key=read_key(KEY))
    assert told[-1].startswith("warning: feed.csv: card: 3 values are plain in the file and pseudonyms from here on")
