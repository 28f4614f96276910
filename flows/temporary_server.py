"""Prefect's temporary server ends with the run that it was started for, neither after it nor before."""

from __future__ import annotations

import os
import subprocess
import sys
from threading import Lock, Thread
from typing import Any

import prefect
from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import get_current_settings

WATCH = 'read -r over || kill -9 "$1"'
"""A shell that waits for a word. Where the pipe ends without one, whoever held it is gone, and the server goes too."""
TIMES = 3
"""How often it is begun at most. A run that a signal ends needs it to the last, and the signal may have met both."""
LOCK = Lock()
"""Held while it is settled whether a server is begun anew or is no longer needed."""


class WatchedServer(SubprocessASGIServer):
    """Prefect's own, in a session of its own, beside a process that ends it when this one was killed and could not.

    What stops a run by its process group, such as a terminal, `timeout` or a job of CI, does not meet the server then:
    the run would wait minutes for it, only to say that it was stopped. Where a signal meets it all the same, as when a
    service manager stops all that a service started, it is begun anew at the same address.
    """

    _over = False
    _begun = 0
    _watcher: subprocess.Popen[bytes] | None = None

    def _run_uvicorn_command(self) -> subprocess.Popen[Any]:
        server = subprocess.Popen(self._command(), env=self._environment(), start_new_session=True)
        self._watcher = subprocess.Popen(
            ["/bin/sh", "-c", WATCH, "watch", str(server.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._begun += 1
        Thread(target=self._begin_anew, args=(server,), daemon=True).start()
        return server

    def _command(self) -> list[str]:
        folder, application = str(prefect.__module_path__.parent), "prefect.server.api.server:create_app"
        where = ["--host", "127.0.0.1", "--port", str(self.port)]
        words = ["-m", "uvicorn", "--app-dir", folder, "--factory", application, *where]
        return [sys.executable, *words, "--log-level", "error", "--lifespan", "on"]

    def _environment(self) -> dict[str, str]:
        own = {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"}
        return {**os.environ, **own, **get_current_settings().to_environment_variables(exclude_unset=True)}

    def _begin_anew(self, server: subprocess.Popen[Any]) -> None:
        """Wait for the server's end, and begin another where a signal from elsewhere was the cause."""
        by_signal = server.wait() < 0
        with LOCK:
            if by_signal and not self._over and self._begun < TIMES:
                self.server_process = self._run_uvicorn_command()

    def stop(self) -> None:
        """Stop the server, and say so to who watches."""
        with LOCK:
            self._over = True
        super().stop()
        if self._watcher is not None:
            self._watcher.communicate(b"over\n")


def watch_temporary_server() -> None:
    """Let the temporary server that Prefect starts in this process be a watched one: it takes the first there is."""
    WatchedServer()
