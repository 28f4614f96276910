"""What was served is what the batch engine makes, to the bit; where it is not, the audit says why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import select, update

from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.tables import PAYMENT
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.operations.record.parity import Audit, audit
from mlflow_fraud.serving.label_schema import LabelMessage
from mlflow_fraud.serving.loading import LiveRelease, load_release
from mlflow_fraud.serving.record import Record
from mlflow_fraud.serving.warm_start import warm_history
from tests.serving.conftest import MakeRelease, kept_in, make_release, recorded, stream

__all__ = ["make_release", "recorded", "stream"]

Row = dict[str, Any]
HOUR = timedelta(hours=1)


@contextmanager
def serving(
    folder: Path, schema: FeatureSchema, recorded: pl.DataFrame, make_release: MakeRelease
) -> Iterator[LiveRelease]:
    with kept_in(folder, schema, recorded) as record:
        live = load_release(make_release(schema), lambda schema: warm_history(schema, record))
        record.introduce(live.note)
        yield live
        record.writer.flush()


def serve(live: LiveRelease, rows: list[Row]) -> None:
    record: Record = live.history.record
    for row in rows:
        record.settle(live.score(row))
    record.writer.flush()


def audited(folder: Path, schema: FeatureSchema, days: int = 30) -> Audit:
    log = PredictionLog(f"sqlite:///{folder / 'record.db'}")
    try:
        return audit(log, schema.contract, days=days)
    finally:
        log.close()


def differing(found: Audit, kind: str) -> set[str]:
    return set(found.table.filter(pl.col(kind) > 0)["feature"])


def test_all_that_was_served_in_time_order_is_equal(
    tmp_path: Path, schema: FeatureSchema, recorded: pl.DataFrame, stream: pl.DataFrame, make_release: MakeRelease
) -> None:
    rows = stream.to_dicts()
    with serving(tmp_path, schema, recorded, make_release) as live:
        serve(live, rows[:25])
    with serving(tmp_path, schema, recorded, make_release) as live:  # it started again
        live.history.learn([LabelMessage(rows[3]["event_id"], 1, rows[24]["event_time"])])
        live.history.correct(rows[5]["event_id"], None, rows[24]["event_time"])
        serve(live, rows[25:])
    found = audited(tmp_path, schema)
    assert (found.answers, found.holds) == (50, True)
    assert found.table["equal"].to_list() == [50] * len(schema.names)
    assert "no feature otherwise" in found.sentence


def test_what_came_late_is_called_late(
    tmp_path: Path, schema: FeatureSchema, recorded: pl.DataFrame, stream: pl.DataFrame, make_release: MakeRelease
) -> None:
    rows = stream.to_dicts()
    late = [{**row, "event_id": f"late-{n}", "event_time": row["event_time"] - HOUR} for n, row in enumerate(rows)]
    with serving(tmp_path, schema, recorded, make_release) as live:
        for row, other in zip(rows, late, strict=True):
            serve(live, [row, other])
        live.history.learn([LabelMessage(rows[0]["event_id"], 1, rows[0]["event_time"])])
    found = audited(tmp_path, schema)
    assert found.answers == 100
    assert found.holds
    assert "amount_sum_by_card_24h" in differing(found, "late")
    assert differing(found, "corrected") == set()
    assert differing(found, "late").isdisjoint({"amount", "category", "hour"})


def test_what_was_corrected_after_the_answer_for_a_moment_before_it_is_called_corrected(
    tmp_path: Path, schema: FeatureSchema, recorded: pl.DataFrame, stream: pl.DataFrame, make_release: MakeRelease
) -> None:
    rows = [{**row, "card": stream["card"][0]} for row in stream.to_dicts()]
    with serving(tmp_path, schema, recorded, make_release) as live:
        serve(live, rows)
        live.history.correct(rows[10]["event_id"], None, rows[11]["event_time"])
    found = audited(tmp_path, schema)
    assert found.holds
    assert "amount_sum_by_card_24h" in differing(found, "corrected")
    assert differing(found, "late") == set()


def test_one_bit_of_one_feature_of_one_answer_is_found(
    tmp_path: Path, schema: FeatureSchema, recorded: pl.DataFrame, stream: pl.DataFrame, make_release: MakeRelease
) -> None:
    with serving(tmp_path, schema, recorded, make_release) as live:
        serve(live, stream.to_dicts())
    log = PredictionLog(f"sqlite:///{tmp_path / 'record.db'}")
    for place, name in enumerate(schema.names):
        with log.writing() as connection:
            answer = connection.execute(select(PAYMENT).where(PAYMENT.c.prediction.is_not(None)).limit(1)).one()
            flipped = np.frombuffer(answer.features, np.uint32).copy()
            flipped[place] ^= 1
            change = update(PAYMENT).where(PAYMENT.c.place == answer.place)
            connection.execute(change.values(features=flipped.tobytes()))
        found = audited(tmp_path, schema)
        missing = np.isnan(flipped.view(np.float32)[place])
        assert differing(found, "otherwise") == (set() if missing else {name})
        assert found.otherwise == ([] if missing else [answer.prediction])
        with log.writing() as connection:
            connection.execute(change.values(features=answer.features))
    log.close()


def test_a_record_without_answers_is_said_to_have_none(
    tmp_path: Path, schema: FeatureSchema, recorded: pl.DataFrame
) -> None:
    with kept_in(tmp_path, schema, recorded):
        pass
    found = audited(tmp_path, schema)
    assert (found.answers, found.holds) == (0, True)
    assert found.to_markdown() == "No answer is in the record yet.\n"
