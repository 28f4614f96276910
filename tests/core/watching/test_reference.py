"""How far payments are from what was learned: every December is none of it, and of few rows nothing is said."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mlflow_fraud.core.measuring.stability import population_stability_index
from mlflow_fraud.core.watching.binned import FEWEST, Bins, count, moved
from mlflow_fraud.core.watching.expected import Expected
from mlflow_fraud.core.watching.reference import (
    Reference,
    columns_of,
    counts_of,
    distances,
    largest,
    read_reference,
    score_bins,
    to_json,
)

DRAW = np.random.default_rng(3)
MONTHS = np.repeat(np.arange(1, 13), 500)
AMOUNTS = DRAW.lognormal(3, 1, len(MONTHS)) * np.where(MONTHS == 12, 4, 1)
HOURS = DRAW.integers(0, 24, len(MONTHS)).astype(float)


def reference(months: np.ndarray = MONTHS, rows: slice = slice(None)) -> Reference:
    learned = {"amount": AMOUNTS[rows], "hour": HOURS[rows]}
    return Reference(
        rows=len(learned["amount"]),
        since=datetime(2020, 1, 1),
        until=datetime(2020, 12, 31),
        columns=columns_of(learned, months[rows]),
        score=score_bins(DRAW.random(1000)),
        expected=tuple(Expected(rows=1000.0)),
        bursts=(9, 12),
        promised={"f1": (0.7, 0.9)},
    )


def window(month: int, held: Reference) -> dict[str, np.ndarray]:
    own = {"amount": AMOUNTS[month == MONTHS], "hour": HOURS[month == MONTHS]}
    return counts_of(own, held)


def test_every_december_is_no_drift_and_december_in_june_is_one() -> None:
    held = reference()
    season = distances(window(12, held), {12: 500}, held)["amount"]
    assert season.whole.psi > 0.25
    assert season.drift < 0.02
    summer = distances(window(12, held), {6: 500}, held)["amount"]
    assert summer.drift > 0.25


def test_a_week_of_two_months_is_held_against_both_in_its_proportion() -> None:
    held = reference()
    own = {"amount": np.concatenate([AMOUNTS[MONTHS == 11][:250], AMOUNTS[MONTHS == 12][:250]])}
    mixed = distances(counts_of(own, held), {11: 250, 12: 250}, held)["amount"]
    assert mixed.drift < 0.05 < mixed.whole.psi


def test_where_the_season_was_not_learned_what_the_clock_alone_moves_does_not_alarm() -> None:
    held = reference(rows=slice(0, 3000))
    shifted = counts_of({"amount": AMOUNTS[:500], "hour": np.full(500, 23.0)}, held)
    unknown = distances(shifted, {12: 500}, held)
    assert unknown["hour"].season is None
    assert largest(unknown, ["amount", "hour"], of_the_clock=["hour"]) == unknown["amount"].drift < 0.25
    known = distances(shifted, {3: 500}, held)
    assert (largest(known, ["amount", "hour"], of_the_clock=["hour"]) or 0) > 0.25


def test_of_few_rows_nothing_is_said() -> None:
    held = reference()
    assert distances(counts_of({"amount": AMOUNTS[: FEWEST - 1]}, held), {1: 99}, held) == {}
    assert largest({}, ["amount"], of_the_clock=[]) is None


def test_missing_values_are_a_bin_and_a_share_of_their_own() -> None:
    held = reference()
    half = np.where(np.arange(500) % 2, np.nan, AMOUNTS[:500])
    found = distances(counts_of({"amount": half}, held), {1: 500}, held)["amount"]
    assert found.whole.missing == 0.5
    assert found.whole.missing_before == 0
    assert found.drift > 0.25
    assert found.whole.ks < 0.15, "those that have a value are as they were"


def test_a_reference_is_read_as_it_was_written() -> None:
    held = reference()
    assert read_reference(to_json(held), version="xgboost-1") == held


@given(arrays(np.float32, st.integers(FEWEST, 300), elements=st.floats(-1e6, 1e6, width=32)))
def test_bins_and_psi_are_those_of_the_columns_themselves(values: np.ndarray) -> None:
    bins, shifted = Bins.of(values), values + np.float32(1)
    found = moved(bins.counts, count(shifted, bins.edges))
    assert sum(bins.counts) == len(values)
    assert found is not None
    assert found.psi == pytest.approx(population_stability_index(values, shifted), abs=1e-2)
