"""DVC: one stage run, a raw batch pinned, and what `dvc.lock` says was made from what."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from mlflow_fraud.adapters import dvc_words
from mlflow_fraud.adapters.process import POLL_SECONDS, Ended, python_environ, run
from mlflow_fraud.core.errors import SettingsError, StageFailed
from mlflow_fraud.core.measuring.metrics import Metrics
from mlflow_fraud.paths import DVC_LOCAL, DVC_RWLOCK

Outcome = Literal["ran", "restored", "unchanged"]
Log = Callable[[str], None]

REMOTE = "store"
SCHEMES = (
    "s3",
    "gs",
    "azure",
    "oss",
    "gdrive",
    "ssh",
    "http",
    "https",
    "webdav",
    "webdavs",
    "hdfs",
    "webhdfs",
    "remote",
)
"""Those that DVC knows; what is more than s3 and http needs a package of its own, which DVC names."""
_SAID: dict[Outcome, str] = {
    "ran": "Running stage '",
    "restored": "is cached - skipping run",
    "unchanged": "didn't change, skipping",
}


def reproduce(stage: str, *, log: Log) -> Outcome:
    """Bring one stage up to date and return what that took; raise `StageFailed` with its last words.

    The stages before it are not looked at: call them first, in order.
    """
    ended = _dvc("repro", "--single-item", stage, log=_without_advice(log), tell=log)
    if ended.code:
        raise StageFailed(f"{stage}: {_complaint(ended.lines)}")
    return next((o for o, words in _SAID.items() if any(words in line for line in ended.lines)), "ran")


def pin(path: Path) -> None:
    """Put a raw file under DVC; its pointer `<path>.dvc` is what git keeps.

    A file that cannot be pinned does not stay either, since stages read the whole folder: take it from where it came.
    """
    ended = _dvc("add", str(path), log=lambda line: None)
    if ended.code:
        pointer = path.with_name(path.name + ".dvc")
        if pointer.is_file():
            _dvc("checkout", "--force", str(pointer), log=lambda line: None)
        else:
            path.unlink(missing_ok=True)
        raise StageFailed(f"dvc add {path}: {_complaint(ended.lines)}")


def set_remote(url: str, *, endpoint_url: str = "") -> None:
    """Let `url` be where this clone pushes and pulls, each file checked against its hash; the setting stays here.

    `endpoint_url` is that of an S3 server other than AWS. Where it cannot be used, what was set before stays.
    """
    if not _is_place(url):
        raise SettingsError(
            f"`{url}` is no place that DVC can push to; expected a folder or an address that begins with "
            f"{', '.join(f'{each}://' for each in SCHEMES)}"
        )
    before = DVC_LOCAL.read_bytes() if DVC_LOCAL.exists() else None
    told = {"verify": "true"}
    if endpoint_url and url.startswith("s3://"):
        told["endpointurl"] = endpoint_url
    commands = [["add", "--local", "--default", "--force", REMOTE, url]]
    commands += [["modify", "--local", REMOTE, name, value] for name, value in told.items()]
    for command in commands:
        ended = _dvc("remote", *command, log=lambda line: None)
        if ended.code:
            if before is None:
                DVC_LOCAL.unlink(missing_ok=True)
            else:
                DVC_LOCAL.write_bytes(before)
            raise SettingsError(f"dvc remote {' '.join(command)}: {_complaint(ended.lines)}")


def has_remote() -> bool:
    """Return whether this clone has a place that DVC pushes to without being told which."""
    return _is_set("core.remote")


def push(log: Log, pointers: Sequence[Path] = ()) -> None:
    """Push what pointers and `dvc.lock` name, or some pointers alone; raise `StageFailed` where that is not taken."""
    ended = _dvc("push", *map(str, pointers), log=lambda line: None, tell=log)
    if ended.code:
        raise StageFailed(f"dvc push: {_complaint(ended.lines)}")


def bring(log: Log) -> None:
    """Let the files that pointers and `dvc.lock` name lie here, as far as cache and remote have them."""
    command = "pull" if has_remote() else "checkout"
    ended = _dvc(command, "--force", "--allow-missing", log=lambda line: None, tell=log)
    if ended.code:
        raise StageFailed(f"dvc {command}: {_complaint(ended.lines)}")


def has_own_cache() -> bool:
    """Return whether somebody said where this clone keeps its files."""
    return _is_set("cache.dir")


def share_cache(folder: Path) -> None:
    """Let this clone keep its files in the cache `folder` of another one; the setting stays here."""
    ended = _dvc("cache", "dir", "--local", str(folder.absolute()), log=lambda line: None)
    if ended.code:
        raise StageFailed(f"dvc cache dir: {_complaint(ended.lines)}")


def _is_set(name: str) -> bool:
    ended = _dvc("config", name, log=lambda line: None)
    return not ended.code and any(line.strip() for line in ended.lines)


def _is_place(url: str) -> bool:
    """Return whether DVC could take it for a folder or an address.

    >>> [_is_place(url) for url in ("s3://bucket/dvc", "../shared", "foo://x", "s3:bucket", "s3://", "")]
    [True, True, False, False, False, False]
    """
    scheme, separator, rest = url.partition(":")
    if not separator or "/" in scheme:
        return bool(url.strip())
    return scheme in SCHEMES and rest.startswith("//") and bool(rest.strip("/ "))


def changed(targets: Sequence[Path]) -> list[str]:
    """Return which of the targets, files of stages and pointers of data, are not as `dvc.lock` and pointers say.

    What is pinned elsewhere is not looked at. Raises `StageFailed` where DVC cannot tell.
    """
    return _status(*map(str, targets)) if targets else []


def _status(*targets: str) -> list[str]:
    ended = _dvc("status", "--json", *targets, log=lambda line: None)
    text = next((line for line in ended.lines if line.startswith("{")), "")
    if not text:
        raise StageFailed(f"dvc status: {last_words(ended.lines)}")
    return sorted(json.loads(text))


def out_of_date() -> list[str]:
    """Return the stages and pointers that are not as `dvc.lock` and pointers say, all of them looked at."""
    return _status()


def metrics_since(revision: str) -> dict[str, Metrics]:
    """Return what each metrics file held at a git revision where it differs now, as `{file: {metric: old value}}`.

    None is a metric that was not defined. A file that was not there is not in it. Raises `StageFailed` when git
    knows no such revision.
    """
    ended = _dvc("metrics", "diff", "--json", revision, log=lambda line: None)
    if ended.code:
        raise StageFailed(f"dvc metrics diff {revision}: {_complaint(ended.lines)}")
    changed = json.loads(next((line for line in ended.lines if line.startswith("{")), "{}"))
    held: dict[str, Metrics] = {
        file: {name: value["old"] for name, value in metrics.items() if isinstance(value.get("old"), float | None)}
        for file, metrics in changed.items()
    }
    return {file: metrics for file, metrics in held.items() if any(old is not None for old in metrics.values())}


def _without_advice(log: Log) -> Log:
    """Return `log` without DVC's hints on git, which a flow has no use for, and with its warnings in our words."""
    told = set[str]()
    hints = ("To track the changes", "git add", "To enable auto", "dvc config core", "Use `dvc push`", "Updating lock")

    def tell(line: str) -> None:
        if dvc_words.is_of_a_killed_run(line):
            if dvc_words.KILLED not in told:
                log(dvc_words.KILLED)
            told.add(dvc_words.KILLED)
        elif line.strip() and not dvc_words.is_of_a_wait(line) and not line.strip().startswith(hints):
            log(line)

    return tell


