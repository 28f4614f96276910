"""A release that is live, and a record of what it answered in the weeks that followed its data."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import yaml

from mlflow_fraud.adapters.model_file import load_released
from mlflow_fraud.adapters.prediction_log.entries import Answer, Label, Payment, ReleaseNote
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.adapters.release_files import schema_of
from mlflow_fraud.adapters.release_store import ReleaseStore, open_store
from mlflow_fraud.core.features.batch import TIME_ORDER, build_features, model_matrix
from mlflow_fraud.core.release.release import Release
from mlflow_fraud.core.release.release import to_json as manifest_json
from mlflow_fraud.operations.release.compare import compare
from mlflow_fraud.operations.release.promote import promote
from mlflow_fraud.paths import TRANSACTIONS
from mlflow_fraud.simulation import SimulationPlan, simulate
from tests.once import made_once
from tests.workspace import PLAN

LABELS_LATE = timedelta(days=5)
HORIZON_DAYS = 10
AFTER = PLAN.start + timedelta(days=PLAN.days)
RECEIVED = datetime(2026, 1, 1)


def after(days: int, scenario: str = "stable", skip: int = 0) -> SimulationPlan:
    """Return the plan of days that follow the data."""
    pace = PLAN.transactions / PLAN.days
    start = AFTER + timedelta(days=skip)
    return replace(PLAN, start=start, days=days, transactions=pace * days, scenario=scenario)


def payments_of(plan: SimulationPlan, release: Release) -> tuple[pl.DataFrame, list[Payment]]:
    """Return a plan's rows, and these as a service would have answered them, without an hour of waiting."""
    schema, manifest = schema_of(release), release.manifest
    file = Path("served.csv")
    simulate(plan).write_csv(file)
    rows = read_batches([file], schema.contract)
    everything = pl.concat([pl.read_parquet(TRANSACTIONS), rows]).sort(TIME_ORDER)
    features = build_features(everything, schema).with_columns(event_id=everything["event_id"])
    own = rows.select("event_id").join(features, on="event_id", how="left", maintain_order="left")
    x = model_matrix(own, schema)
    scores = load_released(manifest, release.files).score(x)
    told, cut = rows.drop("label", "batch").to_dicts(), manifest.threshold
    answers = [
        Answer(f"a{place}", manifest.version, each.tobytes(), float(score), bool(score >= manifest.threshold), cut, 900)
        for place, (each, score) in enumerate(zip(x, scores, strict=True))
    ]
    name = schema.contract.name
    given = [
        Payment(place, name, row, RECEIVED, answer=answer)
        for place, (row, answer) in enumerate(zip(told, answers, strict=True), start=1)
    ]
    return rows, given


def write_record(rows: pl.DataFrame, given: list[Payment], release: Release, address: str) -> None:
    """Write answered payments, and the labels of the frauds, each some days late."""
    schema = schema_of(release)
    note = ReleaseNote(
        release.manifest.version, schema.sha256, schema.to_json(), manifest_json(release.manifest).decode()
    )
    log = PredictionLog(address)
    log.append([note, *given])
    frauds = [each for each, label in zip(given, rows["label"], strict=True) if label]
    told = [Label(each.key, 1, each.transaction["event_time"] + LABELS_LATE) for each in frauds]
    log.take_in([([], told)], received=RECEIVED, source="service")
    log.close()


def _make(folder: Path, trained: Path) -> None:
    shutil.copytree(trained, folder, dirs_exist_ok=True)
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["datasets"]["simulated"]["split"] |= {"label_horizon_days": HORIZON_DAYS}
    params["monitor"] |= {"least_frauds": 20}
    before = Path.cwd()
    os.chdir(folder)
    try:
        store = open_store("live")
        compare(store, first=True)
        promote(store)
        Path("params.yaml").write_text(yaml.safe_dump(params))
        release = live(store)
        Path(".local").mkdir(exist_ok=True)
        write_record(*payments_of(after(63), release), release, "sqlite:///.local/record.db")
    finally:
        os.chdir(before)


def live(store: ReleaseStore) -> Release:
    pointer = store.latest()
    assert pointer is not None
    return store.fetch(pointer.version)


@pytest.fixture(scope="session")
def watched_workspace(tmp_path_factory: pytest.TempPathFactory, trained_workspace: Path) -> Path:
    """A folder with a live release and nine weeks of what it answered."""
    return made_once(tmp_path_factory, "watched", lambda folder: _make(folder, trained_workspace))


@pytest.fixture
def served(watched_workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ReleaseStore:
    """A copy of it, entered; the store of what is live."""
    shutil.copytree(watched_workspace, tmp_path / "watched")
    monkeypatch.chdir(tmp_path / "watched")
    return open_store("live")
