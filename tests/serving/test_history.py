"""The service's past is the recorded one and what it scored, each transaction once."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
import polars as pl
import pytest

from mlflow_fraud.adapters.prediction_log.entries import Payment
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.batch import build_features
from mlflow_fraud.core.features.definitions import FeatureParams
from mlflow_fraud.core.features.online import CardHistory
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.serving import warm_start
from mlflow_fraud.serving.history import AT_ONCE, History
from mlflow_fraud.serving.label_schema import LabelMessage
from mlflow_fraud.serving.record import Record
from mlflow_fraud.serving.warm_start import read_past, warm_history
from tests.conftest import make_transactions
from tests.serving.conftest import kept_in

Row = dict[str, Any]


def rows_of(frame: pl.DataFrame) -> list[Row]:
    return frame.drop("batch").to_dicts()


def in_batch(whole: pl.DataFrame, schema: FeatureSchema, last: int) -> np.ndarray:
    features = build_features(whole, schema).tail(last).fill_null(np.nan)
    return features.to_numpy()


def one_by_one(history: History, rows: list[Row]) -> np.ndarray:
    features = []
    for row in rows:
        found, _, payment = history.observe(row)
        features.append(found)
        history.record.settle_all([payment])
        history.learn([LabelMessage(row["event_id"], row["label"], row["event_time"])])
    return np.array(features, dtype=np.float32)


def assert_same(online: np.ndarray, batch: np.ndarray, schema: FeatureSchema) -> None:
    for place, name in enumerate(schema.names):
        if name == "distance":  # two libraries' sines may differ in the last bit
            np.testing.assert_allclose(online[:, place], batch[:, place], rtol=1e-6)
        else:
            np.testing.assert_array_equal(online[:, place], batch[:, place], err_msg=name)


@contextmanager
def hasty_threads() -> Iterator[None]:
    """Let threads take turns so often that a missing lock shows."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def test_a_stream_after_a_warm_start_has_the_features_of_the_batch(
    recorded: pl.DataFrame, stream: pl.DataFrame, record: Record, schema: FeatureSchema
) -> None:
    online = one_by_one(warm_history(schema, record), rows_of(stream))
    assert_same(online, in_batch(pl.concat([recorded, stream]), schema, len(stream)), schema)


def test_only_what_can_still_be_seen_is_read(
    tmp_path: Path, schema: FeatureSchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm_start, "REPLAYED", 0)
    year = make_transactions(3000, cards=3, days=365)
    with kept_in(tmp_path, schema, year) as record:
        read = list(read_past(record, schema).transactions)
    assert len(read) < 1000
    past, seen = CardHistory(schema), CardHistory(schema)
    for row in rows_of(year):
        past.update(row)
    for row in read:
        seen.update(row)
    newest = year.tail(1).to_dicts()[0]
    for row in rows_of(year.tail(200)):
        later = {**row, "event_time": newest["event_time"]}
        assert seen.read(later) == past.read(later)


def test_an_old_last_transaction_is_remembered_beyond_the_longest_window(
    tmp_path: Path, schema: FeatureSchema, recorded: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm_start, "REPLAYED", 0)
    old = recorded.head(1).with_columns(card=pl.lit(7, pl.Int64))
    params = FeatureParams.model_validate({"last": [{"by": ["card"], "take": ["amount"]}]})
    few = FeatureSchema(params=params, contract=schema.contract, categories={})
    with kept_in(tmp_path, few, pl.concat([old, recorded.tail(100)])) as record:
        history = warm_history(few, record)
        asked = {**rows_of(recorded.tail(1))[0], "card": 7, "event_id": "asked"}
        assert history.observe(asked).features == [float(old["amount"][0])]


def test_an_empty_record_is_an_empty_past_and_a_warning(
    tmp_path: Path, schema: FeatureSchema, caplog: pytest.LogCaptureFixture
) -> None:
    with kept_in(tmp_path) as record, caplog.at_level(logging.WARNING):
        assert list(read_past(record, schema).transactions) == []
    assert "every card starts without a past; `mlflow-fraud record seed` fills it" in caplog.text


def test_new_feature_definitions_see_what_was_scored_under_the_old(
    schema: FeatureSchema, few_features: FeatureSchema, recorded: pl.DataFrame, stream: pl.DataFrame, record: Record
) -> None:
    rows = rows_of(stream)
    old = warm_history(schema, record)
    one_by_one(old, rows[:20])
    new = warm_history(few_features, record)
    one_by_one(old, rows[20:25])  # while the new one is being made ready
    online = one_by_one(new, rows[25:])
    assert_same(online, in_batch(pl.concat([recorded, stream]), few_features, 25), few_features)


def test_a_past_that_is_read_slowly_misses_nothing_and_takes_nothing_twice(
    schema: FeatureSchema, few_features: FeatureSchema, recorded: pl.DataFrame, stream: pl.DataFrame, record: Record
) -> None:
    """What is read in parts is of one moment, whatever comes meanwhile."""
    rows = rows_of(stream)
    old = warm_history(schema, record)
    one_by_one(old, rows[:10])
    mark = record.mark
    record.mark = lambda of: (mark(of), one_by_one(old, rows[10:20]))[0]  # type: ignore[method-assign]
    record.lock = RLock()  # type: ignore[assignment]
    new = warm_history(few_features, record)
    online = one_by_one(new, rows[20:])
    assert_same(online, in_batch(pl.concat([recorded, stream]), few_features, 30), few_features)


