"""Pull requests that a merge has put into conflict: GitHub starts nothing there, so each says itself what to type."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from mlflow_fraud.adapters.github_comment import PullRequest, head_comment, headed, without_notice
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

    Its comment does, which the next retraining writes anew without it. What a worker asks for has none, so there the
    request's own text does, which the worker writes anew, or this does once it merges again. Returns what was told of
    which. Any other one was not retrained, or is a fork's: no run made what it is in conflict about.
    """
    told = list(_told(base, repository()))
    return told or [f"no retrained pull request is in conflict with {base}"]


def _told(base: str, on: Repository) -> Iterator[str]:
    for each in open_into(base, on):
        if not each.merges:
            if command := _warn(each, base, on):
                yield f"{each.number} is in conflict: {command}"
        elif (text := without_notice(each.text)) != each.text:
            write_text(each.number, text, on)
            yield f"{each.number} merges again"


def _warn(each: Candidate, base: str, on: Repository) -> str:
    """Put the notice where it is to stand; return what it says to type, or nothing where it stands nowhere."""
    command = f"gh workflow run retrain.yml --ref {quote(each.branch)} -f number={each.number} -f base={quote(base)}"
    notice = NOTICE.format(base=base, command=command)
    if head_comment(notice, PullRequest(on.name, each.number, on.token, on.api)):
        return command
    if each.is_own and each.branch == work_branch(base):
        write_text(each.number, headed(notice + OF_A_WORKER, each.text), on)
        return command
    return ""
