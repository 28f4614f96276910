"""A row for which one side has no honest score is no row of the contest; where none is left, it waits."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mlflow_fraud.adapters.release_store import ReleaseStore, open_store
from mlflow_fraud.core.measuring.cutoff import Cutoff
from mlflow_fraud.core.release.release import CHAIN_FILE, Release, entry, version_of
from mlflow_fraud.operations.release.challenger import core_files
from mlflow_fraud.operations.release.compare import compare
from mlflow_fraud.operations.release.contest import Entry, hold
from mlflow_fraud.operations.release.promote import promote
from mlflow_fraud.settings import load_params
from mlflow_fraud.stages.shipped import read_shipped
from tests.conftest import ROOT

PARAMS = load_params(ROOT / "params.yaml")
ROWS = 8


def test_a_contest_is_on_the_rows_for_which_both_are_honest() -> None:
    test = pl.DataFrame(
        {
            "event_id": [f"p{place}" for place in range(ROWS)],
            "event_time": [datetime(2020, 6, 1 + place) for place in range(ROWS)],
            "card": ["a", "b"] * (ROWS // 2),
            "amount_minor": [1_000] * ROWS,
            "label": pl.Series([0, 1] * (ROWS // 2), dtype=pl.Int8),
        }
    )
    scores, cuts = np.linspace(0.1, 0.8, ROWS), np.full(ROWS, 0.5)
    ours = Entry("new", "xgboost", Cutoff(0.5), scores, cuts, np.arange(ROWS) != 0)
    unknown = np.where(np.arange(ROWS) < 3, np.nan, 1 - scores)
    theirs = Entry("live", "xgboost", Cutoff(0.5), unknown, cuts, ~np.isnan(unknown))
    found = hold(ours, theirs, test, 2, PARAMS.costs, PARAMS.compare)
    assert found.ids.to_list() == [f"p{place}" for place in range(3, ROWS)]
    assert found.theirs is not None
    assert found.ours.metrics["rows"] == found.theirs.metrics["rows"] == ROWS - 3
    assert [flags.tolist() for flags in found.flags] == [(each[3:] >= 0.5).tolist() for each in (scores, unknown)]
    alone = hold(ours, None, test, 2, PARAMS.costs, PARAMS.compare)
    assert alone.ids.to_list() == [f"p{place}" for place in range(1, ROWS)]
    assert alone.rows != found.rows


@pytest.fixture
def store(workspace: Path) -> ReleaseStore:
    """A store beside the workspace with the challenger's own release live."""
    opened = open_store(str(workspace / "live"))
    compare(opened, first=True)
    assert promote(opened).moved
    return opened


def judged_later(release: Release, since: datetime | None) -> Release:
    """Return another release, which has honest scores of the rows from `since` on and of no others, of none for None.

    Its file has learned the whole of the test. It flags nothing else than the one it is made from, but for chance.
    """
    chain = pl.read_parquet(BytesIO(release.files[CHAIN_FILE]))
    kept = chain.filter(pl.col("event_time") >= since) if since else chain.clear()
    kept.write_parquet(written := BytesIO())
    files = {**release.files, CHAIN_FILE: written.getvalue()}
    cutoff, manifest = release.manifest.threshold / 2, release.manifest
    told = {
        "threshold": cutoff,
        "version": version_of(manifest.candidate, core_files(read_shipped()), cutoff, manifest.calibration),
        "learned_until": chain["event_time"].max(),
        "files": {name: entry(content) for name, content in files.items()},
    }
    return replace(release, manifest=manifest.model_copy(update=told), files=files)


def make_live(store: ReleaseStore, since: datetime | None) -> None:
    """Let a release be live whose test was shorter."""
    pointer = store.latest()
    assert pointer is not None
    release = judged_later(store.fetch(pointer.version), since)
    store.put(release)
    at = "2026-01-01T00:00:00+00:00"
    store.promote(release.manifest.version, action="promote", who="ann", at=at, reasons=["so"], expected=pointer)


def test_rows_that_the_champion_learned_and_has_no_honest_score_of_are_left_out_on_both_sides(
    store: ReleaseStore,
) -> None:
    test = pl.read_parquet("data/features/test.parquet")
    since: datetime = test["event_time"][len(test) // 2]
    make_live(store, since)
    comparison = compare(store)
    judged = test.filter(pl.col("event_time") >= since)
    assert comparison.champion is not None
    assert 0 < len(judged) < len(test)
    assert comparison.challenger.metrics["rows"] == comparison.champion.metrics["rows"] == len(judged)
    assert comparison.challenger.metrics["frauds"] == judged["label"].sum()
    assert sum(each["rows"] for each in comparison.slices["champion"] if each["of"] == "amount") == len(judged)


def test_where_no_row_is_left_for_which_both_are_honest_it_waits_and_says_so(store: ReleaseStore) -> None:
    make_live(store, None)
    live = store.latest()
    comparison = compare(store)
    assert (comparison.verdict.promote, comparison.verdict.waits) == (False, True)
    said = comparison.verdict.reasons
    assert said[0] == "only 0 frauds in the test rows, 5 are needed to judge"
    assert said[-1].startswith("no row of the test is left for which both sides have an honest score: ")
    assert comparison.waits_until is None
    assert promote(store).moved is False
    assert store.latest() == live
    assert [record.action for record in store.ledger()] == ["promote", "promote"]
