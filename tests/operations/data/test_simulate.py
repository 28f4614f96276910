"""The built-in months lie beside what no bank would know of them: which kind each fraud is of."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from mlflow_fraud.operations.data.simulate import simulate_stream


@pytest.mark.usefixtures("workspace")
def test_the_kind_of_each_fraud_is_in_a_file_of_its_own_and_never_in_the_batch(tmp_path: Path) -> None:
    (batch,) = simulate_stream("new-pattern", 1, tmp_path / "stream")
    payments, kinds = pl.read_csv(batch), pl.read_csv(tmp_path / "stream/kinds" / batch.name)
    frauds = payments.filter(pl.col("is_fraud") == 1)
    assert sorted(kinds["trans_num"]) == sorted(frauds["trans_num"])
    assert {"new", "card burst"} <= set(kinds["kind"])
    assert "kind" not in payments.columns
    assert [path.name for path in (tmp_path / "stream").glob("*.csv")] == [batch.name]
