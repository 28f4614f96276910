"""The distributed engine gives the batch engine's numbers, however the rows are cut."""

from __future__ import annotations

from pathlib import Path

import dask
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from mlflow_fraud.adapters.dask_engine import build_parts
from mlflow_fraud.core.features.batch import TIME_ORDER, build_features
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.stages import preprocess
from tests.conftest import make_transactions
from tests.core.features.test_features import definitions, histories

__all__ = ["definitions"]

FEW = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def cut(history: pl.DataFrame, parts: int, folder: Path) -> list[Path]:
    """Deal the rows out, so that no entity's past and no instant lies in one file."""
    sources = [folder / f"{number}.parquet" for number in range(parts)]
    for number, source in enumerate(sources):
        history.gather_every(parts, number).write_parquet(source)
    return sources


def assert_same(sources: list[Path], built: list[Path], schema: FeatureSchema) -> None:
    """Hold the parts against the batch engine's features of all the rows, bit for bit."""
    rows = pl.concat([pl.read_parquet(source) for source in sources])
    in_time = rows.with_row_index("place").sort(TIME_ORDER)
    whole = build_features(in_time.drop("place"), schema).with_columns(in_time["place"]).sort("place").drop("place")
    assert_frame_equal(pl.concat([pl.read_parquet(part) for part in built]), whole, check_exact=True)


@given(history=histories, parts=st.integers(1, 3), buckets=st.integers(1, 3))
@FEW
def test_it_gives_what_the_batch_engine_gives(
    history: pl.DataFrame,
    parts: int,
    buckets: int,
    definitions: FeatureSchema,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    sources = cut(history, parts, folder)
    with dask.config.set(scheduler="synchronous"):
        built = build_parts(sources, definitions, folder / "features", buckets=buckets)
    assert_same(sources, built, definitions)


@pytest.mark.slow
def test_two_workers_agree_on_where_an_entity_belongs(schema: FeatureSchema, tmp_path: Path) -> None:
    from dask.distributed import Client, LocalCluster

    sources = cut(make_transactions(4000), 4, tmp_path)
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1", local_directory=str(tmp_path)
        ) as cluster,
        Client(cluster),
    ):
        built = build_parts(sources, schema, tmp_path / "features", buckets=2)
    assert_same(sources, built, schema)


@pytest.mark.slow
def test_preprocess_may_ask_a_cluster(schema: FeatureSchema, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FRAUD_FEATURE_ENGINE", "dask")
    history = make_transactions(2000)
    assert_frame_equal(preprocess._features(history, schema), build_features(history, schema), check_exact=True)
