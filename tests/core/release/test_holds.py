"""A rollback leads one further back each time, and what it leaves is held until somebody names it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.core.release.holds import Course, course_of, in_words
from mlflow_fraud.core.release.ledger import PUT_BACK, ROLLBACK, Record
from mlflow_fraud.core.release.looks import look_number, proof_of
from tests.core.release.test_looks import PROOF, chained, looked

THREE = (("promote", None, "a"), ("promote", "a", "b"), ("promote", "b", "c"))


def ledger_of(*moves: tuple[str, str | None, str]) -> list[Record]:
    return chained(*((*move, None) for move in moves))


def course(*moves: tuple[str, str | None, str]) -> Course:
    return course_of(ledger_of(*moves), len(moves))


def test_a_rollback_leads_to_what_was_live_before_and_a_second_one_further_back() -> None:
    assert course(*THREE).back() == "b"
    once = course(*THREE, (ROLLBACK, "c", "b"))
    assert (once.back(), list(once.held)) == ("a", ["c"])
    twice = course(*THREE, (ROLLBACK, "c", "b"), (ROLLBACK, "b", "a"))
    assert set(twice.held) == {"b", "c"}
    with pytest.raises(SettingsError, match="before a nothing was live that is not held; name one with --to, of b, c"):
        twice.back()


def test_one_step_of_two_holds_what_two_steps_of_one_hold() -> None:
    assert set(course(*THREE, (ROLLBACK, "c", "a")).held) == {"b", "c"}


def test_after_a_rollback_the_way_goes_on_from_where_it_led() -> None:
    now = course(*THREE, (ROLLBACK, "c", "a"), ("promote", "a", "d"))
    assert now.path == ("a", "d")
    assert now.back() == "a"


def test_a_held_version_is_passed_over_unless_it_is_named() -> None:
    again = (("promote", None, "a"), ("promote", "a", "b"), ("promote", "b", "a"), (ROLLBACK, "a", "b"))
    with pytest.raises(SettingsError, match="nothing was live that is not held"):
        course(*again).back()
    assert course(*again).back("a") == "a"


@pytest.mark.parametrize("by", [ROLLBACK, PUT_BACK])
def test_a_version_that_is_named_is_held_no_longer(by: str) -> None:
    moves = (*THREE, (ROLLBACK, "c", "b"), (by, "b", "c"))
    assert "c" not in course(*moves).held
    assert course(*moves).path[-1] == "c"


def test_only_the_way_back_holds_what_it_leaves() -> None:
    moves = (*THREE, (ROLLBACK, "c", "b"))
    assert list(course(*moves, (ROLLBACK, "b", "c")).held) == ["b"]
    assert list(course(*moves, (PUT_BACK, "b", "c")).held) == []
    assert course(*moves, (PUT_BACK, "b", "c")).back() == "b"


def test_a_rollback_that_a_crash_stopped_holds_nothing() -> None:
    records = ledger_of(*THREE, (ROLLBACK, "c", "b"), ("promote", "c", "d"))
    assert dict(course_of(records, 3).held) == {}
    assert dict(course_of(records, 5).held) == {}
    assert course_of(records, 5).back() == "c"


@pytest.mark.parametrize(
    ("moves", "to", "said"),
    [
        ((), "", "nothing is live"),
        (THREE[:1], "", "a is the only release that was ever live"),
        (THREE, "c", "c is live; give --to another one that once was: a, b"),
        (THREE, "x", "x was never live; give --to one that was: a, b"),
    ],
    ids=["nothing is live", "the first", "to what is live", "to what never was"],
)
def test_where_there_is_nothing_to_go_to_it_is_said(
    moves: tuple[tuple[str, str | None, str], ...], to: str, said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        course(*moves).back(to)


def test_a_hold_says_when_why_and_how_it_ends() -> None:
    hold = course(*THREE, (ROLLBACK, "c", "b")).held["c"]
    assert in_words(hold, "c") == (
        "held: c was rolled back on 2026-01-01T00:00:00Z by ann because so; "
        "`mlflow-fraud promote --held c --reason …` puts it live again on purpose"
    )


def test_what_won_and_was_rolled_back_from_stays_counted_as_a_look() -> None:
    told = [("promote", None, "a", PROOF), looked("x", "1"), ("promote", "a", "b", PROOF), (ROLLBACK, "b", "a", None)]
    assert look_number(chained(*told), 4, challenger="c", rows="2") == 3


def test_what_is_put_back_is_no_new_proof_but_has_the_one_that_it_had() -> None:
    told = [("promote", None, "a", PROOF), ("promote", "a", "b", PROOF), (ROLLBACK, "b", "a", None)]
    proof = proof_of(chained(*told, (PUT_BACK, "a", "b", None)), 4)
    assert proof is not None
    assert proof.number == 2


@given(st.lists(st.tuples(st.sampled_from(["promote", "back", "to", PUT_BACK]), st.integers(0, 5)), max_size=30))
def test_what_is_live_is_never_held_and_no_step_back_leads_to_what_is(told: list[tuple[str, int]]) -> None:
    moves: list[tuple[str, str | None, str]] = [("promote", None, "v0")]
    for how, number in told:
        now = course(*moves)
        live = now.path[-1]
        assert live not in now.held
        version = f"v{number}"
        if how == "promote" and version != live and version not in now.held:
            moves.append(("promote", live, version))
        elif how == PUT_BACK and version in now.held:
            moves.append((PUT_BACK, live, version))
        elif how in ("back", "to"):
            try:
                target = now.back(version if how == "to" else "")
            except SettingsError:
                continue
            assert how == "to" or target not in now.held
            moves.append((ROLLBACK, live, target))
            assert live in course(*moves).held


@given(st.integers(2, 8))
def test_rollbacks_in_a_row_visit_each_release_once_down_to_the_first(number: int) -> None:
    moves: list[tuple[str, str | None, str]] = [("promote", None, "v0")]
    moves += [("promote", f"v{place - 1}", f"v{place}") for place in range(1, number)]
    for place in range(number - 1, 0, -1):
        assert course(*moves).back() == f"v{place - 1}"
        moves.append((ROLLBACK, f"v{place}", f"v{place - 1}"))
    with pytest.raises(SettingsError, match="not held"):
        course(*moves).back()
