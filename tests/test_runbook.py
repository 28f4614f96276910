"""Every command that the runbook's pages tell in a sentence is typed by a test."""

from __future__ import annotations

import pytest

from tests.runbook import CANNOT, in_blocks, in_tests, said, typed


def test_every_command_of_the_pages_is_typed_by_a_test_or_says_why_not() -> None:
    assert said() - in_blocks() - in_tests() - CANNOT.keys() == set()


def test_what_is_not_typed_is_said_by_a_page_and_nothing_else_is_let_off() -> None:
    assert CANNOT.keys() - said() == set()
    assert CANNOT.keys() & (in_blocks() | in_tests()) == set()


@pytest.mark.parametrize("words", ["mlflow-fraud roll", "mlflow-fraud promote --held xgboost-1 --reason …"])
def test_a_command_that_no_page_says_is_not_typed(words: str) -> None:
    with pytest.raises(ValueError, match="no page says"):
        typed(words)


def test_places_for_a_value_are_filled_in_turn() -> None:
    quarantine = "mlflow-fraud record quarantine --from … --to … --reason …"
    assert typed(quarantine, begin="a", end="b", why="c") == "mlflow-fraud record quarantine --from a --to b --reason c"
    with pytest.raises(ValueError, match="has a place without a value"):
        typed(quarantine, begin="a", end="b")
    with pytest.raises(ValueError, match="has no place for day"):
        typed("mlflow-fraud ledger", day="2026-03-05")
