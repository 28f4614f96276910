"""What the pull request's newest commit is told: the verdict as a check, the result of its tests as a status."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mlflow_fraud.adapters import git_branch, git_repo
from mlflow_fraud.adapters.github_checks import Check, Conclusion, State, tell_check, tell_status
from mlflow_fraud.adapters.report import headline
from mlflow_fraud.core.counted import listed
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.release.compare import ALREADY_LIVE
from mlflow_fraud.operations.release.comparison import read_verdict
from mlflow_fraud.operations.reporting.summary import verdict_summary
from mlflow_fraud.operations.review.host import repository
from mlflow_fraud.operations.review.merged import foreign
from mlflow_fraud.operations.review.pushed import TESTS_STATUS, is_pushed
from mlflow_fraud.paths import VERDICT

VERDICT_CHECK = "champion/challenger"
SAYS_WHY = "The comment and the run say why."


def tell_verdict(branch: str) -> str:
    """Let the newest commit of the pull request's `branch` have the verdict as a check; return how it ended.

    A retraining that stopped before a verdict is a failure, and so is one of which the branch lacks what was made: its
    merge would promote nothing. A commit that is not in what was judged is told nothing: somebody pushed it meanwhile.
    """
    newest = git_branch.at(f"{git_branch.REMOTE}/{branch}")
    if not git_branch.is_ancestor(newest, git_repo.head()):
        return (
            f"no check: {branch} has gone on meanwhile, and {newest[:12]}, which was not judged, has a run of its own"
        )
    if not VERDICT.is_file():
        check = Check(VERDICT_CHECK, "failure", "stopped before a verdict", SAYS_WHY)
    elif not is_pushed(branch):
        check = Check(VERDICT_CHECK, "failure", "judged, but what was made is not on the branch", SAYS_WHY)
    else:
        decision = read_verdict()
        ended = conclusion_of(decision, no=load_environment().verdict_no)
        check = Check(VERDICT_CHECK, ended, headline(decision), verdict_summary())
    tell_check(check, newest, repository())
    return f"{check.name}: {check.conclusion}, {check.title}"


def conclusion_of(decision: Mapping[str, Any], *, no: Conclusion = "failure") -> Conclusion:
    """Return how the check of a verdict ends; `no` is what it is where the challenger may not go live.

    Where nothing is live there was nothing to lose against.

    >>> no = {"promote": False, "against": ["f1 -0.1"]}
    >>> conclusion_of({"verdict": no, "against": "xgboost-1"})
    'failure'
    >>> conclusion_of({"verdict": no, "against": "xgboost-1"}, no="neutral")
    'neutral'
    >>> conclusion_of({"verdict": no, "against": None})
    'neutral'
    """
    if decision["verdict"]["promote"] or list(decision["verdict"]["against"]) == [ALREADY_LIVE]:
        return "success"
    return no if decision["against"] else "neutral"


def mirror(results: str) -> str:
    """Let the commit checked out have the result of its tests as a status; return what it was.

    `results` is what GitHub's `toJSON(needs)` gives. A commit that changes anything beside what runs make is told
    nothing, since its own checks have to run: anyone may start the tests by hand, on any branch.
    """
    if others := foreign():
        return (
            f"no status: {git_repo.head()[:12]} changes {listed(others)}, and only a commit of what runs make has its "
            "result told so; of any other one the checks count that a push or a pull request starts"
        )
    state, said = state_of(results)
    tell_status(TESTS_STATUS, state, said, git_repo.head(), repository())
    return f"{TESTS_STATUS}: {state}, {said}"


def state_of(results: str) -> tuple[State, str]:
    """Return success only where every job that was to run ended well, and which did not.

    >>> state_of('{"lint": {"result": "success"}, "slow": {"result": "cancelled"}}')
    ('failure', 'slow: cancelled')
    >>> state_of('{"lint": {"result": "success"}}')
    ('success', 'lint')
    >>> state_of("{}")
    ('failure', 'no job ran')
    """
    jobs = {name: str(job.get("result")) for name, job in json.loads(results).items()}
    failed = [f"{name}: {result}" for name, result in jobs.items() if result not in {"success", "skipped"}]
    passed = [name for name, result in jobs.items() if result == "success"]
    if failed or not passed:
        return "failure", ", ".join(failed) or "no job ran"
    return "success", ", ".join(passed)
