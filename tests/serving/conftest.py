"""Tiny real releases, and rows as a client sends them."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import polars as pl
import pytest
import xgboost
from fastapi.testclient import TestClient

from mlflow_fraud.adapters.model_export import MODEL_FILE, booster_bytes, model_bytes
from mlflow_fraud.adapters.model_file import load_calibrated
from mlflow_fraud.adapters.model_formats.booster_file import BOOSTER_FILE
from mlflow_fraud.adapters.prediction_log.entries import Payment
from mlflow_fraud.adapters.prediction_log.history import take_in_history
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.release_store import Pointer, ReleaseStore, open_store
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.explaining.vocabulary import to_json, vocabulary_of
from mlflow_fraud.core.features.batch import build_features
from mlflow_fraud.core.features.online import Transaction
from mlflow_fraud.core.features.recorded import as_recorded
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.measuring.calibration import Calibration
from mlflow_fraud.core.release.release import GOLDEN_FILE, REASONS_FILE, Golden, Release, entry, version_of
from mlflow_fraud.serving.app import create_app
from mlflow_fraud.serving.live_model import LiveModel
from mlflow_fraud.serving.loading import LiveRelease
from mlflow_fraud.serving.record import Record, open_record
from tests.conftest import make_transactions
from tests.manifests import REFERENCE, plain_manifest
from tests.s3_server import s3_server

__all__ = ["s3_server"]

MakeRelease = Callable[..., Release]
Raw = Callable[[Mapping[str, Any]], dict[str, Any]]

PAST_ROWS = 2000
PATIENCE = 20.0
"""So long an answer waits for the record in tests, where a machine may be busy."""
THRESHOLD = 0.5
CALIBRATION = Calibration(method="beta", coefficients=(0.9, 1.4, 0.2))


@pytest.fixture(scope="session")
def recorded() -> pl.DataFrame:
    """What `data/transactions.parquet` holds in these tests."""
    return make_transactions(PAST_ROWS + 50, cards=12).head(PAST_ROWS)


@pytest.fixture(scope="session")
def stream() -> pl.DataFrame:
    """The transactions that come after `recorded`."""
    return make_transactions(PAST_ROWS + 50, cards=12).tail(50)


@pytest.fixture(scope="session")
def few_features(schema: FeatureSchema) -> FeatureSchema:
    """Other feature definitions: a new release with them needs another history."""
    params = schema.params.model_copy(update={"ratios": ()})
    return FeatureSchema(params=params, contract=schema.contract, categories=schema.categories)


def silent_after(days: int | None, schema: FeatureSchema) -> FeatureSchema:
    """Return the features where silence is a label after so many days, or where it is none."""
    return FeatureSchema.model_validate({**schema.model_dump(), "silence_days": days})


def matrix(features: pl.DataFrame) -> np.ndarray:
    return np.ascontiguousarray(features.fill_null(np.nan).to_numpy(), dtype=np.float32)


@pytest.fixture(scope="session")
def make_release(recorded: pl.DataFrame, schema: FeatureSchema) -> MakeRelease:
    """Train a small XGBoost and wrap it up as promotion does; another number of `rounds` is another version."""
    made: dict[tuple[str, int, float, Calibration], Release] = {}

    def make(
        schema: FeatureSchema = schema,
        *,
        rounds: int = 5,
        threshold: float = THRESHOLD,
        calibration: Calibration = CALIBRATION,
    ) -> Release:
        key = (schema.sha256, rounds, threshold, calibration)
        if key not in made:
            made[key] = train(schema, rounds, threshold, calibration)
        return made[key]

    def train(schema: FeatureSchema, rounds: int, threshold: float, calibration: Calibration) -> Release:
        x = matrix(build_features(recorded, schema))
        data = xgboost.QuantileDMatrix(x, recorded["label"].to_numpy(), feature_names=schema.names)
        booster = xgboost.train({"objective": "binary:logistic", "max_depth": 4, "eta": 0.5, "seed": 1}, data, rounds)
        files = dict([model_bytes(booster), (BOOSTER_FILE, booster_bytes(booster))])
        return release_of(files, schema, x[:: len(x) // 4], threshold, calibration)

    return make


def release_of(
    model: Mapping[str, bytes], schema: FeatureSchema, rows: np.ndarray, threshold: float, calibration: Calibration
) -> Release:
    scores = load_calibrated(MODEL_FILE, model[MODEL_FILE], calibration, threads=1).score(rows)
    listed = tuple(tuple(None if np.isnan(value) else float(value) for value in row) for row in rows)
    golden = Golden(rows=listed, scores=tuple(scores.tolist()))
    files = {
        **model,
        "schema.json": schema.to_json().encode(),
        GOLDEN_FILE: golden.model_dump_json().encode(),
        REASONS_FILE: to_json(vocabulary_of(schema)),
        **REFERENCE,
    }
    manifest = plain_manifest(
        version=version_of("xgboost", files, threshold, calibration),
        model_file=MODEL_FILE,
        threshold=threshold,
        calibration=calibration,
        feature_schema_sha256=schema.sha256,
        files={name: entry(content) for name, content in files.items()},
    )
    return Release(manifest, files)


def with_file(release: Release, name: str, content: bytes) -> Release:
    """Return a release that is whole, with other content in one file."""
    files = {**release.files, name: content}
    entries = {each: entry(files[each]) for each in files}
    version = version_of("xgboost", files, release.manifest.threshold, release.manifest.calibration)
    return Release(release.manifest.model_copy(update={"files": entries, "version": version}), files)


def score(live: LiveRelease, transaction: Transaction) -> Payment:
    """Return a payment with its answer, as one that comes alone gets it; it is not given to be written."""
    (answered,) = live.score_all([live.history.observe(transaction)], [perf_counter()])
    assert isinstance(answered, Payment)
    return answered


@pytest.fixture
def location(tmp_path: Path) -> Path:
    return tmp_path / "releases"


@pytest.fixture
def store(location: Path) -> ReleaseStore:
    return open_store(str(location))


def go_live(store: ReleaseStore, release: Release) -> Pointer:
    """Put and promote, as another process would."""
    expected = store.latest()
    store.put(release)
    at = "2026-01-01T00:00:00+00:00"
    version = release.manifest.version
    return store.promote(version, action="promote", who="ann", at=at, reasons=["better"], expected=expected)


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file of this process grow, as on a full disk."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


@contextmanager
def kept_in(folder: Path, schema: FeatureSchema | None = None, past: pl.DataFrame | None = None) -> Iterator[Record]:
    """Open the record in a folder; where it is empty it is filled with `past`, as `schema` sees it."""
    address = f"sqlite:///{folder / 'record.db'}"
    if schema and past is not None and not (folder / "record.db").exists():
        fill(address, schema, past)
    with open_record(address, wait=PATIENCE) as record:
        yield record


@contextmanager
def service(store: ReleaseStore, record: Record) -> Iterator[TestClient]:
    """The service from its start to its end, with what is live by then."""
    app = create_app(store, record=record, poll_seconds=3600)
    app.state.model.poll()
    with TestClient(app) as client:
        yield client


def fill(address: str, schema: FeatureSchema, past: pl.DataFrame) -> None:
    """Fill an empty record with `past`, as `schema` sees it."""
    log = PredictionLog(address)
    take_in_history(log, as_recorded(past, schema), schema.contract, received=datetime(2026, 1, 1))
    log.close()


@pytest.fixture
def record(tmp_path: Path, schema: FeatureSchema, recorded: pl.DataFrame) -> Iterator[Record]:
    """A record that holds `recorded`."""
    with kept_in(tmp_path, schema, recorded) as record:
        yield record


@pytest.fixture
def live(store: ReleaseStore, record: Record) -> LiveModel:
    return LiveModel(store, record)


@pytest.fixture
def client(store: ReleaseStore, record: Record) -> TestClient:
    """The service, whose model polls when the test says so: `client.app.state.model.poll()`."""
    return TestClient(create_app(store, record=record, poll_seconds=3600))  # not entered: no polling thread


@pytest.fixture
def answering(client: TestClient, store: ReleaseStore, make_release: MakeRelease) -> TestClient:
    """The service with a model."""
    go_live(store, make_release())
    client.app.state.model.poll()  # type: ignore[attr-defined]
    return client


@pytest.fixture
def rows(stream: pl.DataFrame, raw: Raw) -> list[dict[str, Any]]:
    """The transactions of `stream` as a client sends them."""
    return [raw(row) for row in stream.iter_rows(named=True)]


@pytest.fixture(scope="session")
def raw(contract: Contract) -> Raw:
    """Turn a pipeline row into what a client sends."""
    columns = [column for column in contract.kept if column.role != "label_time"]  # which no payment has
    return lambda row: {column.source: _sent(row[column.name], column.role) for column in columns}


def _sent(value: Any, role: str) -> Any:
    if role == "amount":
        return value / 100
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return value.isoformat() if isinstance(value, date) else value


def as_json(row: Mapping[str, Any]) -> bytes:
    return json.dumps(row).encode()
