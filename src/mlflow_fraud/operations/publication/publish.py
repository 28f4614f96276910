"""What a retraining brought becomes a commit, and the remotes have it before anything goes live."""

from __future__ import annotations

import textwrap
from typing import NamedTuple

from mlflow_fraud.adapters import dvc_repo, git_branch, git_repo
from mlflow_fraud.core.errors import PublicationRefused, StageFailed
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.publication.closed import closed_with
from mlflow_fraud.operations.publication.newest import PLACES
from mlflow_fraud.operations.publication.request import ask_for_merge, open_for, work_branch
from mlflow_fraud.operations.release.comparison import Comparison, read_comparison
from mlflow_fraud.operations.reporting.summary import retraining_summary
from mlflow_fraud.stages.run import say

WIDTH = 72
"""Characters of a commit's first line, as git shows it everywhere."""


class Published(NamedTuple):
    """Whether the verdict may be carried out now, where a merge is asked for, if it is, and what is to be said.

    `overtaken` is true where somebody else's commit came first: then nothing was pushed, and the run begins again.
    """

    goes_live: bool
    asked_for: str
    overtaken: bool
    said: str


def publish(reason: str) -> Published:
    """Commit what the run brought, push its data, then the commit; at a desk it stays a change in the working tree.

    Safe to repeat, and to be killed in: a commit that was not pushed is pushed by the next run. Raises
    `PublicationRefused` where a remote does not take it.
    """
    way = load_environment().publish
    if way == "desk":
        return Published(True, "", False, "what was made stays a change in the working tree")
    comparison = read_comparison()
    if git_branch.changed(PLACES):
        git_branch.commit(git_branch.changed(PLACES), _message(comparison, reason))
        say(f"committed: {git_repo.head()[:12]}")
    return _to_branch() if way == "branch" else _to_request(comparison, reason)


def _to_branch() -> Published:
    branch, ours = load_environment().branch, git_repo.head()
    if git_branch.fetched(branch) == ours:
        return Published(True, "", False, f"{branch} has it: {ours[:12]}")
    _push_data()
    if git_branch.push(branch) == "overtaken":
        return _overtaken(branch)
    return Published(True, "", False, f"pushed to {branch}: {ours[:12]}")


def _to_request(comparison: Comparison, reason: str) -> Published:
    base, ours = git_branch.fetched(load_environment().branch), git_repo.head()
    if base is None or not git_branch.is_ancestor(base, ours):
        return _overtaken(load_environment().branch)
    if base == ours:
        return Published(False, "", False, "nothing was brought that a merge could take")
    if (closed := closed_with(ours)) is not None:
        return Published(False, "", False, f"{closed.address} was closed, and nothing new was brought: it stays so")
    seen, there = git_branch.last_fetched(work_branch()), git_branch.fetched(work_branch())
    if there != ours:
        if there != seen and open_for(work_branch()):  # a person's, or another run's: to be gone on from
            return _overtaken(work_branch())
        _push_data()
        if git_branch.push(work_branch(), in_place_of=there or "") == "overtaken":
            return _overtaken(work_branch())
    address = ask_for_merge(_title(reason), retraining_summary(base))
    stays = "its merge promotes" if comparison.verdict.promote else "the verdict is no: its merge changes no model"
    return Published(False, address, False, f"asked for a merge at {address}; {stays}")


def _overtaken(branch: str) -> Published:
    return Published(False, "", True, f"somebody else's commit came first on {branch}")


def _push_data() -> None:
    try:
        dvc_repo.push(say)
    except StageFailed as error:
        raise PublicationRefused(f"{error}; nothing goes live, and the next run pushes it") from error


def _title(reason: str) -> str:
    """Return the first line: why was trained.

    >>> _title("f1 below\\n 0.8")
    'Retraining: f1 below 0.8'
    """
    return textwrap.shorten(f"Retraining: {reason}", WIDTH, placeholder=" …")


def _message(comparison: Comparison, reason: str) -> str:
    verdict, version = comparison.verdict, comparison.challenger.version
    against = comparison.against or "nothing"
    said = f"{version} {'goes live' if verdict.promote else 'stays out'}, held against {against}."
    lines = [*textwrap.wrap(said, WIDTH), *(f"- {each}" for each in verdict.reasons)]
    return "\n".join([_title(reason), "", *lines, "", f"Asked-by: {' '.join(reason.split())}", f"Release: {version}"])