def last_words(lines: list[str]) -> str:
    """Return the line that says best why a command failed: the stage's own error, or DVC's.

    >>> last_words(["Running stage 'ingest':", "error: a.csv is empty", "ERROR: failed to reproduce 'ingest'"])
    'a.csv is empty'
    """
    own = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    dvc = [line for line in lines if line.startswith("ERROR")]
    return (own or dvc or lines or ["it printed nothing"])[-1]


def _complaint(lines: list[str]) -> str:
    """Return why DVC failed, in one sentence with the way out where we know one."""
    broken = [line for line in lines if "is invalid" in line]
    said = broken[0] if broken else last_words(lines)
    return said.removeprefix("ERROR: ") + dvc_words.way_out("\n".join(lines))


def _to_stderr(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _dvc(*arguments: str, log: Log, tell: Log = _to_stderr) -> Ended:
    """Run DVC; while another process is at work on the same files, `tell` which one, wait for it and try again."""
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", *arguments]
    told: list[dvc_words.Blocker] = []
    while True:
        ended = run(command, log=log, environ=python_environ())
        blockers = dvc_words.blockers(ended.lines) if ended.code else []
        if not blockers:
            return ended
        if blockers != told:
            names = " and ".join(f"process {each.pid} (`{each.command}`)" for each in blockers)
            tell(f"waiting: {names} is at work on the same files; if it is gone, remove .dvc/tmp/rwlock")
            told = blockers
        while any(_is_at_work(each.pid) for each in blockers):
            time.sleep(POLL_SECONDS)


def _is_at_work(pid: int) -> bool:
    """Return whether the process lives and still holds files, as far as DVC wrote it down."""
    try:
        if f'"pid": {pid},' not in DVC_RWLOCK.read_text(encoding="utf-8"):
            return False
        os.kill(pid, 0)
    except (FileNotFoundError, ProcessLookupError):
        return False
    except PermissionError:  # somebody else's
        return True
    return True
