"""Looks are counted since the last win by proof, and all of them together spend what one may."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlflow_fraud.core.measuring.difference import FEWEST_IN_A_TAIL, Difference, student
from mlflow_fraud.core.release.ledger import START, VERDICT, Judged, Kind, Record, check_chain, in_effect
from mlflow_fraud.core.release.looks import alpha_at, look_number, proof_of

REFRESH = Judged(kind="refresh", rows="r", look=1, proven=False)
PROOF = Judged(kind="change", rows="r", look=1, proven=True)


def chained(*told: tuple[str, str | None, str, Judged | None]) -> list[Record]:
    """Return a ledger of (action, from, to, judged)."""
    records: list[Record] = []
    for number, (action, before, after, judged) in enumerate(told, start=1):
        records.append(
            Record(
                number=number,
                action=action,
                at="2026-01-01T00:00:00Z",
                who="ann",
                from_version=before,
                to_version=after,
                reasons=("so",),
                previous=records[-1].sha256 if records else START,
                judged=judged,
            )
        )
    check_chain(records)
    return records


def looked(challenger: str, rows: str, kind: Kind = "change") -> tuple[str, str | None, str, Judged | None]:
    return (VERDICT, "a", challenger, Judged(kind=kind, rows=rows, look=1, proven=False))


def test_all_looks_together_spend_no_more_than_one_may() -> None:
    spent = [alpha_at(look, 0.025) for look in range(1, 100_000)]
    assert sum(spent) < 0.025
    assert sum(spent) == pytest.approx(0.025, rel=1e-3)
    assert spent == sorted(spent, reverse=True)


def test_a_record_without_a_contest_has_the_bytes_that_it_always_had() -> None:
    (record,) = chained(("promote", None, "a", None))
    document = {
        "number": 1,
        "action": "promote",
        "at": "2026-01-01T00:00:00Z",
        "who": "ann",
        "from_version": None,
        "to_version": "a",
        "reasons": ["so"],
        "previous": START,
    }
    old = (json.dumps(document, sort_keys=True) + "\n").encode()
    assert record.to_json() == old
    assert record.sha256 == hashlib.sha256(old).hexdigest()
    assert Record.model_validate_json(old) == record


def test_a_record_with_its_contest_is_read_as_it_was_written() -> None:
    (record,) = chained(("promote", None, "a", PROOF))
    assert Record.model_validate_json(record.to_json()) == record


def test_looks_at_changes_are_counted_since_something_went_live() -> None:
    past = [("promote", None, "z", None), looked("x", "early"), ("promote", "z", "a", PROOF)]
    records = chained(*past, looked("b", "day 1"), looked("c", "day 1"), looked("d", "day 1", "refresh"))
    assert look_number(records[:3], 3, challenger="b", rows="day 1") == 1
    assert look_number(records, 3, challenger="e", rows="day 1") == 3


@pytest.mark.parametrize(
    "between",
    [
        pytest.param([("promote", "a", "r", REFRESH)], id="a refresh"),
        pytest.param([("promote", "a", "r", REFRESH), ("rollback", "r", "a", None)], id="a refresh and a rollback"),
    ],
)
def test_what_went_live_without_a_proof_begins_no_new_count(
    between: list[tuple[str, str | None, str, Judged | None]],
) -> None:
    first = ("promote", None, "a", PROOF)
    records = chained(first, looked("b", "day 1"), looked("c", "day 1"), *between, looked("d", "day 2"))
    assert look_number(records, 3 + len(between), challenger="e", rows="day 3") == 4


def test_the_same_contest_again_is_the_same_look_and_on_newer_rows_another() -> None:
    records = chained(("promote", None, "a", None), looked("b", "day 1"), looked("c", "day 1"))
    assert look_number(records, 1, challenger="b", rows="day 1") == 1
    assert look_number(records, 1, challenger="c", rows="day 1") == 2
    assert look_number(records, 1, challenger="b", rows="day 2") == 3


@pytest.mark.parametrize(
    ("told", "live", "anchor"),
    [
        pytest.param([], 0, None, id="nothing is live"),
        pytest.param([("promote", None, "a", None)], 1, "a", id="the first"),
        pytest.param([("promote", None, "a", None), ("promote", "a", "b", None)], 2, "b", id="of old, all were proofs"),
        pytest.param([("promote", None, "a", PROOF), ("promote", "a", "b", REFRESH)], 2, "a", id="refreshed once"),
        pytest.param(
            [("promote", None, "a", PROOF), ("promote", "a", "b", REFRESH), ("promote", "b", "c", REFRESH)],
            3,
            "a",
            id="refreshed twice",
        ),
        pytest.param(
            [("promote", None, "a", PROOF), ("promote", "a", "b", REFRESH), ("promote", "b", "c", PROOF)],
            3,
            "c",
            id="then changed",
        ),
        pytest.param(
            [("promote", None, "a", PROOF), ("promote", "a", "b", PROOF), ("rollback", "b", "a", None)],
            3,
            "a",
            id="rolled back to an older proof",
        ),
        pytest.param(
            [
                ("promote", None, "a", PROOF),
                ("promote", "a", "b", REFRESH),
                ("promote", "b", "c", PROOF),
                ("rollback", "c", "b", None),
            ],
            4,
            "a",
            id="rolled back to a refresh",
        ),
        pytest.param([("promote", None, "a", PROOF), ("override", "a", "b", None)], 2, "a", id="put live against a no"),
        pytest.param(
            [("promote", None, "a", PROOF), ("promote", "a", "x", PROOF), ("promote", "a", "b", REFRESH)],
            3,
            "a",
            id="a proof that never took effect",
        ),
    ],
)
def test_the_anchor_is_the_last_that_won_by_proof(
    told: list[tuple[str, str | None, str, Judged | None]], live: int, anchor: str | None
) -> None:
    proof = proof_of(chained(*told), live)
    assert (proof.to_version if proof else None) == anchor


def test_what_took_effect_leads_from_the_first_release_to_the_live_one() -> None:
    records = chained(
        ("promote", None, "a", None), ("promote", "a", "x", None), looked("y", "1"), ("promote", "a", "b", None)
    )
    assert [record.to_version for record in in_effect(records, 4)] == ["a", "b"]


draws = st.lists(st.floats(-1, 1), min_size=0, max_size=300).map(np.array)


@given(st.floats(-1, 1), st.floats(0, 1), st.integers(2, 100), draws)
def test_a_bound_is_never_nearer_at_a_later_look(gain: float, error: float, blocks: int, drawn: np.ndarray) -> None:
    found = Difference(gain, error, blocks, drawn)
    bounds = [found.lower(alpha_at(look, 0.025)) for look in (1, 2, 3, 10, 365)]
    assert bounds == sorted(bounds, reverse=True)


@given(st.integers(100, 1000), st.sampled_from([0.025, 0.015, 0.005]))
def test_no_bound_is_read_off_fewer_than_ten_draws_in_its_tail(number: int, alpha: float) -> None:
    """The outermost draws may lie anywhere without moving it."""
    drawn = np.random.default_rng(0).normal(0, 0.01, number)
    wild = np.sort(drawn)
    wild[: FEWEST_IN_A_TAIL - 2] -= 100
    for each in (drawn, wild):
        assert Difference(0.0, 0.01, 50, each).lower(alpha) > -1


@pytest.mark.parametrize(
    ("alpha", "freedom", "expected"),
    [(0.025, 5, 2.571), (0.025, 30, 2.042), (0.005, 10, 3.169), (0.0005, 20, 3.850), (0.0005, 60, 3.460)],
)
def test_students_bound_is_that_of_the_tables(alpha: float, freedom: int, expected: float) -> None:
    assert student(alpha, freedom) == pytest.approx(expected, rel=0.005)
