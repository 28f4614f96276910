"""Prefect's temporary server does not outlive the run that it was started for, however that one ends."""

from __future__ import annotations

import subprocess
from typing import Any

from prefect.server.api.server import SubprocessASGIServer

WATCH = 'read -r over || kill -9 "$1"'
"""A shell that waits for a word. Where the pipe ends without one, whoever held it is gone, and the server goes too."""


class WatchedServer(SubprocessASGIServer):
    """Prefect's own, beside a process that ends it when this one was killed and could not."""

    def _run_uvicorn_command(self) -> subprocess.Popen[Any]:
        server = super()._run_uvicorn_command()
        self._watcher = subprocess.Popen(
            ["/bin/sh", "-c", WATCH, "watch", str(server.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # so that what stops this process's group does not stop it first
        )
        return server

    def stop(self) -> None:
        """Stop the server, and say so to who watches."""
        super().stop()
        watcher = getattr(self, "_watcher", None)
        if watcher is not None and watcher.stdin is not None:
            watcher.communicate(b"over\n")


def watch_temporary_server() -> None:
    """Let the temporary server that Prefect starts in this process be a watched one: it takes the first there is."""
    WatchedServer()
