"""`mlflow-fraud record show` reads, and makes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from mlflow_fraud.cli import app
from mlflow_fraud.core.errors import DataError


def test_where_no_record_is_it_says_so_and_makes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUD_PREDICTION_LOG", f"sqlite:///{tmp_path / 'there/record.db'}")
    done = CliRunner().invoke(app, ["record", "show", "xgboost-1.abc"])
    assert done.exit_code == 1
    assert isinstance(done.exception, DataError)
    assert f"there is no record at {tmp_path / 'there/record.db'}" in str(done.exception)
    assert list(tmp_path.iterdir()) == []
