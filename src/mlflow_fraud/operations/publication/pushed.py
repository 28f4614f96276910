"""Whether the commit that a release would name is where everybody has it."""

from __future__ import annotations

from mlflow_fraud.adapters import git_branch, git_repo
from mlflow_fraud.core.errors import PublicationRefused
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.publication.newest import PLACES


def require_published() -> None:
    """Raise `PublicationRefused` unless the commit that a release would name is where everybody has it."""
    environment = load_environment()
    if environment.publish == "desk":
        return
    if environment.publish == "pull-request":
        raise PublicationRefused("FRAUD_PUBLISH is pull-request: the merge promotes, nothing goes live from here")
    there, dirty = git_branch.fetched(environment.branch), git_branch.changed(PLACES)
    if there is None or dirty or not git_branch.is_ancestor(git_repo.head(), there):
        raise PublicationRefused(
            f"the commit that the release would name is not in {environment.branch} of the remote, so nothing goes "
            "live; a retraining pushes it first"
        )
