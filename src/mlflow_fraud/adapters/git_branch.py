"""Git: what a run made becomes a commit, and a branch of the remote takes it or is found further on."""

from __future__ import annotations

import base64
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from mlflow_fraud.adapters.git_repo import commit_of, run
from mlflow_fraud.core.errors import PublicationRefused, SettingsError

Pushed = Literal["taken", "overtaken"]

REMOTE = "origin"
NAME = "mlflow-fraud"
EMAIL = "mlflow-fraud@localhost"
"""Who commits where nobody told git a name: a worker has none."""

_ABSENT = 2  # what `git ls-remote --exit-code` ends with where there is no such branch
_OVERTAKEN = re.compile(
    r"\[rejected\]|\(fetch first\)|non-fast-forward|stale info|cannot lock ref|failed to update ref"
)
_WORKFLOW_FILE = re.compile(r"refusing to allow .* to create or update workflow")  # as GitHub says it


def require_remote() -> None:
    """Raise `SettingsError` where this clone has no remote to push to."""
    if not address():
        raise SettingsError(
            f"this clone has no git remote `{REMOTE}`, and FRAUD_PUBLISH says that what a run makes is pushed; "
            f"`git remote add {REMOTE} <address>`, or set FRAUD_PUBLISH=desk"
        )


def address() -> str:
    """Return the remote's address, empty where there is none; there may be a password in it."""
    return _ask("remote", "get-url", REMOTE)


def require_branch_name(name: str) -> None:
    """Raise `SettingsError` for what git does not take as the name of a branch."""
    if run("check-ref-format", f"refs/heads/{name}").returncode:
        raise SettingsError(f"FRAUD_BRANCH is {name!r}, and git takes no branch of that name; expected one like main")


def clone(address: str, folder: Path, branch: str) -> None:
    """Clone a repository into `folder`, its `branch` checked out, or what it has itself where it has none so called."""
    for choice in ((f"--branch={branch}",), ()):
        ended = run("clone", "--quiet", *choice, address, str(folder))
        if not ended.returncode:
            return
    raise PublicationRefused(f"git clone ended with: {_said(ended.stderr)}")


def point_to(address: str) -> None:
    """Let the remote be at this address."""
    must("remote", "set-url", REMOTE, address)


def fetched(branch: str, *, token: str = "") -> str | None:
    """Return the commit that the remote's branch is at, fetched; None where it has no such branch.

    A `token` of GitHub's lets it where git has no password of its own.
    """
    place, way = f"refs/heads/{branch}", _let_in(token)
    asked = run("ls-remote", "--exit-code", REMOTE, place, **way)
    if asked.returncode == _ABSENT:
        return None
    if not asked.returncode:
        asked = run("fetch", "--quiet", REMOTE, f"+{place}:refs/remotes/{REMOTE}/{branch}", **way)
    if asked.returncode:
        raise PublicationRefused(f"the git remote {REMOTE} is not reached ({_said(asked.stderr)}); run again later")
    return must("rev-parse", f"refs/remotes/{REMOTE}/{branch}")


def last_fetched(branch: str) -> str | None:
    """Return the commit that the remote's branch was at when it was last fetched; None where it never was."""
    return commit_of(f"refs/remotes/{REMOTE}/{branch}")


def changed(paths: Sequence[str]) -> list[str]:
    """Return the files below `paths` that differ from the commit checked out, new ones included."""
    said = must("status", "--porcelain", "-z", "--untracked-files=all", "--no-renames", "--", *paths)
    return sorted(entry[3:] for entry in said.split("\0") if entry)


def changed_since(known: Sequence[str]) -> list[str]:
    """Return the files that commits here change which are in the history of none of the `known` ones."""
    said = must("log", "--name-only", "--format=", "-z", "--no-renames", "HEAD", "--not", *known)
    return sorted({name.strip() for name in said.split("\0") if name.strip()})


def differing(one: str, other: str, paths: Sequence[str]) -> list[str]:
    """Return the files below `paths` in which two commits differ."""
    said = must("diff", "--name-only", "-z", "--no-renames", one, other, "--", *paths)
    return [name for name in said.split("\0") if name]


def has_request(commit: str, number: int) -> bool:
    """Return whether the commit of a pull request of GitHub's is here, fetched where its branch is gone already."""
    if run("cat-file", "-e", f"{commit}^{{commit}}").returncode:
        run("fetch", "--quiet", REMOTE, f"refs/pull/{number}/head")
    return not run("cat-file", "-e", f"{commit}^{{commit}}").returncode


def content_at(commit: str, path: str) -> str | None:
    """Return a file as a commit has it, None where it is not in it."""
    ended = run("show", f"{commit}:{path}")
    return None if ended.returncode else ended.stdout


