"""A test period served one by one, its labels arriving on their own clock, has the batch's features and scores."""

from __future__ import annotations

import zipfile
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.state import without_hops
from mlflow_fraud.adapters.raw_files import batches_in, read_batches
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.features.batch import build_features, model_matrix
from mlflow_fraud.core.features.definitions import FeatureParams
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.labels import LABEL_TIME, told_at
from mlflow_fraud.serving.loading import LiveRelease, load_release
from mlflow_fraud.serving.warm_start import warm_history
from tests.conftest import ROOT, make_transactions
from tests.serving.conftest import MakeRelease, kept_in, score, silent_after

ARCHIVE = ROOT.parent / "shared/data/sparkov/archive.zip"
WEEK = 7


def replay(whole: pl.DataFrame, served: int, schema: FeatureSchema, make_release: MakeRelease, folder: Path) -> None:
    """Record all but the last `served` rows, serve these as the service does, and hold the answers to the batch's.

    The recorded labels are all there from the start, also those that arrive later: a feature must not see them yet.
    """
    recorded, stream = whole.head(len(whole) - served), whole.tail(served)
    with kept_in(folder, schema, recorded) as record:
        live = load_release(make_release(schema), lambda schema: warm_history(schema, record))
        _serve(live, whole, stream, schema)


def _serve(live: LiveRelease, whole: pl.DataFrame, stream: pl.DataFrame, schema: FeatureSchema) -> None:
    served = len(stream)
    arrives = stream.select(told_at(stream.columns, schema.label_delay, schema.silence).alias("at"))["at"].to_list()
    rows = stream.to_dicts()
    late = sorted((at, of) for at, of in zip(arrives, range(served), strict=True) if at is not None)
    features, scores = [], []
    for row in rows:
        while late and late[0][0] <= row["event_time"]:
            arrived, of = late.pop(0)
            live.history._past.learn(rows[of], rows[of]["label"], arrived)  # the record's part is tested elsewhere
        answer = score(live, row)
        assert answer.answer is not None
        features.append(np.frombuffer(answer.answer.features, np.float32))
        scores.append(answer.answer.probability)

    batch = model_matrix(build_features(whole, schema).tail(served), schema)
    online = np.array(features)
    for place, name in enumerate(schema.names):
        if name == "distance":  # two libraries' sines may differ in the last bit
            np.testing.assert_allclose(online[:, place], batch[:, place], rtol=1e-6)
        else:
            np.testing.assert_array_equal(online[:, place], batch[:, place], err_msg=name)
    np.testing.assert_array_equal(scores, live.scorer.score(batch))


def with_label_times(rows: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Give half of the labels a time of their own, up to forty days late."""
    draw = np.random.default_rng(seed)
    late = pl.Series([timedelta(seconds=int(s)) for s in draw.integers(0, 40 * 86_400, len(rows))])
    own = pl.Series(draw.random(len(rows)) < 0.5)
    return rows.with_columns(pl.when(own).then(pl.col("event_time") + late).alias(LABEL_TIME))


def delayed(schema: FeatureSchema, params: FeatureParams) -> FeatureSchema:
    return FeatureSchema(params=params, contract=schema.contract, categories=schema.categories, label_delay_days=WEEK)


@pytest.mark.parametrize(
    ("cards", "days"), [(12, None), (400, 30)], ids=["few cards", "many cards, silence is a label"]
)  # of many, the last payment lies far behind the newest of all
def test_a_period_served_one_by_one_with_late_labels_is_the_batch(
    schema: FeatureSchema,
    feature_params: FeatureParams,
    make_release: MakeRelease,
    tmp_path: Path,
    cards: int,
    days: int | None,
) -> None:
    whole = with_label_times(make_transactions(4000, cards=cards, days=300), seed=3)
    replay(whole, 1200, silent_after(days, delayed(schema, feature_params)), make_release, tmp_path)


def test_a_period_with_windows_that_all_end_at_the_instant_is_the_batch(
    schema: FeatureSchema, feature_params: FeatureParams, make_release: MakeRelease, tmp_path: Path
) -> None:
    whole = with_label_times(make_transactions(1500, cards=12, days=150), seed=3)
    replay(whole, 400, delayed(schema, without_hops(feature_params)), make_release, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not ARCHIVE.is_file(), reason=f"the real-layout archive is not at {ARCHIVE}")
def test_the_whole_test_file_of_the_archive_served_one_by_one_is_the_batch(
    contract: Contract, schema: FeatureSchema, feature_params: FeatureParams, make_release: MakeRelease, tmp_path: Path
) -> None:
    with zipfile.ZipFile(ARCHIVE) as packed:
        packed.extractall(tmp_path / "raw")
    whole = read_batches(batches_in(tmp_path / "raw"), contract)
    served = int((whole["batch"] == "fraudTest").sum())
    replay(whole, served, delayed(schema, feature_params), make_release, tmp_path)
