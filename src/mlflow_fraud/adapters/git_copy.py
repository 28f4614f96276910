"""Git: a clone of this folder as it lies here, to try something in that leaves nothing behind."""

from __future__ import annotations

import shutil
from contextlib import chdir
from pathlib import Path

from mlflow_fraud.adapters.git_branch import REMOTE, changed, must
from mlflow_fraud.adapters.git_repo import commit_of, head, run
from mlflow_fraud.core.errors import SettingsError


def base_commit(name: str) -> str:
    """Return the commit of the branch that a change is to be merged into: as the remote had it last, else as it is.

    Raises `SettingsError` where there is none.
    """
    commit = commit_of(f"{REMOTE}/{name}") or commit_of(name)
    if commit is None:
        raise SettingsError(
            f"there is no branch {name!r} to be merged into, neither here nor as {REMOTE}/{name}; name another one "
            f"(`make pr-preview BASE=<branch>`), or fetch it: `git fetch {REMOTE} {name}`"
        )
    return commit


def copy_as_it_lies(folder: Path, base: str, name: str) -> str:
    """Make `folder` a clone at the commit checked out, and on it, as a commit, what is changed here and in none.

    Return how the commit `base` is called there: as the remote's branch `name`, or by its hash where `name` is none of
    a branch. What git ignores is not copied; objects are not either, so the clone is of use only while this repository
    is there.
    """
    here, commit, loose = Path.cwd(), head(), changed(["."])
    branch = name if not run("check-ref-format", "--branch", name).returncode else base[:12]
    must("clone", "--quiet", "--shared", "--no-checkout", str(here), str(folder))
    with chdir(folder):
        for each in (commit, base):
            if commit_of(each) is None:  # a shallow clone shares nothing
                must("fetch", "--quiet", REMOTE, each)
        must("checkout", "--quiet", "--detach", commit)
        must("update-ref", f"refs/remotes/{REMOTE}/{branch}", base)
        for path in loose:
            _lay(here / path, Path(path))
        if loose:
            must("add", "--all")
            must("commit", "--quiet", "--allow-empty", "--message", "What is in no commit yet")
    return f"{REMOTE}/{branch}"


def _lay(source: Path, target: Path) -> None:
    if source.is_symlink() or source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)
    elif not source.exists():
        target.unlink(missing_ok=True)
