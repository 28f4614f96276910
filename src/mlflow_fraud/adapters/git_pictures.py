"""Git: pictures on a branch without a history, from where a comment shows them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlflow_fraud.adapters.git_branch import fetched, must, push
from mlflow_fraud.core.errors import PublicationRefused

BRANCH = "review-pictures"
"""No file of the project is on it, and nothing on it is merged."""

_TRIES = 3


def keep_pictures(files: Sequence[Path], folder: str, *, token: str = "") -> str:
    """Let the branch have the files in `folder`, beside what it has; return the commit, one without a parent.

    Raises `PublicationRefused` where the remote does not take it.
    """
    for _ in range(_TRIES):
        there = fetched(BRANCH, token=token)
        commit = _commit(files, folder, there)
        if push(BRANCH, in_place_of=there or "", commit=commit, token=token) == "taken":
            return commit
    raise PublicationRefused(f"{BRANCH} of the git remote changed {_TRIES} times meanwhile; run again")


def _commit(files: Sequence[Path], folder: str, there: str | None) -> str:
    tree = _tree([("100644", "blob", must("hash-object", "-w", str(file)), file.name) for file in files])
    others = must("ls-tree", there).splitlines() if there else []
    lines = [line for line in others if line.partition("\t")[2] != folder]
    whole = must("mktree", told="\n".join([*lines, f"040000 tree {tree}\t{folder}"]) + "\n")
    return must("commit-tree", "-m", "Pictures of reviews", whole)


def _tree(entries: Sequence[tuple[str, str, str, str]]) -> str:
    return must("mktree", told="".join(f"{mode} {kind} {name}\t{file}\n" for mode, kind, name, file in entries))
