"""A pull request's branch takes its base in, so that what is trained and judged is what the merge would be."""

from __future__ import annotations

from pathlib import Path

from mlflow_fraud.adapters import dvc_repo, git_branch, git_repo
from mlflow_fraud.adapters.git_merge import foreign_to, merge
from mlflow_fraud.operations.publication.newest import is_collected_again, pointers
from mlflow_fraud.paths import DECISION, LOCK, MODELS, POINTER
from mlflow_fraud.stages.run import say

MADE = tuple(place.as_posix() for place in (LOCK, MODELS, DECISION))
"""What a review makes: `dvc.lock`, metrics, decisions."""


def foreign() -> list[str]:
    """Return the files that the commit checked out brings of its own and no review does.

    A pointer that it takes out is no such file where its days are in another one, as `take_base_in` has it.
    """
    others = list(pointers())
    return [
        path
        for path in foreign_to(git_repo.head(), MADE)
        if Path(path).exists() or not path.endswith(POINTER) or not is_collected_again(path, others)
    ]


def take_base_in(base: str) -> None:
    """Merge the commit `base` into the branch checked out and let its files lie here.

    `dvc.lock` and metrics that both changed are the base's, as `publication` has it between two runs, and days of the
    record that both collected go, too: the stages that run next make all anew. Raises `PublicationRefused` where both
    have changed another file in the same place.
    """
    base, before = git_branch.at(base), pointers()
    if not merge(base, MADE, f"Merge the base, {base[:12]}\n\nWhat runs make of it is made anew.\n"):
        say(f"the branch has all of its base, {base[:12]}")
        return
    theirs = [*(pointers().keys() - before.keys())]
    for path in [path for path in before if Path(path).is_file() and is_collected_again(path, theirs)]:
        Path(path).unlink()
        Path(path.removesuffix(POINTER)).unlink(missing_ok=True)
        say(f"{path.removesuffix(POINTER)}: its days are in what the base collected, so this one goes")
    dvc_repo.bring(say)
    say(f"took the base in, {base[:12]}: what runs made of it is made anew")
