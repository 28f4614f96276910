"""The record by days: what export, collection and audits read."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sqlalchemy.event import listen

from mlflow_fraud.adapters.prediction_log.days import RecordedDays
from mlflow_fraud.adapters.prediction_log.entries import Label
from mlflow_fraud.adapters.prediction_log.feature_columns import served
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.past import RecordedPast
from mlflow_fraud.adapters.prediction_log.quarantine import Quarantine, put_in_quarantine
from mlflow_fraud.adapters.prediction_log.snapshot import snapshot
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.schema import FeatureSchema
from tests.conftest import make_transactions
from tests.records import RECEIVED, answered, fill, payments


def all_days(log: PredictionLog, contract: Contract, *, with_quarantined: bool = False) -> pl.DataFrame:
    with snapshot(log.engine) as connection:
        recorded = RecordedDays(connection, contract, with_quarantined=with_quarantined)
        parts = [recorded.payments(day) for day in recorded.days()]
    return pl.concat(parts) if parts else pl.DataFrame({"event_id": []}, schema={"event_id": pl.String})


def test_the_days_together_are_all_payments_as_they_came(
    log: PredictionLog, contract: Contract, schema: FeatureSchema
) -> None:
    fill(log, schema)
    found = all_days(log, contract)
    names = [column.name for column in contract.kept if column.role not in ("label", "label_time")]
    assert_frame_equal(found.select(names), make_transactions(50, cards=5).select(names), check_exact=True)
    assert found["record_place"].to_list() == list(range(1, 51))
    assert found["answer_prediction"].to_list() == [f"xgboost-1.{place}" for place in range(1, 51)]
    assert set(found["label_chance"]) == {0.25}


def test_a_payment_has_its_newest_label_by_arrival_and_all_are_beside(
    log: PredictionLog, contract: Contract, schema: FeatureSchema
) -> None:
    given = fill(log, schema)
    found = all_days(log, contract)
    expected = [0 if place % 6 == 0 else 1 if place % 3 == 0 else None for place in range(50)]
    assert found["label"].to_list() == expected
    assert found["label_time"][0] == given[0].transaction["event_time"] + timedelta(days=9)
    with snapshot(log.engine) as connection:
        recorded = RecordedDays(connection, contract)
        days = list(recorded.days())
        assert sum(len(recorded.labels(day)) for day in days) == 17 + 9
        assert sum(len(recorded.corrections(day)) for day in days) == 5
        assert recorded.labels(days[0])["label"].to_list()[:1] == [1]


def test_days_begin_and_end_where_it_is_said(log: PredictionLog, contract: Contract) -> None:
    given = payments()
    log.append(given)
    days = sorted({each.transaction["event_time"].date() for each in given})
    with snapshot(log.engine) as connection:
        recorded = RecordedDays(connection, contract)
        assert list(recorded.days()) == days
        assert list(recorded.days(days[3], days[7])) == days[3:7]
        assert list(recorded.days(since=date(2030, 1, 1))) == []
        assert recorded.payments(date(2030, 1, 1)).columns == recorded.payments(days[0]).columns


def test_a_day_is_found_by_its_times_and_not_by_a_look_at_all_payments(tmp_path: Path, contract: Contract) -> None:
    log, asked = PredictionLog(f"sqlite:///{tmp_path / 'record.db'}"), []
    with snapshot(log.engine) as connection:
        listen(connection, "before_cursor_execute", lambda *told: asked.append(told[2:4]))
        recorded = RecordedDays(connection, contract)
        _ = list(recorded.days()), recorded.payments(date(2020, 1, 1)), recorded.corrections(date(2020, 1, 1))
        of_payments = [each for each in asked if "FROM payment" in each[0]]
        plans = [
            " ".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values))
            for statement, values in of_payments
        ]
    assert len(plans) == 4
    assert [plan for plan in plans if "payment USING INDEX ix_payment_event_time" not in plan] == []
    log.close()


def test_features_come_back_bit_for_bit_under_the_names_of_their_release(
    log: PredictionLog, contract: Contract, schema: FeatureSchema, few_features: FeatureSchema
) -> None:
    log.append([*answered(payments(10), schema)[:4], *answered(payments(10), few_features, "xgboost-2")[4:8]])
    log.append(payments(10)[8:])
    rows = all_days(log, contract)
    opened = served(rows, {"xgboost-1": schema.names, "xgboost-2": few_features.names})
    assert opened.height == 10
    first = opened.select(schema.names)[:4].to_numpy()
    given = [each.answer.features for each in answered(payments(4), schema) if each.answer]
    assert first.tobytes() == b"".join(given)
    assert np.isnan(opened[schema.names[1]][0])
    missing = next(name for name in schema.names if name not in few_features.names)
    assert opened[missing].is_null().to_list() == [False] * 4 + [True] * 6
    with pytest.raises(DataError, match="does not know the release xgboost-2"):
        served(rows, {"xgboost-1": schema.names})


@pytest.fixture(scope="session")
def few_features(schema: FeatureSchema) -> FeatureSchema:
    params = schema.params.model_copy(update={"ratios": ()})
    return FeatureSchema(params=params, contract=schema.contract, categories=schema.categories)


def test_a_snapshot_does_not_see_what_comes_after_it(log: PredictionLog, contract: Contract) -> None:
    given = payments()
    log.append(given[:30])
    with snapshot(log.engine) as connection:
        recorded = RecordedDays(connection, contract)
        log.append(given[30:])
        assert sum(len(recorded.payments(day)) for day in recorded.days()) == 30
    assert len(all_days(log, contract)) == 50


def in_quarantine(log: PredictionLog, since: datetime, until: datetime) -> None:
    with log.engine.begin() as connection:
        put_in_quarantine(connection, "sparkov", Quarantine(since, until, "broken feed"), received=RECEIVED)


def test_what_is_in_quarantine_is_in_no_past_and_in_no_day_unless_it_is_asked_for(
    log: PredictionLog, contract: Contract
) -> None:
    given = payments()
    log.append(given)
    times = [each.transaction["event_time"] for each in given]
    for each in (given[15], given[5]):
        log.add_labels([Label(each.key, 1, times[20])], received=RECEIVED, source="service")
    in_quarantine(log, times[10], times[18])
    in_quarantine(log, times[14], times[20])  # spans may overlap
    kept = [*range(1, 11), *range(21, 51)]
    past = RecordedPast(log, contract, 50)
    assert sorted(past.since(None)["place"]) == kept
    assert [each.place for each in past.behind(0)] == kept
    assert past.known_since(None)["event_id"].to_list() == [given[5].key[1]]
    assert sorted(past.last_before(times[30], {("card",): 50})["place"]) == [place for place in kept if place <= 30]
    assert past.reached(35) == times[5]
    assert RecordedPast(log, contract, 20).reaches_before(times[11])
    assert sorted(all_days(log, contract)["record_place"]) == kept
    assert sorted(all_days(log, contract, with_quarantined=True)["record_place"]) == list(range(1, 51))
    assert log.find(contract, given[15].key[1]) is not None  # it gets its answer when it is sent again
