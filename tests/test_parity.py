"""What was served is what the batch engine makes, to the bit; where it is not, the audit says why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sqlalchemy import select, update

from mlflow_fraud.adapters.prediction_log.forgetting import Known, erase
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.quarantine import Quarantine, put_in_quarantine
from mlflow_fraud.adapters.prediction_log.retention import Age, prune
from mlflow_fraud.adapters.prediction_log.tables import PAYMENT
from mlflow_fraud.core.contract.forgotten import mark_of
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.operations.record.parity import Audit, audit
from mlflow_fraud.serving.label_schema import LabelMessage
from mlflow_fraud.serving.loading import LiveRelease, load_release
from mlflow_fraud.serving.record import Record
from mlflow_fraud.serving.warm_start import warm_history
from mlflow_fraud.wall import utc_now
from tests.serving.conftest import MakeRelease, kept_in, make_release, recorded, score, silent_after, stream

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
        record.settle_all([score(live, row)])
    record.writer.flush()


def ask_for_recorded(live: LiveRelease, rows: list[Row]) -> None:
    """Ask for the answers to payments that are in the record without one, as the service does."""
    record: Record = live.history.record
    for row in rows:
        known = record.find(live.schema.contract, row["event_id"])
        assert known is not None
        assert known.answer is None
        record.complete(live.score_again(known))
    record.writer.flush()


def leave_out(record: Record, since: datetime, until: datetime, *, earlier: timedelta = timedelta()) -> None:
    """Put a span in quarantine, as another process does."""
    log = PredictionLog(str(record.log))
    with log.writing() as connection:
        span = Quarantine(since, until, "the feed sent zeros")
        put_in_quarantine(connection, "sparkov", span, received=utc_now() - earlier)
    log.close()


def forget(record: Record, card: int, *, earlier: timedelta = timedelta()) -> None:
    log = PredictionLog(str(record.log))
    erase(log.engine, Known("sparkov", "card", mark_of(card)), at=utc_now() - earlier)
    log.close()


def looked(live: LiveRelease) -> LiveRelease:
    """Let a service look once at what others wrote, as `LiveModel` does."""
    if not live.history.follow():
        return live
    return replace(live, history=warm_history(live.schema, live.history.record))


def audited(folder: Path, schema: FeatureSchema, days: int = 30) -> Audit:
    log = PredictionLog(f"sqlite:///{folder / 'record.db'}")
    try:
        return audit(log, schema.contract, days=days)
    finally:
        log.close()


def differing(found: Audit, kind: str) -> set[str]:
    return set(found.table.filter(pl.col(kind) > 0)["feature"])


@pytest.mark.parametrize("days", [None, 0, 30], ids="silence {}".format)
def test_all_that_was_served_in_time_order_is_equal(
    tmp_path: Path,
    schema: FeatureSchema,
    recorded: pl.DataFrame,
    stream: pl.DataFrame,
    make_release: MakeRelease,
    days: int | None,
) -> None:
    rows, schema = stream.to_dicts(), silent_after(days, schema)
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


@pytest.mark.parametrize("restarted", [False, True], ids=["the same service", "one that was started meanwhile"])
def test_what_came_days_late_is_called_let_go_and_no_answer_in_time_is_excused_by_it(
    tmp_path: Path,
    schema: FeatureSchema,
    recorded: pl.DataFrame,
    stream: pl.DataFrame,
    make_release: MakeRelease,
    restarted: bool,
) -> None:
    rows = stream.to_dicts()
    late = [
        {**row, "event_id": f"late-{n}", "event_time": row["event_time"] + timedelta(seconds=7)}
        for n, row in enumerate(recorded[-100:-60].to_dicts())
    ]
    with serving(tmp_path, schema, recorded, make_release) as live:
        serve(live, rows[:25] if restarted else [*rows[:25], *late, *rows[25:]])
    if restarted:
        with serving(tmp_path, schema, recorded, make_release) as live:
            serve(live, [*late, *rows[25:]])
    found = audited(tmp_path, schema)
    assert (found.answers, found.otherwise) == (90, [])
    assert "count_by_merchant_30d" in differing(found, "let_go")
    assert differing(found, "let_go").isdisjoint({"amount", "category", "hour"})
    assert found.table["let_go"].max() <= len(late)  # type: ignore[operator]
    assert "let go by then" in found.to_markdown()
    in_time = audited(tmp_path, schema, days=1)
    assert in_time.holds
    assert differing(in_time, "let_go") == set()


def test_what_was_recorded_before_it_was_asked_for_is_called_let_go_where_it_differs(
    tmp_path: Path, schema: FeatureSchema, recorded: pl.DataFrame, stream: pl.DataFrame, make_release: MakeRelease
) -> None:
    with serving(tmp_path, schema, recorded, make_release) as live:
        serve(live, stream.to_dicts()[:25])
        ask_for_recorded(live, recorded[-100:-60].to_dicts())
    found = audited(tmp_path, schema)
    assert (found.answers, found.otherwise) == (65, [])
    assert "fraud_rate_by_merchant_30d" in differing(found, "let_go")
    assert differing(found, "let_go").isdisjoint({"amount", "category", "hour"})


def test_a_bit_of_an_answer_that_came_in_time_is_not_called_let_go_beside_one_that_came_days_late(
    tmp_path: Path, schema: FeatureSchema, recorded: pl.DataFrame, stream: pl.DataFrame, make_release: MakeRelease
) -> None:
    rows = stream.to_dicts()
    late = {**rows[0], "event_id": "late", "event_time": rows[0]["event_time"] - 4 * 24 * HOUR}
    with serving(tmp_path, schema, recorded, make_release) as live:
        serve(live, [rows[0], late, rows[1]])
    log, where = PredictionLog(f"sqlite:///{tmp_path / 'record.db'}"), schema.names.index("count_by_merchant_30d")
    with log.writing() as connection:
        (answer,) = connection.execute(select(PAYMENT).where(PAYMENT.c.event_id == rows[1]["event_id"])).all()
        features = np.frombuffer(answer.features, np.float32).copy()
        features.view(np.uint32)[where] ^= 1
        change = update(PAYMENT).where(PAYMENT.c.place == answer.place)
        connection.execute(change.values(features=features.tobytes()))
    log.close()
    assert audited(tmp_path, schema).otherwise == [answer.prediction]


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


@pytest.mark.slow
def test_one_bit_of_one_feature_of_one_answer_is_found(
    tmp_path: Path, schema: FeatureSchema, recorded: pl.DataFrame, stream: pl.DataFrame, make_release: MakeRelease
) -> None:
    """Several at once, each in an answer that has a value there: those whose number has the same binary digit.

    Two features are never in the same audits, so that none is taken for another one.
    """
    with serving(tmp_path, schema, recorded, make_release) as live:
        serve(live, stream.to_dicts())
    log = PredictionLog(f"sqlite:///{tmp_path / 'record.db'}")
    with log.reading() as connection:
        answers = connection.execute(select(PAYMENT).where(PAYMENT.c.prediction.is_not(None))).all()
    served = np.array([np.frombuffer(answer.features, np.float32) for answer in answers])
    assert np.isfinite(served).any(axis=0).all()
    one_alone = [[0]]
    by_digit = [[place for place in range(len(schema.names)) if place + 1 & 1 << digit] for digit in range(6)]
    assert len(schema.names) + 1 < 1 << len(by_digit)
    for places in (*one_alone, *by_digit):
        flipped = served.view(np.uint32).copy()
        of = {place: np.flatnonzero(np.isfinite(served[:, place])) for place in places}
        whose = {place: int(had[place % len(had)]) for place, had in of.items()}
        for place, answer in whose.items():
            flipped[answer, place] ^= 1
        with log.writing() as connection:
            for answer, features in zip(answers, flipped, strict=True):
                change = update(PAYMENT).where(PAYMENT.c.place == answer.place)
                connection.execute(change.values(features=features.tobytes()))
        found = audited(tmp_path, schema)
        assert differing(found, "otherwise") == {schema.names[place] for place in places}
        assert found.table["otherwise"].sum() == len(places)
        assert set(found.otherwise) == {answers[answer].prediction for answer in whose.values()}
    log.close()


def test_a_record_without_answers_is_said_to_have_none(
    tmp_path: Path, schema: FeatureSchema, recorded: pl.DataFrame
) -> None:
    with kept_in(tmp_path, schema, recorded):
        pass
    found = audited(tmp_path, schema)
    assert (found.answers, found.holds) == (0, True)
    assert found.to_markdown() == "No answer is in the record yet.\n"


def test_answers_to_payments_that_are_in_quarantine_are_left_out_of_the_audit(
    tmp_path: Path, schema: FeatureSchema, recorded: pl.DataFrame, stream: pl.DataFrame, make_release: MakeRelease
) -> None:
    rows = stream.to_dicts()
    with serving(tmp_path, schema, recorded, make_release) as live:
        serve(live, rows)
        leave_out(live.history.record, rows[10]["event_time"], rows[20]["event_time"])
    found = audited(tmp_path, schema)
    assert (found.answers, found.otherwise) == (40, [])


@pytest.mark.parametrize("of_what", ["what was answered", "the history that was seeded"])
def test_what_is_put_in_quarantine_after_an_answer_that_looked_back_on_it_is_called_left_out(
    tmp_path: Path,
    schema: FeatureSchema,
    recorded: pl.DataFrame,
    stream: pl.DataFrame,
    make_release: MakeRelease,
    of_what: str,
) -> None:
    rows, past = stream.to_dicts(), recorded.to_dicts()
    with serving(tmp_path, schema, recorded, make_release) as live:
        serve(live, rows[:25])
        if of_what == "what was answered":
            leave_out(live.history.record, rows[10]["event_time"], rows[20]["event_time"])
        else:
            leave_out(live.history.record, past[-60]["event_time"], past[-1]["event_time"])
        live = looked(live)
        live.history.learn([LabelMessage(rows[12]["event_id"], 1, rows[26]["event_time"])])
        serve(live, rows[25:])
    found = audited(tmp_path, schema)
    assert found.holds, found.to_markdown()
    assert "amount_sum_by_card_24h" in differing(found, "left_out")
    assert differing(found, "left_out").isdisjoint({"amount", "category", "hour"})
    assert "left out since" in found.to_markdown()


def test_a_service_that_runs_leaves_a_span_out_from_its_next_look_on_also_what_comes_into_it_later(
    tmp_path: Path, schema: FeatureSchema, recorded: pl.DataFrame, stream: pl.DataFrame, make_release: MakeRelease
) -> None:
    rows = [{**row, "card": stream["card"][0]} for row in stream.to_dicts()]
    with serving(tmp_path, schema, recorded, make_release) as live:
        serve(live, rows[:10])
        leave_out(live.history.record, rows[5]["event_time"], rows[30]["event_time"])
        live = looked(live)
        serve(live, rows[10:30])  # in the span
        live.history.learn([LabelMessage(rows[12]["event_id"], 1, rows[29]["event_time"])])
        live.history.correct(rows[13]["event_id"], None, rows[29]["event_time"])
        assert not {row["event_id"] for row in rows[5:30]} & set(live.history._past.snapshot().events["event_id"])
        serve(live, rows[30:])
        assert looked(live) is live
    found = audited(tmp_path, schema)
    assert (found.answers, found.holds) == (25, True)
    assert found.table["equal"].to_list() == [25] * len(schema.names)


def test_an_answer_that_looked_back_on_a_span_long_after_it_was_put_in_quarantine_is_otherwise(
    tmp_path: Path, schema: FeatureSchema, recorded: pl.DataFrame, stream: pl.DataFrame, make_release: MakeRelease
) -> None:
    rows = [{**row, "card": stream["card"][0]} for row in stream.to_dicts()]
    with serving(tmp_path, schema, recorded, make_release) as live:
        serve(live, rows)  # it never looks
        leave_out(live.history.record, rows[5]["event_time"], rows[30]["event_time"], earlier=timedelta(hours=2))
    found = audited(tmp_path, schema)
    assert "amount_sum_by_card_24h" in differing(found, "otherwise")
    assert differing(found, "left_out") == set()


def test_what_looked_back_on_somebody_who_is_forgotten_since_is_called_erased(
    tmp_path: Path, schema: FeatureSchema, recorded: pl.DataFrame, stream: pl.DataFrame, make_release: MakeRelease
) -> None:
    rows = [{**row, "merchant": stream["merchant"][0]} for row in stream.to_dicts()]
    card = rows[3]["card"]
    theirs = [row for row in rows if row["card"] == card]
    with serving(tmp_path, schema, recorded, make_release) as live:
        serve(live, rows[:25])
        live.history.learn([LabelMessage(rows[3]["event_id"], 1, rows[4]["event_time"])])
        serve(live, rows[25:40])
        forget(live.history.record, card)
        live = looked(live)
        serve(live, [row for row in rows[40:] if row["card"] != card])
    found = audited(tmp_path, schema)
    assert found.answers == 50 - len(theirs)
    assert found.holds, found.to_markdown()
    assert differing(found, "erased")
    assert differing(found, "erased").isdisjoint({"amount", "category", "hour"})
    assert "erased since" in found.to_markdown()


def test_an_answer_given_long_after_somebody_was_forgotten_is_not_called_erased(
    tmp_path: Path, schema: FeatureSchema, recorded: pl.DataFrame, stream: pl.DataFrame, make_release: MakeRelease
) -> None:
    rows = [{**row, "merchant": stream["merchant"][0]} for row in stream.to_dicts()]
    with serving(tmp_path, schema, recorded, make_release) as live:
        serve(live, rows[:10])
        live.history.learn([LabelMessage(rows[3]["event_id"], 1, rows[4]["event_time"])])
        serve(live, rows[10:])  # it never looks
        forget(live.history.record, rows[3]["card"], earlier=timedelta(hours=2))
    found = audited(tmp_path, schema)
    assert differing(found, "otherwise")
    assert differing(found, "erased") == set()


def test_what_looked_back_on_what_is_pruned_since_is_called_erased(
    tmp_path: Path, schema: FeatureSchema, recorded: pl.DataFrame, stream: pl.DataFrame, make_release: MakeRelease
) -> None:
    rows = stream.to_dicts()
    cut = rows[0]["event_time"] - timedelta(days=20)
    with serving(tmp_path, schema, recorded, make_release) as live:
        serve(live, rows)
        prune(live.history.record.log, "sparkov", Age(cut, cut, {}), at=utc_now())
    found = audited(tmp_path, schema)
    assert found.holds, found.to_markdown()
    assert "count_by_merchant_30d" in differing(found, "erased")
    assert "amount_sum_by_card_24h" not in differing(found, "erased")
