"""What takes long is said when it begins, and that it still goes on."""

from __future__ import annotations

from threading import Event

import pytest

from mlflow_fraud.stages import run


def test_what_takes_long_says_so_again(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    again = Event()

    def say(line: str) -> None:
        told.append(line)
        if "so far" in line:
            again.set()

    monkeypatch.setattr(run, "EVERY", 0.01)
    monkeypatch.setattr(run, "say", say)
    with run.taking_long("holding 3 rows against the contract tiny"):
        assert again.wait(10)
    assert told[:2] == ["holding 3 rows against the contract tiny", f"{told[0]}: 0 s so far"]
