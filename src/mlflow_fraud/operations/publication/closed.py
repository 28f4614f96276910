"""A pull request that a person closed is a no, until a run brings something that it did not have."""

from __future__ import annotations

from mlflow_fraud.adapters import git_branch
from mlflow_fraud.adapters.github_request import Closed
from mlflow_fraud.operations.publication.request import closed_for, work_branch
from mlflow_fraud.paths import LOCK, RAW

PINS = (RAW.as_posix(), LOCK.as_posix())
"""What tells two requests apart: which rows, and what is made from them."""


def closed_with(ours: str) -> Closed | None:
    """Return the closed request that had all that the commit `ours` has, None where there is none.

    One whose commit nobody has any more is no longer known.
    """
    found = _closed_here()
    return None if found is None or git_branch.differing(found.commit, ours, PINS) else found


def goes_on_from_closed(ours: str) -> bool:
    """Return whether the commit `ours` has what a closed request had, so that a person has said no to it."""
    found = _closed_here()
    if found is None:
        return False
    return git_branch.is_ancestor(found.commit, ours) or not git_branch.differing(found.commit, ours, PINS)


def _closed_here() -> Closed | None:
    found = closed_for(work_branch())
    return found if found is not None and git_branch.has_request(found.commit, found.number) else None
