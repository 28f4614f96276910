"""What a user can do something about ends a run with one sentence; no traceback of it reaches the log."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from prefect.exceptions import PrefectHTTPStatusError

from flows import endings
from flows.server import one_sentence
from mlflow_fraud.core.errors import SettingsError, StageFailed
from tests.conftest import ROOT

REFUSED = httpx.Response(401, request=httpx.Request("GET", "http://127.0.0.1:4200/api/admin/version"))


@pytest.mark.parametrize(
    "error",
    [
        SettingsError("a setting"),
        StageFailed("a stage"),
        httpx.ConnectError("[Errno 111] Connection refused"),
        httpx.ReadTimeout("the server is slow"),
        PrefectHTTPStatusError("401", request=REFUSED.request, response=REFUSED),
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_log_of_a_run_has_no_traceback_of_what_a_person_can_mend(error: Exception) -> None:
    try:
        raise error
    except type(error):
        record = logging.LogRecord("prefect.flow_runs", logging.ERROR, "", 0, "failed", (), sys.exc_info())
    assert endings.ONE_SENTENCE.filter(record)
    assert record.exc_info is None


def test_a_mistake_of_ours_keeps_its_traceback() -> None:
    try:
        raise KeyError("a bug")
    except KeyError:
        record = logging.LogRecord("prefect.flow_runs", logging.ERROR, "", 0, "failed", (), sys.exc_info())
    assert endings.ONE_SENTENCE.filter(record)
    assert record.exc_info is not None


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("Timed out while attempting to connect to ephemeral Prefect API server."), "Prefect stopped"),
        (httpx.ConnectError("refused"), "Prefect stopped the run: refused"),
        (SettingsError("the store is away"), "error: the store is away"),
        (KeyboardInterrupt(), "error: stopped; the next run goes on from here"),
    ],
)
def test_what_stops_prefect_itself_is_one_line_and_exit_code_1(
    error: BaseException, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    def flow(**told: object) -> None:
        raise error

    monkeypatch.chdir(str(tmp_path))
    for look in ("require_workplace", "require_server", "load_params", "prepare_environment"):
        monkeypatch.setattr(endings, look, lambda: None)
    monkeypatch.setattr("signal.signal", lambda *told: None)
    with pytest.raises(SystemExit) as ended:
        endings.run_from_shell(flow)
    assert said in str(ended.value.code)
    assert "\n" not in str(ended.value.code)


@pytest.mark.parametrize(("typed", "asked"), [([], False), (["--first"], True)])
def test_a_first_release_is_asked_for_on_the_command_line(
    typed: list[str], asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["retraining.py", *typed])
    assert endings.asks("--first") is asked


def test_a_misspelt_word_on_the_command_line_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["retraining.py", "--frist"])
    with pytest.raises(SystemExit, match="--frist is not known here, only --first is"):
        endings.asks("--first")


STOPS_ITSELF = """
import os, signal
from flows import endings
for look in ("require_workplace", "require_server", "load_params", "prepare_environment"):
    setattr(endings, look, lambda: None)

def flow(**told):
    try:
        os.kill(0, signal.SIGTERM)
    finally:
        os.kill(0, signal.SIGTERM)  # again, in the middle of what has to be ended
        print("ended in order", flush=True)

endings.run_from_shell(flow)
"""


@pytest.mark.slow
def test_a_run_that_is_stopped_by_its_process_group_says_so_in_one_line_and_ends_in_order(tmp_path: Path) -> None:
    environ = {"PREFECT_API_URL": "http://127.0.0.1:9/api", "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    ended = subprocess.run(
        [sys.executable, "-c", STOPS_ITSELF],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=60,
        check=False,
    )
    assert ended.stdout == "ended in order\n"
    assert ended.stderr == "error: stopped; the next run goes on from here\n"
    assert ended.returncode == 128 + signal.SIGTERM


def test_a_temporary_server_that_is_gone_sends_nobody_to_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in os.environ if each.startswith("PREFECT_")]:
        monkeypatch.delenv(name)
    said = one_sentence(httpx.ConnectError("[Errno 111] Connection refused"))
    assert said.endswith("Connection refused; its temporary server is gone; the next run goes on from here")
