"""The service's past is the recorded one and what it scored, each transaction once."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.batch import build_features
from mlflow_fraud.core.features.definitions import FeatureParams
from mlflow_fraud.core.features.online import CardHistory
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.serving.history import ARRIVES, AT_ONCE, History, Recorded
from mlflow_fraud.serving.journal import Journal, Scored
from mlflow_fraud.serving.warm_start import read_past
from tests.conftest import make_transactions

Row = dict[str, Any]


def rows_of(frame: pl.DataFrame) -> list[Row]:
    """Return transactions whose labels arrive at once."""
    return frame.drop("batch").with_columns(pl.col("event_time").alias(ARRIVES)).to_dicts()


def in_batch(whole: pl.DataFrame, schema: FeatureSchema, last: int) -> np.ndarray:
    features = build_features(whole, schema).tail(last).fill_null(np.nan)
    return features.to_numpy()


def one_by_one(history: History, rows: list[Row]) -> np.ndarray:
    features = []
    for row in rows:
        features.append(history.observe(row))
        history.learn(row["event_id"], row["label"], row[ARRIVES])
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
    recorded: pl.DataFrame, stream: pl.DataFrame, history_path: Path, schema: FeatureSchema
) -> None:
    history = History(schema, read_past(history_path, schema), Journal())
    online = one_by_one(history, rows_of(stream))
    assert_same(online, in_batch(pl.concat([recorded, stream]), schema, len(stream)), schema)


def test_only_what_can_still_be_seen_is_read(tmp_path: Path, schema: FeatureSchema) -> None:
    year = make_transactions(3000, cards=3, days=365)
    year.write_parquet(tmp_path / "year.parquet")
    read = list(read_past(tmp_path / "year.parquet", schema).transactions)
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
    tmp_path: Path, schema: FeatureSchema, recorded: pl.DataFrame
) -> None:
    old = recorded.head(1).with_columns(card=pl.lit(7, pl.Int64))
    pl.concat([old, recorded.tail(100)]).write_parquet(tmp_path / "past.parquet")
    params = FeatureParams.model_validate({"last": [{"by": ["card"], "take": ["amount"]}]})
    few = FeatureSchema(params=params, contract=schema.contract, categories={})
    history = History(few, read_past(tmp_path / "past.parquet", few), Journal())
    assert history.observe({**rows_of(recorded.tail(1))[0], "card": 7}) == [float(old["amount"][0])]


def test_a_missing_file_is_an_empty_past_and_a_warning(
    tmp_path: Path, schema: FeatureSchema, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert list(read_past(tmp_path / "none.parquet", schema).transactions) == []
    assert "every card starts without a past" in caplog.text


def test_an_empty_file_is_an_empty_past(tmp_path: Path, schema: FeatureSchema, recorded: pl.DataFrame) -> None:
    recorded.clear().write_parquet(tmp_path / "none.parquet")
    assert list(read_past(tmp_path / "none.parquet", schema).transactions) == []


def test_a_file_of_another_contract_is_refused(tmp_path: Path, schema: FeatureSchema, recorded: pl.DataFrame) -> None:
    recorded.drop("merchant").write_parquet(tmp_path / "other.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    for name in ("other", "broken"):
        with pytest.raises(DataError, match="holds no transactions of the contract sparkov"):
            read_past(tmp_path / f"{name}.parquet", schema)


def test_a_transaction_that_is_sent_again_is_counted_once(
    schema: FeatureSchema, recorded: pl.DataFrame, stream: pl.DataFrame
) -> None:
    rows, again = rows_of(stream), {**rows_of(recorded.tail(1))[0]}
    once, often = (History(schema, Recorded(rows_of(recorded)), Journal()) for _ in range(2))
    for row in rows[:20]:
        first = once.observe(row)
        assert often.observe(row) == first
        assert often.observe(row) == first
        often.observe(again)
    assert [once.observe(row) for row in rows[20:]] == [often.observe(row) for row in rows[20:]]


def test_new_feature_definitions_see_what_was_scored_under_the_old(
    schema: FeatureSchema, few_features: FeatureSchema, recorded: pl.DataFrame, stream: pl.DataFrame
) -> None:
    journal, rows = Journal(), rows_of(stream)
    old = History(schema, Recorded(rows_of(recorded)), journal)
    one_by_one(old, rows[:20])
    new = History(few_features, Recorded(rows_of(recorded)), journal)
    new.catch_up()
    one_by_one(old, rows[20:25])  # while the new one is being made ready
    online = one_by_one(new, rows[25:])
    assert_same(online, in_batch(pl.concat([recorded, stream]), few_features, 25), few_features)


def test_what_the_file_holds_by_now_is_not_replayed(
    schema: FeatureSchema, few_features: FeatureSchema, recorded: pl.DataFrame, stream: pl.DataFrame
) -> None:
    journal, rows = Journal(), rows_of(stream)
    one_by_one(History(schema, Recorded(rows_of(recorded)), journal), rows[:20])
    grown = rows_of(pl.concat([recorded, stream.head(10)]))
    online = one_by_one(History(few_features, Recorded(grown), journal), rows[20:])
    assert_same(online, in_batch(pl.concat([recorded, stream]), few_features, 30), few_features)


def test_two_of_one_card_at_once_see_one_another_once(schema: FeatureSchema, recorded: pl.DataFrame) -> None:
    template = rows_of(recorded.tail(1))[0]
    params = FeatureParams.model_validate({"windows": [{"by": ["card"], "spans": ["24h"], "take": ["count"]}]})
    counting = FeatureSchema(params=params, contract=schema.contract, categories={})
    history = History(counting, Recorded(rows_of(recorded.head(-1))), Journal())
    before = history.observe(template)
    place = counting.names.index("count_by_card_24h")

    def send(number: int) -> float:
        later = template["event_time"].replace(microsecond=number + 1)
        found = history.observe({**template, "event_id": f"new {number}", "event_time": later})
        return float(found[place] or 0)

    with hasty_threads(), ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(200)))
    assert send(500) == float(before[place] or 0) + 1 + 200


def test_a_label_comes_after_its_score_and_is_final(
    schema: FeatureSchema, recorded: pl.DataFrame, stream: pl.DataFrame
) -> None:
    history, row = History(schema, Recorded(rows_of(recorded)), Journal()), rows_of(stream)[0]
    with pytest.raises(DataError, match="no transaction of this id was scored here"):
        history.learn(row["event_id"], 1, row["event_time"])
    history.observe(row)
    history.learn(row["event_id"], 1, row["event_time"])
    history.learn(row["event_id"], 1, row["event_time"])
    with pytest.raises(DataError, match="a label is final"):
        history.learn(row["event_id"], 0, row["event_time"])


def test_a_journal_forgets_the_oldest_and_keeps_its_count() -> None:
    journal = Journal(kept=10)
    for number in range(25):
        journal.add(Scored("cards", {"event_id": number}))
    kept, place = journal.after(0, AT_ONCE)
    assert [entry.key for entry in kept if isinstance(entry, Scored)] == [
        ("cards", number) for number in range(25 - len(kept), 25)
    ]
    assert 10 <= len(kept) <= 20
    assert place == 25
    journal.add(Scored("cards", {"event_id": 24}))
    assert journal.after(place, AT_ONCE) == ([], 25)


def test_what_came_by_another_contract_is_no_part_of_this_past(
    schema: FeatureSchema, recorded: pl.DataFrame, stream: pl.DataFrame
) -> None:
    rows, journal = rows_of(stream), Journal()
    expected = one_by_one(History(schema, Recorded(rows_of(recorded)), Journal()), rows)
    for row in rows:
        journal.add(Scored("transfers", {"event_id": row["event_id"], "account": "DE02"}))
    np.testing.assert_array_equal(one_by_one(History(schema, Recorded(rows_of(recorded)), journal), rows), expected)


def test_what_was_scored_before_the_contract_had_a_column_is_blank_there(
    schema: FeatureSchema, recorded: pl.DataFrame, stream: pl.DataFrame
) -> None:
    rows, journal = rows_of(stream), Journal()
    for row in rows[:20]:
        journal.add(Scored(schema.contract.name, {name: row[name] for name in row if name != "merchant"}))
    history = History(schema, Recorded(rows_of(recorded)), journal)
    history.catch_up()
    assert len(history.observe(rows[20])) == len(schema.names)


def test_a_transaction_that_comes_far_too_late_leaves_recorded_scores_alone(
    tmp_path: Path, schema: FeatureSchema
) -> None:
    params = FeatureParams.model_validate(
        {
            "scores": [{"by": ["category"], "span": "20d"}],
            "windows": [{"by": ["card"], "spans": ["30d"], "take": ["sum"], "of": "amount_score_by_category_20d"}],
        }
    )
    scored = FeatureSchema(params=params, contract=schema.contract, categories={})
    whole = make_transactions(3000, cards=12, days=365)
    whole.write_parquet(tmp_path / "past.parquet")
    transactions, since = read_past(tmp_path / "past.parquet", scored)
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
