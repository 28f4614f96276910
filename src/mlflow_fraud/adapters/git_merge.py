"""Git: a branch and its base become one tree, in which no file that runs make is merged as text."""

from __future__ import annotations

from collections.abc import Sequence

from mlflow_fraud.adapters.git_branch import common, content_at, differing, is_ancestor, must, refused, under_a_name
from mlflow_fraud.adapters.git_repo import head, run
from mlflow_fraud.core.counted import listed
from mlflow_fraud.core.errors import PublicationRefused

CONFLICTS = 1  # what `git merge` ends with where files are left to be merged; more is a merge that was not begun


def merge(base: str, made: Sequence[str], message: str) -> bool:
    """Merge the commit `base` into the one checked out; return whether there was anything to merge.

    A file below `made` that both have changed is the base's, since runs make it anew. Raises `PublicationRefused`, and
    leaves everything as it was, where both have changed another file in the same place, or git does not begin to merge.
    """
    if is_ancestor(base, head()):
        return False
    since, ours = common(head(), base), head()
    if since is None:
        raise PublicationRefused(f"the branch and {base[:12]} have no commit in common; begin the branch at the base")
    twice = set(differing(since, ours, made)) & set(differing(since, base, made))
    ended = under_a_name("merge", "--no-commit", "--no-ff", "--quiet", base)
    if ended.returncode > CONFLICTS:
        raise refused("merge", ended)
    for path in sorted(twice):
        _take(base, path)
    both = _unmerged()
    if both or (ended.returncode and not twice):
        run("merge", "--abort")
        raise PublicationRefused(
            f"the branch and its base {base[:12]} both change {listed(both) or 'the same files'}, which no run makes; "
            "merge the base into the branch, and push"
        )
    must("commit", "--quiet", "--message", message)
    return True


def foreign_to(commit: str, made: Sequence[str]) -> list[str]:
    """Return the files beside those below `made` that a commit brings of its own.

    Of a merge that is what differs from what git itself makes of its two parents, marks of conflicts included.
    """
    parents = must("rev-list", "--parents", "--max-count=1", commit).split()[1:]
    if len(parents) > 2 or not parents:
        return ["a commit that is no change of one tree"]
    tree = parents[0]
    if len(parents) == 2:
        tree = run("merge-tree", "--write-tree", *parents).stdout.split("\n", 1)[0].strip()
    ours = set(differing(tree, commit, list(made)))
    return [path for path in differing(tree, commit, ["."]) if path not in ours]


def _take(base: str, path: str) -> None:
    if content_at(base, path) is None:
        must("rm", "--quiet", "--force", "--", path)
    else:
        must("checkout", "--quiet", base, "--", path)


def _unmerged() -> list[str]:
    said = must("diff", "--name-only", "--diff-filter=U", "-z")
    return [name for name in said.split("\0") if name]
