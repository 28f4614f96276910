"""From a file in a public layout to a live release that scores a row of it; what a person decides is a line each."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from stack.place import free_ports
from tests.e2e.desk import Desk, fresh_clone
from tests.layouts import LAYOUTS, write
from tests.loopback import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROWS = 4000
DECISIONS = {
    "creditcard": {'since: "2001-01-01"': 'since: "2013-09-01"'},
    "paysim": {'since: "2001-01-01"': 'since: "2017-01-01"'},
}
"""What a person decides of the draft: when the count of time begins."""
LABELS = {"creditcard": "Class", "paysim": "isFraud"}


@contextmanager
def service(desk: Desk) -> Iterator[int]:
    """Serve the clone's live release; yield the port."""
    (port,) = free_ports(1)
    process = desk.starts("mlflow-fraud", "serve", "--port", str(port))
    try:
        wait_for(f"http://127.0.0.1:{port}/readyz")
        yield port
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def scored(port: int, row: Mapping[str, Any]) -> dict[str, Any]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/v1/score", json.dumps(row), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    body: dict[str, Any] = json.loads(answer.read())
    connection.close()
    assert answer.status == 200, body
    return body


def decided(draft: str, layout: str) -> str:
    """Return the draft as a person leaves it: every point decided, every TO DO taken out."""
    for proposed, said in DECISIONS[layout].items():
        assert proposed in draft
        draft = draft.replace(proposed, said)
    return "".join(line for line in draft.splitlines(keepends=True) if not line.startswith("#"))


def a_row(file: Path, label: str, *, fraud: bool) -> dict[str, Any]:
    """Return the last fraud of a file, or its last genuine row, without the label."""
    rows = pl.read_csv(file, infer_schema_length=None).filter(pl.col(label) == fraud)
    return rows.drop(label).row(-1, named=True)


@pytest.mark.parametrize("layout", DECISIONS)
def test_a_public_layout_goes_from_its_file_to_a_score(layout: str, tmp_path: Path) -> None:
    desk = fresh_clone(tmp_path / "clone")
    file = write(LAYOUTS[layout](ROWS), desk.path(f".local/{layout}.csv"))
    draft = desk.does("mlflow-fraud", "contract", "init", str(file), "--name", layout)
    desk.path("mine.yaml").write_text(decided(draft, layout))

    desk.does("mlflow-fraud", "contract", "check", "mine.yaml")
    brought = desk.does("mlflow-fraud", "data", "bring", str(file), "mine.yaml")
    printed = desk.does("python", "-m", "flows.retraining", "--first")

    assert f"describes {layout} now" in brought
    assert "is live now" in printed
    described = yaml.safe_load(desk.path("params.yaml").read_text())["datasets"][layout]
    numbers = {source for source, spec in yaml.safe_load(draft)["columns"].items() if spec["role"] == "numeric"}
    assert numbers <= set(described["features"]["row"])
    with service(desk) as port:
        likely = scored(port, {"event_id": "a", **a_row(file, LABELS[layout], fraud=True)})
        unlikely = scored(port, {"event_id": "b", **a_row(file, LABELS[layout], fraud=False)})
    assert likely["probability"] > unlikely["probability"]
