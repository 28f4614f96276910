"""What one look at the record saw takes the place of what earlier ones saw of the same release, and of nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlflow_fraud.operations.monitoring.kept import Entry, read_windows, write_seen, write_windows


def window(version: str, kind: str, since: str, until: str, f1: float) -> Entry:
    return {"version": version, "kind": kind, "name": f"{since} to {until}", "since": since, "until": until, "f1": f1}


def test_what_is_not_revisited_is_not_shown_as_todays_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before, file = window("a", "pool", "2021-01-04", "2021-01-18", 0.5), window("b", "file", "", "2021-01-31", 0.7)
    write_windows([file])
    write_seen("a", [before])
    stale = [window("b", "pool", "2021-01-04", "2021-01-25", 0.1), window("b", "pool", "2021-01-25", "2021-02-08", 0.2)]
    write_seen("b", stale)
    anew = [window("b", "week", "2021-02-01", "2021-02-08", 0.9), window("b", "pool", "2021-01-04", "2021-02-08", 0.8)]
    seen = write_seen("b", anew)
    assert [each["f1"] for each in seen] == [0.8, 0.9], "by the end, then the beginning"
    assert read_windows("b", of_files=False) == seen
    assert read_windows("a") == [before]
    assert read_windows(of_files=True) == [file]
