"""What the batch engine is measured against computes the same."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from benchmarks.in_pandas import PandasFeatures, Way
from benchmarks.table import some_cards
from mlflow_fraud.core.features.batch import build_features, model_matrix
from mlflow_fraud.core.features.schema import FeatureSchema
from tests.conftest import make_transactions


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