def test_two_of_one_card_at_once_see_one_another_once(
    schema: FeatureSchema, recorded: pl.DataFrame, tmp_path: Path
) -> None:
    template = rows_of(recorded.tail(1))[0]
    params = FeatureParams.model_validate({"windows": [{"by": ["card"], "spans": ["24h"], "take": ["count"]}]})
    counting = FeatureSchema(params=params, contract=schema.contract, categories={})
    with kept_in(tmp_path, counting, recorded.head(-1)) as record:
        _two_of_one_card_at_once(warm_history(counting, record), counting, template)


def _two_of_one_card_at_once(history: History, counting: FeatureSchema, template: Row) -> None:
    before = history.observe(template).features
    place = counting.names.index("count_by_card_24h")

    def send(number: int) -> float:
        later = template["event_time"].replace(microsecond=number + 1)
        found = history.observe({**template, "event_id": f"new {number}", "event_time": later}).features
        return float(found[place] or 0)

    with hasty_threads(), ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(200)))
    assert send(500) == float(before[place] or 0) + 1 + 200


def test_a_label_comes_after_its_score_and_may_change(
    schema: FeatureSchema, stream: pl.DataFrame, record: Record
) -> None:
    history, row = warm_history(schema, record), rows_of(stream)[0]
    fraud = LabelMessage(row["event_id"], 1, row["event_time"])
    assert history.learn([fraud]) == ["unmatched"]
    record.settle_all([history.observe(row).payment])
    assert history.learn([fraud, fraud, fraud._replace(label=0)]) == ["noted", "known", "noted"]


def test_a_record_keeps_the_newest_entries_in_memory_and_their_count(contract: Contract, tmp_path: Path) -> None:
    log = PredictionLog(f"sqlite:///{tmp_path / 'record.db'}")
    record = Record(log, tail=10)
    at = datetime(2020, 1, 1)
    for number in range(25):
        record.enter(contract, {"event_id": number, "event_time": at})
    with pytest.raises(DataError, match="came and went while a past was read"):
        record.after(0, AT_ONCE)
    kept, end = record.after(13, AT_ONCE)
    assert [entry.transaction["event_id"] for entry in kept if isinstance(entry, Payment)] == list(range(13, 25))
    assert end == record.end == 25
    record.close()
    log.close()


def test_what_came_by_another_contract_is_no_part_of_this_past(
    schema: FeatureSchema, recorded: pl.DataFrame, stream: pl.DataFrame, record: Record, tmp_path: Path
) -> None:
    rows, other = rows_of(stream), schema.contract.model_copy(update={"name": "transfers"})
    with kept_in(tmp_path / "alone", schema, recorded) as alone:
        expected = one_by_one(warm_history(schema, alone), rows)
    history = warm_history(schema, record)
    for row in rows:
        record.settle_all([record.enter(other, {"event_id": row["event_id"], "event_time": row["event_time"]})])
    np.testing.assert_array_equal(one_by_one(history, rows), expected)


def test_what_was_scored_before_the_contract_had_a_column_is_blank_there(
    schema: FeatureSchema, stream: pl.DataFrame, record: Record
) -> None:
    rows = rows_of(stream)
    for row in rows[:20]:
        known = {name: row[name] for name in row if name != "merchant"}
        record.settle_all([record.enter(schema.contract, known)])
    assert len(warm_history(schema, record).observe(rows[20]).features) == len(schema.names)


def test_a_transaction_that_comes_far_too_late_leaves_recorded_scores_alone(
    tmp_path: Path, schema: FeatureSchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = FeatureParams.model_validate(
        {
            "scores": [{"by": ["category"], "span": "20d"}],
            "windows": [{"by": ["card"], "spans": ["30d"], "take": ["sum"], "of": "amount_score_by_category_20d"}],
        }
    )
    scored = FeatureSchema(params=params, contract=schema.contract, categories={})
    monkeypatch.setattr(warm_start, "REPLAYED", 0)
    whole = make_transactions(3000, cards=12, days=365)
    with kept_in(tmp_path, scored, whole) as record:
        transactions, since, *_ = read_past(record, scored)
        seen = list(transactions)
    late = whole.filter(pl.col("event_time") < seen[0]["event_time"]).tail(20).drop("batch").to_dicts()
    alone, disturbed = CardHistory(scored, since), CardHistory(scored, since)
    for row in seen:
        alone.update(row)
        disturbed.update(row)
    restored = CardHistory.restore(scored, alone.snapshot())
    for row in late:
        disturbed.update(row)
        restored.update(row)
    for row in rows_of(whole.tail(200)):
        at = {**row, "event_time": seen[-1]["event_time"]}
        assert disturbed.read(at) == alone.read(at) == restored.read(at)
