"""How a CSV file is written is told from its bytes, and never guessed where it may be two things."""

from __future__ import annotations

import pytest

from mlflow_fraud.core.contract.csv_form import guess_decimal, guess_encoding, guess_separator


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16", "utf-16-le"])
def test_the_encoding_is_told(encoding: str) -> None:
    letters = "Zürich 5 €" if encoding not in ("latin-1",) else "Zürich"
    told = guess_encoding([f"id,name\n1,{letters}\n".encode(encoding)])
    assert told == {"utf-8-sig": "utf-8", "utf-16-le": "utf-16"}.get(encoding, encoding)


def test_a_letter_that_is_cut_in_two_is_still_utf_8() -> None:
    text = "Zürich".encode()
    assert guess_encoding([text[:2], text[2:]]) == "utf-8"


def test_a_late_letter_counts_too() -> None:
    assert guess_encoding([b"id,name\n" * 1000, "Zürich".encode("latin-1")]) == "latin-1"


@pytest.mark.parametrize(
    ("lines", "separator"),
    [
        pytest.param(["a;b;c", "1,5;2,5;3,5"], ";", id="decimal commas"),
        pytest.param(["a\tb", "x, y\tz"], "\t", id="tabs"),
        pytest.param(["a|b|c", "1|2|3"], "|", id="bars"),
        pytest.param(["a,b", '"x;y",z;w', "u,v"], ",", id="semicolons in text"),
        pytest.param(["a,b;c", "1", "3;4,5"], ",", id="no agreement"),
        pytest.param([], ",", id="no line"),
    ],
)
def test_the_separator_cuts_all_lines_alike(lines: list[str], separator: str) -> None:
    assert guess_separator(lines) == separator


@pytest.mark.parametrize(
    ("columns", "mark"),
    [
        pytest.param([["1,5", "-2,25", "3"]], ",", id="commas"),
        pytest.param([["1,500", "22,000"]], ".", id="maybe thousands"),
        pytest.param([["1,500", "2,25"]], ",", id="not thousands"),
        pytest.param([["1,5"], ["2.5"]], ".", id="both"),
        pytest.param([["1,5", "x"]], ".", id="text among them"),
        pytest.param([["01.02.2020"], ["1,5", ""]], ",", id="days and gaps"),
        pytest.param([[], [" "]], ".", id="nothing"),
    ],
)
def test_the_decimal_mark_is_told_by_a_column_of_numbers(columns: list[list[str]], mark: str) -> None:
    assert guess_decimal(columns) == mark
