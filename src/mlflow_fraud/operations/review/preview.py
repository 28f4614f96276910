"""What a pull request would be told, made at a desk: the workflow's own lines, typed in a clone that goes again."""

from __future__ import annotations

import os
import shutil
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import NamedTuple

from mlflow_fraud.adapters import dvc_repo, git_repo
from mlflow_fraud.adapters.comment_page import comment_page
from mlflow_fraud.adapters.files import write_text
from mlflow_fraud.adapters.git_branch import REMOTE
from mlflow_fraud.adapters.git_copy import base_commit, copy_as_it_lies
from mlflow_fraud.adapters.process import Ended, python_environ, run
from mlflow_fraud.core.errors import StageFailed
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.data.simulate import SIMULATED
from mlflow_fraud.operations.publication.clone import keep_files_as, places_from_anywhere
from mlflow_fraud.paths import PREVIEW, REPORT
from mlflow_fraud.settings import load_params
from mlflow_fraud.stages.run import say

CLONE, PAGE, TEXT, LOG = "clone", "index.html", "summary.md", "retrain.log"

STEPS = (
    ("mlflow-fraud", "review", "merge", "$BASE"),
    ("dvc", "repro"),
    ("mlflow-fraud", "compare", "--base", "$BASE"),
)
"""What `retrain.yml` types before it pushes; each is for what the one before has left."""

TELLS = ("mlflow-fraud", "review", "text", "$BASE", "--log", LOG)

NOT_HANDED_ON = ("FRAUD_GITHUB_TOKEN", "GITHUB_RUN_ID", "FRAUD_TRACKING_URI", "FRAUD_ARTIFACT_LOCATION")
"""Variables of a workflow's run; and of MLflow, whose runs stay in the clone: they name a commit that nobody has."""


class _Clone(NamedTuple):
    """What lies here once more, in `folder`; `base` is how the base is called in it."""

    folder: Path
    base: str
    environ: Mapping[str, str]

    def types(self, *words: str, say: Callable[[str], None] = say, apart: bool = False) -> Ended:
        """Type a command in the clone, whose own code it runs; return how it ended."""
        told = [word.replace("$BASE", self.base) for word in words]
        return run(told, log=say, environ=self.environ, folder=self.folder, apart=apart)


def preview(base: str, place: Path = PREVIEW) -> Path:
    """Return the page with the comment of a pull request of what lies here, committed or not, into the branch `base`.

    Nothing is pushed, MLflow is told nothing, and the live release is only read. Nothing here changes but the folder
    `place` and the DVC cache, from which the next `dvc repro` takes what was trained. Raises `SettingsError` where
    there is no such base, and `StageFailed`, the page written, where the retraining stops before a verdict.
    """
    begun, page = time.monotonic(), place / PAGE
    with _cloned(place / CLONE, base.removeprefix(f"{REMOTE}/")) as clone:
        stopped = _retrain(clone)
        told = clone.types(*TELLS, "--local", say=lambda line: None, apart=True)
        _require(told)
        text, took = "\n".join(told.lines) + "\n", (time.monotonic() - begun) / 60
        lies = f"what lies here, on {git_repo.head()[:12]},"
        title = f"What a pull request of {lies} into {clone.base} is told; it took {took:.1f} minutes here"
        write_text(page, comment_page(text, title, clone.folder))
        write_text(place / TEXT, text)
        for file in (Path(LOG), REPORT):
            (place / file.name).unlink(missing_ok=True)  # an earlier preview's
            if (clone.folder / file).is_file():
                shutil.copy2(clone.folder / file, place / file.name)
    say(f"the comment: {page}")
    if is_watched(os.environ, sys.platform, terminal=sys.stdout.isatty()):
        webbrowser.open(page.absolute().as_uri())
    if stopped:
        raise StageFailed(f"the pull request stops before a verdict: {stopped}")
    return page


def is_watched(environ: Mapping[str, str], platform: str, *, terminal: bool) -> bool:
    """Return whether a page that is opened would be seen: a person is at a terminal, and there is a display.

    >>> is_watched({"DISPLAY": ":0"}, "linux", terminal=True), is_watched({}, "linux", terminal=True)
    (True, False)
    >>> is_watched({}, "darwin", terminal=True), is_watched({"DISPLAY": ":0"}, "linux", terminal=False)
    (True, False)
    """
    return terminal and (platform == "darwin" or any(environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")))


@contextmanager
def _cloned(place: Path, base: str) -> Iterator[_Clone]:
    """Give a clone of what lies here, with its pinned files and the stores of here; it goes in the end."""
    here, folder, commit = Path.cwd(), place.absolute(), base_commit(base)
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        named = copy_as_it_lies(folder, commit, base)
        with chdir(folder):
            keep_files_as(here)
            dvc_repo.bring(say)
            is_made_up = not dvc_repo.has_remote() and load_params().dataset == SIMULATED
        clone = _Clone(folder, named, _environ(folder))
        if is_made_up:
            _require(clone.types("mlflow-fraud", "data", "simulate"))
        yield clone
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _environ(folder: Path) -> dict[str, str]:
    """Return the variables of this process for commands in a clone: its own code, the release store of here."""
    code = os.pathsep.join([str(folder / "src"), str(folder)])
    told = python_environ() | places_from_anywhere(load_environment(), Path.cwd()) | {"PYTHONPATH": code}
    return {name: value for name, value in told.items() if name not in NOT_HANDED_ON}


def _retrain(clone: _Clone) -> str:
    """Type the steps, each only where the one before ended well; return why one did not."""
    with (clone.folder / LOG).open("a", encoding="utf-8") as log:
        for step in STEPS:
            ended = clone.types(*step)
            log.writelines(f"{line}\n" for line in ended.lines)
            if ended.code:
                return dvc_repo.last_words(ended.lines)
    return ""


def _require(ended: Ended) -> None:
    """Raise `StageFailed` for a command that ended badly."""
    if ended.code:
        raise StageFailed(dvc_repo.last_words(ended.lines))
