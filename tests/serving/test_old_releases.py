"""Releases as earlier versions of the program wrote them, kept as files, go live and answer as they did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlflow_fraud.adapters.release_store import open_store
from mlflow_fraud.serving.history import History, Recorded
from mlflow_fraud.serving.journal import Journal
from mlflow_fraud.serving.loading import load_release
from tests.conftest import ROOT

KEPT = sorted((ROOT / "tests/releases").glob("format-*/releases/*"))


def test_there_are_trees_and_a_line_of_each_format() -> None:
    kinds = {(path.parts[-3], path.name.split("-")[0]) for path in KEPT}
    assert kinds == {(f"format-{number}", kind) for number in (2, 3) for kind in ("xgboost", "logistic")}


@pytest.mark.parametrize("folder", KEPT, ids=lambda path: f"{path.parts[-3]} {path.name}")
def test_a_release_of_an_earlier_format_goes_live_and_answers(folder: Path) -> None:
    release = open_store(str(folder.parents[1])).fetch(folder.name)
    live = load_release(release, lambda schema: History(schema, Recorded(()), Journal()))

    body = (ROOT / "docs/transaction.json").read_bytes()
    first, again = (live.score(live.request.read(body)) for _ in range(2))

    assert live.manifest.format == int(folder.parts[-3].removeprefix("format-"))
    assert live.manifest.feature_schema_sha256 == json.loads((folder / "schema.json").read_text())["sha256"]
    assert 0 <= first.probability <= 1
    assert first == again
