"""Pull requests that a merge has put into conflict: GitHub starts nothing there, so each says itself what to type."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from mlflow_fraud.adapters.github_comment import (
    PullRequest,
    has_notice,
    head_comment,
    headed,
    keep_without_notice,
    without_notice,
)
from mlflow_fraud.adapters.github_request import Candidate, Repository, open_into, write_text
from mlflow_fraud.operations.publication.request import work_branch
from mlflow_fraud.operations.review.host import repository

NOTICE = """\
> [!WARNING]
> **In conflict with `{base}`**, so GitHub starts nothing here, and what stands below was judged without what
> `{base}` has by now. Its retraining takes that in and makes `dvc.lock` and metrics anew; another file that both change
> is yours to merge. It is started by hand, on the page Actions, retrain, Run workflow, or so:
>
> ```sh
> {command}
> ```
"""

OF_A_WORKER = """\
>
> The next retraining of the worker that keeps this request does so by itself.
"""


def tell_conflicts(base: str) -> list[str]:
    """Let every retrained pull request in conflict with the branch `base` begin with what to type.

    Its comment does, and where it has none, as of what a worker asks for, the request's own text. The next retraining
    writes both anew, and here the notice goes of one that merges again. Returns what was told of which. Any other one
    was not retrained, or is a fork's: no run made what it is in conflict about.
    """
    told = list(_told(base, repository()))
    return told or [f"no retrained pull request is in conflict with {base}"]


def _told(base: str, on: Repository) -> Iterator[str]:
    for each in open_into(base, on):
        if not each.merges:
            if command := _warn(each, base, on):
                yield f"{each.number} is in conflict: {command}"
        elif _take_back(each, base, on):
            yield f"{each.number} merges again"


def _warn(each: Candidate, base: str, on: Repository) -> str:
    """Put the notice where it is to stand; return what it says to type, or nothing where it stands nowhere."""
    command = f"gh workflow run retrain.yml --ref {quote(each.branch)} -f number={each.number} -f base={quote(base)}"
    notice = NOTICE.format(base=base, command=command)
    if head_comment(notice, _place(each, on)):
        return command
    if _is_kept_by_a_worker(each, base):
        write_text(each.number, headed(notice + OF_A_WORKER, each.text), on)
        return command
    return ""


def _take_back(each: Candidate, base: str, on: Repository) -> bool:
    """Take the notice away from where it stands; return whether there was one."""
    in_text = _is_kept_by_a_worker(each, base) and has_notice(each.text)
    if in_text:
        write_text(each.number, without_notice(each.text), on)
    return keep_without_notice(_place(each, on)) or in_text


def _is_kept_by_a_worker(each: Candidate, base: str) -> bool:
    return each.is_own and each.branch == work_branch(base)


def _place(each: Candidate, on: Repository) -> PullRequest:
    return PullRequest(on.name, each.number, on.token, on.api)
