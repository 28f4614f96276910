"""A service whose windows move by hops: what comes late counts where it arrived, and is the same after a restart."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from mlflow_fraud.adapters.prediction_log.past import RecordedPast
from mlflow_fraud.adapters.prediction_log.retention import Age, prune
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.features.batch import build_features
from mlflow_fraud.core.features.definitions import FeatureParams
from mlflow_fraud.core.features.later import Later
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.serving import warm_start
from mlflow_fraud.serving.clock import WallClock, clock_of
from mlflow_fraud.serving.history import History
from mlflow_fraud.serving.record import Record, open_record
from mlflow_fraud.serving.warm_start import warm_history
from mlflow_fraud.wall import utc_now
from tests.record_databases import MakeDatabase
from tests.serving.conftest import MakeRelease, fill, kept_in
from tests.test_parity import audited, serve, serving

Row = dict[str, Any]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MONTH_LATE = 25

SCORE = "amount_score_by_category_10d_hop_1d"
BUSY: dict[str, Any] = {
    "row": ["amount"],
    "windows": [
        {"by": ["category"], "spans": ["1d", "10d"], "take": ["count", "sum", "std", "max"], "hop": "1d"},
        {"by": ["merchant"], "spans": ["2d"], "take": ["count", "mean"], "hop": "6h"},
        {"by": ["card"], "spans": ["3d"], "take": ["mean", "count"], "of": SCORE},
        {"by": ["card"], "spans": ["3d"], "take": ["sum"]},
    ],
    "scores": [{"by": ["category"], "span": "10d", "hop": "1d"}],
    "last": [{"by": ["card"], "take": ["seconds", SCORE]}],
}


@pytest.fixture(scope="module")
def busy(schema: FeatureSchema) -> FeatureSchema:
    return FeatureSchema(params=FeatureParams.model_validate(BUSY), contract=schema.contract, categories={})


@pytest.fixture(scope="module")
def rows(stream: pl.DataFrame) -> list[Row]:
    """A stream of which some rows come late: by hours, by two days, and by a month."""
    late = {10: 5 * HOUR, 20: 2 * DAY, MONTH_LATE: 30 * DAY, 30: 7 * HOUR, 40: 26 * HOUR}
    given = stream.drop("batch").to_dicts()
    return [{**row, "event_time": row["event_time"] - late.get(n, 0 * HOUR)} for n, row in enumerate(given)]


def served(history: History, rows: list[Row]) -> list[object]:
    found: list[object] = []
    for row in rows:
        features, scores, payment = history.observe(row)
        history.record.settle_all([payment._replace(scores=scores)])
        history.record.writer.flush()
        found.append(features)
        if row["event_id"].endswith("5"):
            history.correct(row["event_id"], {**row, "amount": row["amount"] + 5_000}, row["event_time"] + HOUR)
    return found


@pytest.mark.parametrize("replayed", [0, 2_000])
def test_after_a_restart_it_goes_on_as_one_that_never_stopped(
    recorded: pl.DataFrame,
    rows: list[Row],
    busy: FeatureSchema,
    empty_database: MakeDatabase,
    monkeypatch: pytest.MonkeyPatch,
    replayed: int,
) -> None:
    never, address = empty_database(), empty_database()
    for each in (never, address):
        fill(each, busy, recorded)
    with open_record(never) as record:
        expected = served(warm_history(busy, record), rows)
    monkeypatch.setattr(warm_start, "REPLAYED", replayed)
    found: list[object] = []
    for start in range(0, 50, 10):
        with open_record(address) as record:
            found += served(warm_history(busy, record), rows[start : start + 10])
    assert found == expected


def test_the_batch_makes_of_the_record_what_was_served(
    recorded: pl.DataFrame, rows: list[Row], busy: FeatureSchema, tmp_path: Path
) -> None:
    with kept_in(tmp_path, busy, recorded) as record:
        found = np.array(served(warm_history(busy, record), rows), np.float32)
        past = RecordedPast(record.log, busy.contract, record.place)
        whole = past.since(None).sort("event_time", "event_id")
        told = past.corrections_since(None)
    corrections = pl.DataFrame(
        [{**(each.instead or {}), "observed": each.observed, "reversed": False} for each in told]
    )
    features = build_features(whole, busy, Later(corrections)).with_columns(whole["event_id"])
    for place, name in enumerate(busy.names):
        if name.endswith(("hop_1d", "hop_6h")):
            made = dict(zip(features["event_id"], features[name], strict=True))
            batch = np.array([made[row["event_id"]] for row in rows], np.float32)
            in_reach = np.arange(len(rows)) != MONTH_LATE  # which counts in others' windows all the same
            np.testing.assert_array_equal(found[in_reach, place], batch[in_reach], err_msg=name)


def test_the_audit_finds_what_moves_by_hops_equal_however_late_payments_come(
    tmp_path: Path, busy: FeatureSchema, recorded: pl.DataFrame, rows: list[Row], make_release: MakeRelease
) -> None:
    with serving(tmp_path, busy, recorded, make_release) as live:
        serve(live, rows)
    found = audited(tmp_path, busy, days=10)  # without the one that is late by a month
    assert (found.answers, found.holds) == (49, True)
    equal = dict(zip(found.table["feature"], found.table["equal"], strict=True))
    assert {equal[name] for name in busy.names if name.endswith(("hop_1d", "hop_6h"))} == {49}


def test_what_arrived_lately_is_not_pruned_however_old_its_time_is(
    tmp_path: Path, busy: FeatureSchema, recorded: pl.DataFrame, rows: list[Row], contract: Contract
) -> None:
    with kept_in(tmp_path, busy, recorded) as record:
        served(warm_history(busy, record), rows)
        cut = rows[0]["event_time"] - 15 * DAY
        prune(record.log, contract.name, Age(cut, cut, {}), at=utc_now())
        left = RecordedPast(record.log, contract, record.place).since(None)
    assert left.filter(pl.col("event_time") < cut)["event_id"].to_list() == [rows[MONTH_LATE]["event_id"]]


def test_the_wall_clock_tells_the_arrival_of_what_is_of_another_hour(contract: Contract) -> None:
    clock = WallClock(contract, DAY, now=lambda zone: datetime(2020, 5, 1, 12, 30))
    arrivals = [clock.arrival({"event_time": datetime(2020, 5, 1, hour, 5)}) for hour in (11, 12, 13)]
    assert arrivals == [datetime(2020, 5, 1, 12, 30), None, datetime(2020, 5, 1, 12, 30)]


def test_a_stream_tells_the_arrival_of_what_comes_late_alone(contract: Contract) -> None:
    clock = clock_of("stream")(contract)
    noon = datetime(2020, 5, 1, 12)
    assert clock.arrival({"event_time": noon - DAY}) is None
    for number in range(20):
        clock.note({"card": number, "event_id": str(number), "event_time": noon})
    arrivals = [clock.arrival({"event_time": noon + hours * HOUR}) for hours in (-5, 0, 5)]
    assert arrivals == [noon, None, None]


def test_an_arrival_is_in_the_record_as_it_was_told(
    busy: FeatureSchema, recorded: pl.DataFrame, rows: list[Row], record: Record
) -> None:
    history = warm_history(busy, record)
    served(history, rows[:22])
    in_time, late = (record.log.find(busy.contract, rows[number]["event_id"]) for number in (19, 20))
    assert in_time is not None
    assert late is not None
    assert late.arrival is not None
    assert in_time.arrival is None
    assert rows[19]["event_time"] - DAY < late.arrival <= rows[19]["event_time"]
