"""Prefect's temporary server ends with the run that started it, also where that one could not end it itself."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from flows.temporary_server import WATCH
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

STARTS = """
import sys
from flows.temporary_server import watch_temporary_server
watch_temporary_server()
from prefect.server.api.server import SubprocessASGIServer
server = SubprocessASGIServer()  # as Prefect's clients ask for it
server.server_process = server._run_uvicorn_command()
server.running = True
print(server.server_process.pid, flush=True)
sys.stdin.read()
server.stop()
"""


def gone(pid: int, seconds: float = 20) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def watchers(pid: int) -> list[psutil.Process]:
    """Return the shells that watch a server."""
    return [each for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"] == [*WATCHER, str(pid)]]


WATCHER = ["/bin/sh", "-c", WATCH, "watch"]


@pytest.mark.parametrize("killed", [True, False])
def test_it_is_gone_with_the_run_and_so_is_who_watched_it(killed: bool, tmp_path: Path) -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", STARTS],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PREFECT_HOME": str(tmp_path), "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None
    server = int(run.stdout.readline())
    assert psutil.pid_exists(server)
    assert len(watchers(server)) == 1

    if killed:
        run.kill()
    run.communicate()

    assert gone(server)
    assert watchers(server) == []
