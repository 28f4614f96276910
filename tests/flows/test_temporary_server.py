"""Prefect's temporary server ends with the run that started it, also where that one could not end it itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from prefect.server.api.server import SubprocessASGIServer

from flows.temporary_server import WATCH, WatchedServer
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

STARTS = """
import signal, sys
from flows.temporary_server import watch_temporary_server
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))  # as a run does
watch_temporary_server()
from prefect.server.api.server import SubprocessASGIServer
server = SubprocessASGIServer()  # as Prefect's clients ask for it
server.port = server.find_available_port()
server.server_process = server._run_uvicorn_command()
server.running = True
try:
    print(server.server_process.pid, flush=True)
    for line in sys.stdin:
        print(server.server_process.pid, flush=True)
except SystemExit:
    print("lives" if server.server_process.poll() is None else "gone", flush=True)
server.stop()
"""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a run with a temporary server, which says the server's pid at first and for each line that it is sent."""
    with subprocess.Popen(
        [sys.executable, "-c", STARTS],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PREFECT_HOME": str(tmp_path), "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as started:
        yield started


def said(run: subprocess.Popen[str]) -> str:
    assert run.stdout is not None
    return run.stdout.readline().strip()


def gone(pid: int, seconds: float = 20) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:  # asked at once: between two questions it may go
            return True
        time.sleep(0.05)
    return False


def watchers(pid: int) -> list[psutil.Process]:
    """Return the shells that watch a server."""
    return [each for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"] == [*WATCHER, str(pid)]]


WATCHER = ["/bin/sh", "-c", WATCH, "watch"]


@pytest.mark.parametrize("killed", [True, False])
def test_it_is_gone_with_the_run_and_so_is_who_watched_it(killed: bool, run: subprocess.Popen[str]) -> None:
    server = int(said(run))
    assert psutil.pid_exists(server)
    assert len(watchers(server)) == 1

    if killed:
        run.kill()
    run.communicate()

    assert gone(server)
    assert watchers(server) == []


def test_it_lives_on_to_hear_how_a_run_ends_whose_whole_process_group_is_stopped(run: subprocess.Popen[str]) -> None:
    server = int(said(run))
    os.killpg(run.pid, signal.SIGTERM)

    assert said(run) == "lives"
    run.communicate()
    assert gone(server)


def test_one_that_a_signal_met_is_begun_anew_while_the_run_lasts(run: subprocess.Popen[str]) -> None:
    first = int(said(run))
    os.kill(first, signal.SIGTERM)
    assert gone(first)

    assert run.stdin is not None
    second = first
    while second == first:
        run.stdin.write("which\n")
        run.stdin.flush()
        second = int(said(run))
    run.communicate()
    assert gone(second)


def test_it_is_begun_as_prefect_begins_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []
    monkeypatch.setattr("subprocess.Popen", lambda args, env: begun.append((args, env)))
    server = WatchedServer(4321)
    SubprocessASGIServer._run_uvicorn_command(server)
    assert begun == [(server._command(), server._environment())]
