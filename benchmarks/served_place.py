"""A place to measure the service in: a release with a booster of the shipped size, a record, and payments to come."""

from __future__ import annotations

import json
import shutil
import tempfile
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from benchmarks.opponents import save_for_mlflow
from benchmarks.scoring import grown_booster
from mlflow_fraud.adapters.model_export import MODEL_FILE, booster_bytes, model_bytes
from mlflow_fraud.adapters.model_file import load_calibrated
from mlflow_fraud.adapters.model_formats.booster_file import BOOSTER_FILE
from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.adapters.release_store import open_store
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.settings import load_contract, load_params
from mlflow_fraud.simulation import SimulationPlan, simulate
from mlflow_fraud.stages.preprocess import fit_schema
from tests.serving.conftest import CALIBRATION, _sent, fill, go_live, release_of

ALERTS = 0.01
A_CARD = 900
"""So many payments a card has on the built-in simulator in two years."""

GIVEN = 20_000
"""So many rows of features there are for those who are given them."""


TIMES = 4
"""So often the features of the past are in the table of given ones, so that loading the model counts for little."""


class Place(NamedTuple):
    """Where each side has its own: folders and files. In `calm` the release is the same, but flags nothing."""

    releases: Path
    record: Path
    calm: Path
    payments: Path
    booster: Path
    for_mlflow: Path
    for_everybodys: Path
    model: Path
    features: Path


def place_in(folder: Path, past: int, coming: int) -> Place:
    """Make a place with so many payments in its record and so many to come."""
    place = Place(*(folder / name for name in (
        "releases", "record.db", "calm", "payments.jsonl", "booster.ubj", "mlflow.jsonl", "rows.jsonl", "model",
        "features.parquet",
    )))  # fmt: skip
    params = load_params()
    contract = load_contract(params.active.contract)
    whole = _transactions(contract, past + coming)
    before, later = whole.head(past), whole.tail(len(whole) - past)
    schema = fit_schema(params.features, contract, before)
    x, booster = grown_booster(before, schema)
    files = dict([model_bytes(booster), (BOOSTER_FILE, booster_bytes(booster))])
    scores = load_calibrated(MODEL_FILE, files[MODEL_FILE], CALIBRATION, threads=1).score(x)
    threshold = float(np.quantile(scores, 1 - ALERTS))
    for releases, above in ((place.releases, threshold), (place.calm / place.releases.name, 1.0)):
        go_live(open_store(str(releases)), release_of(files, schema, x[:: len(x) // 4], above, CALIBRATION))
    fill(f"sqlite:///{place.record}", schema, before)
    shutil.copy(place.record, place.calm)
    _write(later, contract, place.payments)
    booster.save_model(place.booster)
    save_for_mlflow(booster, x.shape[1], place.model)
    pl.DataFrame(np.tile(x, (TIMES, 1)), schema=schema.names).write_parquet(place.features)
    rows = np.nan_to_num(x[-GIVEN:]).tolist()
    place.for_mlflow.write_text("".join(json.dumps({"inputs": [row]}) + "\n" for row in rows))
    place.for_everybodys.write_text("".join(json.dumps({"features": row}) + "\n" for row in rows))
    return place


def _write(payments: pl.DataFrame, contract: Contract, file: Path) -> None:
    """Write payments as a client sends them, one a line."""
    columns = [column for column in contract.arriving if column.role not in ("label", "label_time", "clock")]
    with file.open("w") as lines:
        for row in payments.iter_rows(named=True):
            lines.write(json.dumps({column.source: _sent(row[column.name], column.role) for column in columns}) + "\n")


def _transactions(contract: Contract, number: int) -> pl.DataFrame:
    cards = max(number // A_CARD, 50)
    plan = SimulationPlan(start=date(2019, 1, 1), days=730, transactions=number, cards=cards, merchants=800)
    with tempfile.TemporaryDirectory() as folder:
        simulate(plan).write_csv(Path(folder) / "bench.csv")
        return read_batches([Path(folder) / "bench.csv"], contract)
