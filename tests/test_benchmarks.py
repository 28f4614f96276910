"""What the batch engine is measured against computes the same."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from benchmarks import contestants, decision
from benchmarks.in_pandas import PandasFeatures, Way
from benchmarks.table import some_cards
from mlflow_fraud.core.features.batch import build_features, model_matrix
from mlflow_fraud.core.features.schema import FeatureSchema
from tests.conftest import make_period, make_transactions


@pytest.mark.parametrize("way", get_args(Way))
def test_the_features_in_pandas_are_those_of_the_engine(way: Way, schema: FeatureSchema) -> None:
    history = make_transactions(3000)
    ours = model_matrix(build_features(history, schema), schema)
    theirs = PandasFeatures(history, schema, way).all()
    for place, name in enumerate(schema.names):
        np.testing.assert_allclose(theirs[name], ours[:, place], rtol=1e-5, atol=1e-3, err_msg=name)


def test_some_cards_come_with_all_their_rows() -> None:
    history = make_transactions(3000)
    some = some_cards(history, 1000)
    assert 800 < len(some) < 1200
    assert len(history.filter(history["card"].is_in(some["card"].unique().implode()))) == len(some)


def test_the_bench_of_the_verdict_goes_through_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    decision.main(["--small"])
    said = capsys.readouterr().out
    for title in (
        "Rules for a guardrail",
        "A refresh is refused",
        "A change is proven better",
        "A year of nightly looks",
    ):
        assert f"### {title}" in said
    assert "nan" not in said


def test_two_contestants_of_the_bench_are_equal_but_not_the_same() -> None:
    """Each card has another fit's scores, and all of one card's rows have the same fit's."""
    period = make_period([0, 1] * 30, cards=np.repeat(np.arange(20), 3).tolist())
    scores = np.repeat(np.arange(5, dtype=np.float32)[:, None], 60, axis=1)
    pool = contestants.Pool(period, np.arange(0, 61, 3), {"good": scores})
    draw, rows = np.random.default_rng(0), np.arange(60)
    ours, theirs = (contestants.fits_by_card(draw, pool, "good", rows).reshape(20, 3) for _ in range(2))
    assert (ours == ours[:, :1]).all()
    assert 0 < (ours != theirs).any(axis=1).sum() < 20
    np.testing.assert_array_equal(contestants.rows_of(pool, np.array([1, 4])), [3, 4, 5, 12, 13, 14])
