"""What a review made is committed and pushed to the pull request's branch, and its checks run there."""

from __future__ import annotations

from mlflow_fraud.adapters import dvc_repo, git_branch, git_repo
from mlflow_fraud.adapters.github_checks import has_status, start_workflow
from mlflow_fraud.core.errors import PublicationRefused
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.publication.newest import PLACES
from mlflow_fraud.operations.review.host import repository
from mlflow_fraud.operations.review.merged import foreign
from mlflow_fraud.stages.run import say

TESTS = "ci.yml"
"""The workflow that is started on the new commit: one that a workflow pushes starts none by itself."""

TESTS_STATUS = "ci"
"""As the last job of `ci.yml` is called, which a branch's protection names. Where a commit has both, both must pass."""


def is_pushed(branch: str) -> bool:
    """Return whether the pull request's `branch` has all that was made here, as it was last seen."""
    return git_branch.at(f"{git_branch.REMOTE}/{branch}") == git_repo.head() and not git_branch.changed(PLACES)


def push_made(branch: str) -> bool:
    """Commit what was made, push its data and then the commit to `branch`; return whether there was anything to push.

    The tests of `ci.yml` are started on it, also where a run before this one had pushed it and came no further. Raises
    `PublicationRefused` where the branch has gone on meanwhile: the run for its newest commit does it all again.
    """
    token = load_environment().github_token.get_secret_value()
    there = git_branch.fetched(branch, token=token)
    if changed := git_branch.changed(PLACES):
        git_branch.commit(changed, "Retrain: pin what the change makes\n")
    if dvc_repo.has_remote():
        dvc_repo.push(say)
    if there == git_repo.head():
        say("dvc.lock already names what was made")
        if _waits_for_tests():
            start_workflow(TESTS, branch, repository())
            say(f"started {TESTS} on it, of which it has no result")
        return False
    if there is None or git_branch.push(branch, token=token) == "overtaken":
        raise PublicationRefused(
            f"{branch} has gone on meanwhile, so nothing was pushed; its newest commit has a run of its own"
        )
    say(f"pushed to {branch}: {git_repo.head()[:12]}")
    start_workflow(TESTS, branch, repository())
    return True


def _waits_for_tests() -> bool:
    """Return whether the commit here is of a run before this one and was not told how its tests ended."""
    return (
        git_branch.is_of_this_name() and not foreign() and not has_status(TESTS_STATUS, git_repo.head(), repository())
    )
