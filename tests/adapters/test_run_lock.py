"""One run at a time in a folder: the second waits, names the first, and goes on when that one is gone."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mlflow_fraud.adapters.run_lock import one_at_a_time
from mlflow_fraud.core.errors import SettingsError

HOLDER = """
import sys, time
from pathlib import Path
from mlflow_fraud.adapters.run_lock import one_at_a_time
with one_at_a_time(tell=print, place=Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_the_second_waits_for_the_first_names_it_and_goes_on_when_it_is_killed(
    tmp_path: Path, how: signal.Signals
) -> None:
    place = tmp_path / "local/run.lock"
    (tmp_path / "retrain").write_text(HOLDER)
    first = subprocess.Popen([sys.executable, tmp_path / "retrain", place], stdout=subprocess.PIPE)
    assert first.stdout is not None
    assert first.stdout.readline() == b"held\n"
    said: list[str] = []

    def kill_when_waited_for() -> None:
        while not said:
            time.sleep(0.01)
        first.send_signal(how)

    killer = threading.Thread(target=kill_when_waited_for)
    killer.start()
    with one_at_a_time(tell=said.append, place=place):
        assert first.wait(10) == -how
    killer.join()
    (line,) = said
    assert f"process {first.pid} (`retrain {place}`, since 2" in line


def test_what_a_run_calls_needs_no_second_lock(tmp_path: Path) -> None:
    place, said = tmp_path / "run.lock", list[str]()
    with one_at_a_time(tell=said.append, place=place), one_at_a_time(tell=said.append, place=place):
        pass
    with one_at_a_time(tell=said.append, place=place):
        pass
    assert said == []


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(SettingsError, match="a folder that it may write to"),
        one_at_a_time(tell=print, place=tmp_path / "file/run.lock"),
    ):
        pass
