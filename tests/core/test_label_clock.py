"""Moving a label that has not arrived changes nothing: no part, no threshold, no metric."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
from hypothesis import assume, given
from hypothesis import strategies as st

from mlflow_fraud.core.labels import LABEL_TIME, arrival
from mlflow_fraud.core.learning.split import PARTS, SplitRule, borders, part
from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.measuring.evaluation import evaluate
from mlflow_fraud.core.measuring.metrics import Metrics
from mlflow_fraud.core.measuring.period import read_period
from mlflow_fraud.core.measuring.threshold import ThresholdRule, choose_threshold
from mlflow_fraud.settings import load_params
from tests.conftest import ROOT

BEGIN, ROWS, DAYS = datetime(2020, 1, 1), 400, 100
RULE = SplitRule(protocol="holdout", validation_days=30, test_days=30, label_delay_days=5)


def judged(rows: pl.DataFrame, threshold: ThresholdRule, costs: CostRule) -> tuple[list[str | None], float, Metrics]:
    """Return the parts, the threshold that validation chose and the test metrics."""
    cut = borders(rows, RULE)
    parts = rows.select(part(cut, RULE, rows.columns))["part"]
    of = {name: rows.filter((parts == name).fill_null(False)) for name in PARTS}
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
    params = load_params(ROOT / "params.yaml")
    arrives = arrival(rows.columns, RULE.label_delay)
    cut = borders(rows, RULE)
    for deadline, border in (
        (cut.validation_from, cut.validation_from),
        (cut.test_from, cut.test_from),
        (cut.known_until, datetime.max),
    ):
        unknown = (arrives > deadline) & (pl.col("event_time") < border)
        moved = rows.with_columns(label=pl.when(unknown).then(1 - pl.col("label")).otherwise("label").cast(pl.Int8))
        validation = rows.filter(rows.select(part(cut, RULE, rows.columns))["part"] == "validation")
        assume(validation["label"].sum() > 0)
        assert judged(moved, params.threshold, params.costs) == judged(rows, params.threshold, params.costs)
