"""Pull requests that a merge has put into conflict: GitHub starts nothing there, so their comment says what to type."""

from __future__ import annotations

from shlex import quote

from mlflow_fraud.adapters.github_comment import PullRequest, head_comment
from mlflow_fraud.adapters.github_request import in_conflict
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


def tell_conflicts(base: str) -> list[str]:
    """Let the comment of every retrained pull request in conflict with the branch `base` begin with what to type.

    The next retraining writes the comment anew, without it. Returns what was told of which. One that has no comment was
    not retrained, or is a fork's: no run made what it is in conflict about.
    """
    on, told = repository(), []
    for number, branch in in_conflict(base, on):
        command = f"gh workflow run retrain.yml --ref {quote(branch)} -f number={number} -f base={quote(base)}"
        if head_comment(NOTICE.format(base=base, command=command), PullRequest(on.name, number, on.token, on.api)):
            told.append(f"{number} is in conflict: {command}")
    return told or [f"no retrained pull request is in conflict with {base}"]
