"""The difference to the base branch is of rows that both models were tested on, with its interval; else it says why."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import polars as pl
import pytest
import yaml

from mlflow_fraud.adapters.files import write_parquet
from mlflow_fraud.operations.review.against_base import METRICS, MODEL, against_base, pair
from mlflow_fraud.paths import LOCK, part_file
from mlflow_fraud.stages.lineage import HONEST
from mlflow_fraud.stages.shipped import read_shipped
from tests.operations.publication.conftest import dvc
from tests.workspace import pin


def commits_as_base(*, every: int = 1) -> pl.DataFrame:
    """Let a base have what lies here, of its test each so many-th row, and lie here what finds more; return those."""
    test = pl.read_parquet(part_file("test"), columns=["event_id", "label"])
    scores = pl.read_parquet(MODEL / HONEST)
    theirs = scores.gather_every(every)
    write_parquet(MODEL / HONEST, theirs)
    now = METRICS.read_text()
    METRICS.write_text(json.dumps({**json.loads(now), "threshold": 0.5}))
    pin()
    if every > 1:
        lock = yaml.safe_load(LOCK.read_text())
        lock["stages"]["ingest"]["outs"][0]["md5"] = "0" * 32
        LOCK.write_text(yaml.safe_dump(lock))
    Path(".dvc").mkdir()
    Path(".dvc/config").write_text("[core]\n    analytics = false\n    autostage = false\n")
    dvc("add", "--quiet", str(MODEL))
    who = ("-c", "user.name=A Tester", "-c", "user.email=tester@bank.example")
    subprocess.run(["git", "add", "--force", str(LOCK), str(METRICS), f"{MODEL}.dvc"], check=True)
    subprocess.run(["git", *who, "commit", "--quiet", "--message", "base"], check=True)
    found = pl.when(test["label"] == 1).then(pl.max_horizontal("probability", pl.lit(0.9))).otherwise("probability")
    write_parquet(MODEL / HONEST, scores.with_columns(found.alias("probability")))
    METRICS.write_text(now)
    pin()
    return theirs


def recall_of(scores: pl.DataFrame) -> float:
    """Return which share of the frauds among the scored rows is flagged."""
    labels = pl.read_parquet(part_file("test"), columns=["event_id", "label"])
    frauds = scores.join(labels, on="event_id").filter(pl.col("label") == 1)
    return float((frauds["probability"] >= frauds["threshold"]).mean())  # type: ignore[arg-type]


def test_on_the_same_rows_each_difference_has_its_interval_and_without_the_scores_it_says_why(workspace: Path) -> None:
    theirs = commits_as_base()
    told = against_base("HEAD")
    assert f"On the same {len(theirs):,} rows of the test." in told
    assert "95% intervals" in told
    recall = re.search(r"\| recall \| .* \| .* \| (\+[\d.]+) \((\S+) to (\S+)\) \|", told)
    assert recall is not None, told
    estimate, lower, upper = map(float, recall.groups())
    assert estimate == pytest.approx(1 - recall_of(theirs), abs=5e-5)
    assert 0 < lower < estimate < upper

    shutil.rmtree(".dvc/cache")
    told = against_base("HEAD")
    assert "The difference has no interval: data/models/shipped/model of " in told
    assert "neither in the DVC cache nor in the remote" in told
    assert "| recall | " in told
    assert "(+" not in told


def test_of_two_test_periods_the_rows_in_both_are_compared_and_it_says_so(workspace: Path) -> None:
    theirs = commits_as_base(every=2)
    paired = pair("HEAD", read_shipped())
    assert paired.rows == len(theirs)
    found = paired.gains["recall"]
    assert found is not None
    assert found.estimate == pytest.approx(1 - recall_of(theirs))
    told = against_base("HEAD")
    assert told.startswith("**The test periods differ**: base and here are each on its own rows, the difference is on ")
    assert f"the {len(theirs):,} rows that are in both tests" in told
