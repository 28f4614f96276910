"""The real service asks for the keys of its file, also those that came after its start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path

import polars as pl
import pytest

from mlflow_fraud.adapters.key_file import KeyFile, sha256_of
from stack.place import free_ports
from tests.serving.conftest import MakeRelease, Raw, as_json
from tests.serving.service_process import JSON, SERVE, Place, Service, running_service

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def scored(service: Service, row: bytes, key: str = "") -> int:
    connection = HTTPConnection("127.0.0.1", service.port, timeout=30)
    connection.request("POST", "/v1/score", row, JSON | ({"Authorization": f"Bearer {key}"} if key else {}))
    answer = connection.getresponse()
    json.loads(answer.read())
    connection.close()
    return answer.status


def test_a_key_is_changed_while_the_service_answers(
    location: Path, make_release: MakeRelease, stream: pl.DataFrame, raw: Raw, tmp_path: Path
) -> None:
    file, release = KeyFile(tmp_path / "keys.json"), make_release()
    place = Place(str(location), "", dict(os.environ) | {"FRAUD_API_KEYS": str(file.path)})
    place.store.put(release)
    place.promote(release.manifest.version)
    row = as_json(raw(stream.row(0, named=True)))
    old = file.add("payments", ["score"], NOW)
    with running_service(place, tmp_path) as service:
        assert [scored(service, row), scored(service, row, "fraud_none"), scored(service, row, old)] == [401, 401, 200]
        new = file.add("payments", ["score"], NOW)
        time.sleep(1.1)
        assert [scored(service, row, key) for key in (old, new)] == [200, 200]
        file.remove("payments", sha256_of(old)[-4:])
        time.sleep(1.1)
        assert [scored(service, row, key) for key in (old, new)] == [401, 200]
    log = (tmp_path / "service.log").read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    assert [line["status"] for line in lines if "status" in line].count(401) == 3
    assert old not in log
    assert new not in log


def test_a_service_that_others_can_reach_does_not_start_without_a_key(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    command = [sys.executable, "-c", SERVE, "serve", "--host", "0.0.0.0", "--port", str(port)]
    environment = dict(os.environ) | {"FRAUD_API_KEYS": str(tmp_path / "keys.json")}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "mlflow-fraud keys add NAME" in done.stderr
    assert list(tmp_path.iterdir()) == []
