"""Moving a label that has not arrived changes nothing: no part, no threshold, no metric."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.labels import ATTESTED, LABEL_TIME, WEIGHT, WITNESSES, arrival
from mlflow_fraud.core.learning.split import PARTS, SplitRule, borders, clocked, require_horizon
from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.measuring.evaluation import evaluate
from mlflow_fraud.core.measuring.metrics import Metrics
from mlflow_fraud.core.measuring.period import read_period
from mlflow_fraud.core.measuring.threshold import ThresholdRule, choose_threshold
from mlflow_fraud.settings import load_params
from tests.conftest import ROOT

BEGIN, ROWS, DAYS = datetime(2020, 1, 1), 400, 100
PARAMS = load_params(ROOT / "params.yaml")
RULE = SplitRule(protocol="holdout", validation_days=30, test_days=30, label_delay_days=5)


def judged(rows: pl.DataFrame, threshold: ThresholdRule, costs: CostRule) -> tuple[list[str | None], float, Metrics]:
    """Return the parts, the threshold that validation chose and the test metrics."""
    clock = clocked(rows, borders(rows, RULE), RULE)
    parts, known = clock["part"], rows.with_columns(clock["label"])
    of = {name: known.filter(parts == name) for name in PARTS}
    validation, test = (read_period(of[name], card="card", amount="amount") for name in ("validation", "test"))
    chosen = choose_threshold(validation, of["validation"]["score"].to_numpy(), threshold, costs)
    return parts.to_list(), chosen, evaluate(test, of["test"]["score"].to_numpy(), chosen, costs)


@given(seed=st.integers(0, 10_000), own=st.floats(0, 1))
def test_a_label_that_has_not_arrived_moves_no_part_no_threshold_and_no_metric(seed: int, own: float) -> None:
    draw = np.random.default_rng(seed)
    seconds = np.sort(draw.integers(0, DAYS * 86_400, ROWS))
    rows = pl.DataFrame(
        {
            "event_time": [BEGIN + timedelta(seconds=int(second)) for second in seconds],
            "card": draw.integers(0, 9, ROWS),
            "amount": draw.integers(1, 90_000, ROWS),
            "label": (draw.random(ROWS) < 0.2).astype(np.int8),
            "score": draw.random(ROWS),
            "batch": ["a"] * ROWS,
        }
    )
    late = pl.Series([timedelta(hours=int(hours)) for hours in draw.integers(0, 40 * 24, ROWS)])
    given_time = pl.Series(draw.random(ROWS) < own)
    rows = rows.with_columns(pl.when(given_time).then(pl.col("event_time") + late).alias(LABEL_TIME))
    arrives = arrival(rows.columns, RULE.label_delay)
    cut = borders(rows, RULE)
    clock = clocked(rows, cut, RULE)
    assume(clock.filter(clock["part"] == "validation")["label"].sum() > 0)
    as_it_is = judged(rows, PARAMS.threshold, PARAMS.costs)
    for deadline, border in (
        (cut.validation_from, cut.validation_from),
        (cut.test_from, cut.test_from),
        (cut.known_until, datetime.max),
    ):
        unknown = (arrives > deadline) & (pl.col("event_time") < border)
        moved = rows.with_columns(label=pl.when(unknown).then(1 - pl.col("label")).otherwise("label").cast(pl.Int8))
        assert judged(moved, PARAMS.threshold, PARAMS.costs) == as_it_is


REPORTED = SplitRule(protocol="holdout", validation_days=120, test_days=120, label_horizon_days=30)


def reported(seed: int) -> pl.DataFrame:
    """Return 400 days of payments: frauds are told 3 to 20 days later, and after 30 days of silence there was none."""
    draw, rows, days = np.random.default_rng(seed), 40_000, 400
    fraud = draw.random(rows) < 0.03
    late = np.where(fraud, draw.uniform(3, 20, rows), 30.0)
    at = np.sort(draw.uniform(0, days, rows))
    return pl.DataFrame(
        {
            "event_time": [BEGIN + timedelta(days=float(day)) for day in at],
            "label": fraud.astype(np.int8),
            LABEL_TIME: [BEGIN + timedelta(days=float(day + wait)) for day, wait in zip(at, late, strict=True)],
            "batch": ["a"] * rows,
        }
    )


@given(seed=st.integers(0, 1_000))
@settings(max_examples=10)
def test_the_last_month_before_each_border_has_the_fraud_rate_of_the_month_before(seed: int) -> None:
    rows = reported(seed)
    cut = borders(rows, REPORTED)
    clock = clocked(rows, cut, REPORTED).with_columns(rows["event_time"])
    for part in PARTS:
        mine = clock.filter(pl.col("part") == part)
        last: datetime = mine["event_time"].max()  # type: ignore[assignment]
        ago = (pl.lit(last) - pl.col("event_time")).dt.total_days()
        newest, before = (mine.filter(ago.is_between(*days)) for days in ((0, 29), (30, 59)))
        assert min(len(newest), len(before)) > 2_000
        rate = mine["label"].mean()
        spread = np.sqrt(rate * (1 - rate) * (1 / len(newest) + 1 / len(before)))  # type: ignore[operator]
        assert abs(newest["label"].mean() - before["label"].mean()) < 4 * spread  # type: ignore[operator]


@given(seed=st.integers(0, 1_000))
@settings(max_examples=10)
def test_no_label_decides_whether_its_row_counts(seed: int) -> None:
    rows = reported(seed)
    early = rows.with_columns(pl.col("event_time").alias(LABEL_TIME))
    cut = borders(rows, REPORTED)
    assert clocked(rows, cut, REPORTED)["part"].equals(clocked(early, cut, REPORTED)["part"])


def test_frauds_that_are_told_after_their_rows_count_are_said_with_the_days_that_it_takes() -> None:
    rows, short = reported(1), SplitRule(protocol="holdout", validation_days=120, test_days=120, label_horizon_days=10)
    require_horizon(rows, REPORTED)
    with pytest.raises(DataError, match=r"10 days old, but 95% of the frauds are told only within 19; set `label_hor"):
        require_horizon(rows, short)


def test_a_fraud_that_is_told_after_the_border_was_none_by_then_and_is_one_later() -> None:
    rows = reported(2)
    cut = borders(rows, REPORTED)
    told = cut.validation_from + timedelta(days=1)
    first = rows.filter(pl.col("label") == 1)["event_time"][0]
    late = rows.with_columns(
        pl.when(pl.col("event_time") == first).then(pl.lit(told)).otherwise(LABEL_TIME).alias(LABEL_TIME)
    )
    row = clocked(late, cut, REPORTED).filter(rows["event_time"] == first)
    assert row.select("part", "label", "fraud").row(0) == ("train", 0, 1)


def test_what_was_collected_when_it_was_mature_counts_at_once() -> None:
    """The newest collected row is a horizon old, and its silence says so: nothing waits for a second horizon."""
    collected = reported(1)
    newest = clocked(collected, borders(collected, REPORTED), REPORTED)["part"].to_list()[-ATTESTED]
    untold = collected.with_columns(pl.lit(None, pl.Datetime("us")).alias(LABEL_TIME))
    assert newest == "test"
    assert clocked(untold, borders(untold, REPORTED), REPORTED)["part"].to_list()[-ATTESTED] is None


@given(seed=st.integers(0, 1_000), share=st.floats(0, 0.0099), told=st.sampled_from(["all", "frauds"]))
@settings(max_examples=6)
def test_label_times_that_are_still_to_come_move_no_border(seed: int, share: float, told: str) -> None:
    rows, draw = reported(seed), np.random.default_rng(seed)
    own = pl.lit(told == "all") | (pl.col("label") == 1)
    newest: datetime = rows["event_time"].max()  # type: ignore[assignment]
    export = newest + timedelta(days=365 if told == "all" else 1)  # the last frauds are told after the last payment
    rows = rows.with_columns(pl.when(own & (pl.col(LABEL_TIME) <= export)).then(LABEL_TIME))
    ahead = [newest + timedelta(days=float(days)) for days in draw.uniform(0, 60, len(rows))]
    is_wrong = pl.Series(draw.permutation(len(rows)) < share * len(rows))
    wrong = rows.with_columns(pl.when(is_wrong).then(pl.Series(ahead)).otherwise(LABEL_TIME).alias(LABEL_TIME))
    assert is_wrong.sum() == int(np.ceil(share * len(rows)))
    assert borders(wrong, REPORTED) == borders(rows, REPORTED)


@pytest.mark.parametrize("among", ["the newest", "the oldest"])
def test_some_label_times_that_are_still_to_come_leave_untold_frauds_out(among: str) -> None:
    rows = reported(3).with_columns(pl.lit(None, pl.Datetime("us")).alias(LABEL_TIME)).with_row_index("place")
    few = WITNESSES // 2 - 1
    first = len(rows) - few if among == "the newest" else 0
    ahead = rows["event_time"].max() + timedelta(days=3)  # type: ignore[operator]
    wrong = rows.with_columns(pl.when(pl.col("place").is_between(first, first + few - 1)).then(ahead).alias(LABEL_TIME))
    assert wrong[LABEL_TIME].count() == few > ATTESTED
    assert borders(wrong, REPORTED) == borders(rows, REPORTED)


def test_data_of_which_all_was_told_soon_after_tells_what_was_known_soon_after() -> None:
    rows = reported(4).with_columns((pl.col("event_time") + timedelta(days=2)).alias(LABEL_TIME))
    assert borders(rows, REPORTED).known_until == rows["event_time"].max() + timedelta(days=2)  # type: ignore[operator]
    at_once = rows.with_columns(pl.col("event_time").alias(LABEL_TIME))
    assert borders(at_once, REPORTED).known_until == rows["event_time"].max()


def test_where_silence_says_nothing_reviews_of_the_newest_rows_say_it_and_no_old_ones() -> None:
    rows = reported(5).with_columns(pl.lit(1.0).alias(WEIGHT))
    newest: datetime = rows["event_time"].max()  # type: ignore[assignment]
    reviewed = pl.int_range(pl.len()) % 20 == 0
    some = rows.with_columns(pl.when(reviewed).then(LABEL_TIME), pl.when(reviewed).then(WEIGHT))
    assert newest + timedelta(days=28) < borders(some, REPORTED).known_until <= newest + REPORTED.horizon
    old = some.with_columns(
        pl.when(pl.int_range(pl.len()) < 10_000).then(pl.lit(datetime(2034, 1, 1))).alias(LABEL_TIME)
    )
    assert borders(old, REPORTED).known_until == newest


def test_labels_with_a_wrong_time_make_no_row_older_than_it_is() -> None:
    rows = reported(1).with_row_index("place")
    wrong = rows.with_columns(pl.when(pl.col("place") < ATTESTED - 1).then(datetime(2034, 1, 1)).alias(LABEL_TIME))
    assert borders(wrong, REPORTED).known_until == rows["event_time"].max()
    many = rows.with_columns(pl.lit(datetime(2034, 1, 1)).alias(LABEL_TIME))
    assert borders(many, REPORTED).known_until == rows["event_time"].max() + REPORTED.horizon
