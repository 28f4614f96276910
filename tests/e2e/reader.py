"""A reader at a prompt: the blocks of a page are typed into one shell, in order, and each command must end well."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.e2e.desk import BIN, Desk
from tests.pages import NEEDS, Block, Command, commands

SHELL = 'set -o pipefail; while IFS= read -r -d "" typed; do eval "$typed" </dev/null >>"$LOG" 2>&1; echo $?; done'
"""Takes commands that end with a zero byte and answers each with how it ended; what they print goes to `LOG`."""
SECONDS = 600
CURL = """
fail-with-body
show-error
retry = 20
retry-delay = 1
noproxy = localhost,127.0.0.1
"""
"""An answer that is an error counts as one, and a service that is not ready yet is asked again, as by a slow reader."""


class Reader:
    """One shell; `instead` has what the reader types for a text of the page, such as a port that is free."""

    def __init__(self, desk: Desk, shell: subprocess.Popen[bytes], log: Path, instead: Mapping[str, str]) -> None:
        self.desk = desk
        self.shell = shell
        self.log = log
        self.instead = instead

    def types(self, block: Block) -> None:
        """Type each command of a block; fail with the first that does not end well, and with what it printed."""
        *run, last = commands(block)
        for command in run:
            self._runs(command)
        if block.stays:
            self._stays(last)
        else:
            self._runs(last)

    def _runs(self, command: Command) -> None:
        begun, clock = self.log.stat().st_size, time.monotonic()
        ended = self._answer(self._typed(command))
        self._writes(f"{command.where} took {time.monotonic() - clock:.1f} s")
        told = f"ended with {ended}" if ended else f"has not ended after {SECONDS} s"
        assert ended == "0", f"{command.where}: `{command.text}` {told}\n{self._printed(begun)}"

    def _stays(self, command: Command) -> None:
        """Start a command that keeps its prompt, and wait until one of its processes listens."""
        begun, before = self.log.stat().st_size, set(self._processes())
        self._answer(f"{{ {self._typed(command)}\n}} &")
        until = time.monotonic() + SECONDS
        while time.monotonic() < until and (started := set(self._processes()) - before):
            if any(listens(process) for process in started):
                return
            time.sleep(0.1)
        pytest.fail(f"{command.where}: `{command.text}` does not listen\n{self._printed(begun)}")

    def _typed(self, command: Command) -> str:
        text = command.text
        for said, instead in self.instead.items():
            text = text.replace(said, instead)
        self._writes(f"{command.where} $ {text}")
        return text

    def _writes(self, line: str) -> None:
        with self.log.open("a") as log:
            log.write(f"{line}\n")

    def _answer(self, text: str) -> str:
        """Return the exit code of what is typed, or nothing where it does not end."""
        assert self.shell.stdin is not None
        assert self.shell.stdout is not None
        self.shell.stdin.write(text.encode() + b"\0")
        self.shell.stdin.flush()
        readable, _, _ = select.select([self.shell.stdout], [], [], SECONDS)
        return self.shell.stdout.readline().decode().strip() if readable else ""

    def _processes(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if is_of(self.shell.pid, process)]

    def _printed(self, begun: int) -> str:
        return self.log.read_bytes()[begun:].decode(errors="replace")[-4000:]


@contextmanager
def reader(desk: Desk, log: Path, instead: Mapping[str, str], **environ: str) -> Iterator[Reader]:
    """Open a shell in a clone, whose environment only the blocks bring into the path; end what was started in it."""
    log.touch()
    (log.parent / ".curlrc").write_text(CURL)
    path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if part != str(BIN))
    shell = subprocess.Popen(
        ["bash", "--noprofile", "--norc", "-c", SHELL],
        cwd=desk.folder,
        env=desk.environ | {"PATH": path, "LOG": str(log), "CURL_HOME": str(log.parent)} | environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield Reader(desk, shell, log, instead)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGTERM)
        shell.communicate()
        wait_until_gone(shell.pid)


def require_met(block: Block, met: Collection[str] = ()) -> None:
    """Skip a block that needs what is not met, and say what that is."""
    if unmet := [f"{need}: {NEEDS[need]}" for need in block.needs if need not in met]:
        pytest.skip(f"{block} needs {'; '.join(unmet)}")


def made_environment(folder: Path) -> None:
    """Let `make` find this environment made in a clone: a reader does not wait for packages here."""
    (folder / ".venv").mkdir()
    for part in BIN.parent.iterdir():
        (folder / ".venv" / part.name).symlink_to(part)
    (folder / ".venv/.ready").unlink(missing_ok=True)
    (folder / ".venv/.ready").touch()


def listens(process: psutil.Process) -> bool:
    """Return whether a process waits for connections."""
    with suppress(psutil.Error):
        return any(link.status == psutil.CONN_LISTEN for link in process.net_connections("tcp"))
    return False


def wait_until_gone(group: int, seconds: float = 15) -> None:
    """Wait until no process of a group is left, then kill what stays."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and any(is_of(group, process) for process in psutil.process_iter()):
        time.sleep(0.2)
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def is_of(group: int, process: psutil.Process) -> bool:
    """Return whether a process of a group still runs; one that has ended and was not asked for does not."""
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False
