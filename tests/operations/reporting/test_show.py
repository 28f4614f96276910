"""What to open next is what is set."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlflow_fraud.adapters.release_store import open_store
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.operations.release.compare import compare
from mlflow_fraud.operations.reporting.show import show


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("", "make mlflow      the runs"),
        ("https://mlflow.bank.example/runs", "https://mlflow.bank.example/runs   the runs"),
        ("http://ann:secret@mlflow.bank.example:5000", "http://ann:***@mlflow.bank.example:5000   the runs"),
        ("postgresql+psycopg://ann:secret@db/mlflow", "--backend-store-uri 'postgresql+psycopg://ann:***@db/mlflow'"),
        ("sqlite:///elsewhere.db", "mlflow server --backend-store-uri 'sqlite:///elsewhere.db'"),
    ],
)
def test_the_tracking_server_that_is_set_is_named(
    workspace: Path, uri: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare(open_store(".local/releases"))
    monkeypatch.setenv("FRAUD_TRACKING_URI", uri)

    page = show()

    assert said in page
    assert ("make mlflow" in page) == (not uri)
    assert "secret" not in page


def test_before_any_comparison_the_command_that_makes_one_is_named(workspace: Path) -> None:
    with pytest.raises(DataError, match=r"verdict\.json is not there; run `mlflow-fraud compare` first"):
        show()
