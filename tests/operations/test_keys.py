"""`mlflow-fraud keys`: a key is shown once, by whom it is listed, and goes by its mark."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mlflow_fraud.adapters.key_file import KeyFile, sha256_of
from mlflow_fraud.cli import app
from mlflow_fraud.core.errors import SettingsError


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeyFile:
    monkeypatch.setenv("FRAUD_API_KEYS", str(tmp_path / "keys.json"))
    return KeyFile(tmp_path / "keys.json")


def typed(*words: str) -> str:
    done = CliRunner().invoke(app, ["keys", *words], catch_exceptions=True)
    if isinstance(done.exception, SettingsError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def test_a_key_is_printed_once_and_listed_without_it(file: KeyFile) -> None:
    said = typed("add", "branch", "--scope", "score", "--scope", "label", "--expires", "2099-01-31")
    key = said.splitlines()[0]
    assert [each.sha256 for each in file.read()] == [sha256_of(key)]
    listed = typed("list")
    assert re.search(rf"branch +label,score +\d{{4}}.* 2099-01-31T00:00\+00:00 +{sha256_of(key)[-4:]}", listed)
    assert key not in listed
    assert sha256_of(key) not in listed
    assert sha256_of(key)[-4:] in typed("remove", "branch")
    assert typed("list").startswith("no keys in")


def test_a_key_that_is_over_is_listed_as_such(file: KeyFile) -> None:
    then = datetime(2020, 1, 1, tzinfo=UTC)
    file.add("branch", ["score"], then, then + timedelta(days=1))
    assert "2020-01-02T00:00+00:00 (over)" in typed("list")


@pytest.mark.parametrize(("end", "message"), [("soon", "a day like 2030-01-31"), ("2020-01-01", "a time to come")])
def test_an_end_that_is_none_makes_no_key(file: KeyFile, end: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        typed("add", "branch", "--scope", "score", "--expires", end)
    assert file.read() == ()
