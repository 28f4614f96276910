"""A YAML text is values with their lines, or one sentence on what is wrong with it."""

from __future__ import annotations

import pytest

from mlflow_fraud.core.document import read_document
from mlflow_fraud.core.errors import SettingsError

TEXT = """\
name: cards
columns:
  no: {role: unused}
  2020: &year
    role: numeric
    values: [a,
             b]
  again:
    <<: *year
    role: unused
"""


def test_each_key_and_item_has_its_line() -> None:
    document = read_document(TEXT, where="x.yaml")
    assert document.lines["name",] == 1
    assert document.lines["columns", "2020", "role"] == 5
    assert document.lines["columns", "2020", "values", 1] == 7


def test_keys_are_text_as_they_stand_and_references_are_followed() -> None:
    columns = read_document(TEXT, where="x.yaml").values["columns"]
    assert list(columns) == ["no", "2020", "again"]
    assert columns["again"] == {"role": "unused", "values": ["a", "b"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("a: 1\nb: [1,\n", "x.yaml, line 3: is not YAML: ", id="a bracket left open"),
        pytest.param("a: 1\n\tb: 2\n", "x.yaml, line 2: is not YAML: ", id="a tab"),
        pytest.param("a: 1\nb:\n  c: 1\n  c: 2\n", "x.yaml, line 4: b.c is there twice; keep one", id="a key twice"),
        pytest.param("a: 2020-02-30\n", "x.yaml, line 1: is not YAML: day is out of range", id="no such day"),
        pytest.param("? [a]\n: 1\n", "x.yaml, line 1: .*a key must be a word", id="a list as a key"),
        pytest.param("a: &a [*a]\n", "x.yaml: a value is inside itself", id="a value in itself"),
        pytest.param("- a\n", r"x.yaml: expected keys and values, found \['a'\]", id="a list"),
        pytest.param("", "x.yaml: expected keys and values, found nothing", id="nothing"),
        pytest.param("a: \x00", "x.yaml is not YAML: ", id="a letter that is none"),
    ],
)
def test_what_is_no_document_is_told_in_one_line(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as told:
        read_document(text, where="x.yaml")
    assert "\n" not in str(told.value)