def is_ancestor(earlier: str, later: str) -> bool:
    """Return whether a commit is in the history of another one, or that one itself."""
    return not run("merge-base", "--is-ancestor", earlier, later).returncode


def at(revision: str) -> str:
    """Return the commit that a branch or another name says, as this clone knows it; raise `SettingsError` for none."""
    commit = commit_of(revision)
    if commit is None:
        raise SettingsError(
            f"git knows no commit {revision!r} in this clone; `git fetch {REMOTE}` brings the branches of the remote, "
            f"and one of those is called {REMOTE}/<branch>"
        )
    return commit


def common(one: str, other: str) -> str | None:
    """Return the newest commit that is in the history of both."""
    return _ask("merge-base", one, other) or None


def commit(paths: Sequence[str], message: str) -> None:
    """Commit the files at `paths` as they lie here, gone ones included, and nothing else."""
    must("add", "--all", "--", *paths)
    must("commit", "--quiet", "--message", message, "--", *paths)


def is_of_this_name() -> bool:
    """Return whether the commit checked out was made under the name that git has here."""
    name, *_ = _ask("var", "GIT_COMMITTER_IDENT").rsplit(" ", 2)  # a time and its zone follow
    return name == must("log", "-1", "--format=%cn <%ce>")


def take_tree(commit: str) -> None:
    """Let files that git keeps and the branch checked out be as in `commit`; what git does not keep stays."""
    must("reset", "--hard", "--quiet", commit)


def push(branch: str, *, in_place_of: str | None = None, commit: str = "HEAD", token: str = "") -> Pushed:
    """Let the remote's branch take a commit, the one checked out; "overtaken" where somebody else was there meanwhile.

    A branch of a run's own may be written over: only if it is still at the commit `in_place_of`, empty where it is not
    there. A `token` of GitHub's lets it where git has no password of its own. Raises `PublicationRefused` where the
    remote refuses it, or is not reached.
    """
    lease = [] if in_place_of is None else [f"--force-with-lease=refs/heads/{branch}:{in_place_of}"]
    ended = run("push", "--porcelain", *lease, REMOTE, f"{commit}:refs/heads/{branch}", **_let_in(token))
    if not ended.returncode:
        return "taken"
    said = f"{ended.stdout}\n{ended.stderr}"
    if _OVERTAKEN.search(said):
        return "overtaken"
    mend = (
        "it brings a changed workflow file, which GitHub lets no workflow push: merge the base into the branch and "
        "push that yourself"
        if _WORKFLOW_FILE.search(said)
        else "let this machine write to the branch, or set FRAUD_PUBLISH=pull-request"
    )
    raise PublicationRefused(
        f"git push to {branch} of {REMOTE} was refused ({_said(said)}); nothing goes live. The commit is here and is "
        f"pushed by the next run: {mend}"
    )


def _said(text: str) -> str:
    """Return the line that says why, without an address, as there may be a password in it.

    >>> _said("To https://bot:secret@git.example/x\\n! [remote rejected] HEAD -> main (hook declined)\\nerror: failed")
    '! [remote rejected] HEAD -> main (hook declined)'
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if "rejected" in line or line.startswith(("remote: error", "fatal: "))]
    found = (telling or lines or ["it said nothing"])[0]
    return re.sub(r"\w+://[^\s'/@]*@", "…@", " ".join(found.split())).rstrip(".")


def must(*words: str, told: str | None = None) -> str:
    """Return what git, `told` a text, says to a command that has to end well."""
    ended = under_a_name(*words, told=told)
    if ended.returncode:
        raise refused(words[0], ended)
    return ended.stdout.rstrip("\n")


def under_a_name(*words: str, told: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run git and return how it ended; what makes a commit has our name where git was told none."""
    return run(*_who(words[0]), *words, told=told)


def refused(word: str, ended: subprocess.CompletedProcess[str]) -> PublicationRefused:
    """Return the error for a command of git's that ended badly, with its own words."""
    return PublicationRefused(f"git {word} ended with: {_said(ended.stderr or ended.stdout)}")


def _who(word: str) -> tuple[str, ...]:
    """Return the name under which a commit is made, where git was told none; a merge asks for one before its commit."""
    if (
        word not in {"commit", "commit-tree", "merge"}
        or not run("-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT").returncode
    ):
        return ()
    return ("-c", f"user.name={NAME}", "-c", f"user.email={EMAIL}")


def _let_in(token: str) -> dict[str, str]:
    """Return the variables that give git the token, which no list of processes shows."""
    if not token:
        return {}
    key = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    header = {"GIT_CONFIG_KEY_0": "http.extraheader", "GIT_CONFIG_VALUE_0": f"Authorization: Basic {key}"}
    return {"GIT_CONFIG_COUNT": "1", **header}


def _ask(*words: str) -> str:
    ended = run(*words)
    return "" if ended.returncode else ended.stdout.strip()
