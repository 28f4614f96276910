"""`leakage` shows three checks on a page, and ends with an error that names the leak where there is one."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.batch import build_features
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.operations.evaluation.leakage import leakage


@pytest.mark.slow
def test_the_shipped_pipeline_has_no_leak_and_the_page_shows_why(workspace: Path) -> None:
    page = leakage("logistic")
    assert "### Shuffled labels: as it should be" in page
    assert "no feature changes when the future is taken away" in page
    assert "| by time | " in page
    assert "| at random | " in page
    found = json.loads((workspace / ".local/leakage/simulated-logistic.json").read_text())
    assert found["labels"]["typical"] < 0.25 * found["labels"]["honest"]
    assert found["split"]["together_by_time"] < 0.2 < 0.5 < found["split"]["together_at_random"]


@pytest.mark.slow
def test_a_planted_feature_that_knows_the_future_is_named_and_the_page_has_the_evidence(workspace: Path) -> None:
    def with_next_amount(rows: pl.DataFrame, schema: FeatureSchema) -> pl.DataFrame:
        following = rows.select(pl.col("amount").shift(-1).over("card").alias("amount_of_next_by_card"))
        return pl.concat([build_features(rows, schema), following], how="horizontal")

    with pytest.raises(DataError, match=r"a leak: amount_of_next_by_card knows the future; .* has the evidence"):
        leakage("logistic", build=with_next_amount)
    page = (workspace / ".local/leakage/simulated-logistic.md").read_text()
    assert "- amount_of_next_by_card knows the future: " in page
    assert "**a leak**" in page
