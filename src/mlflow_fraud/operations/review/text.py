"""The one comment of a pull request: the verdict first, then what it rests on, then where to look."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow_fraud.adapters import git_branch, git_repo
from mlflow_fraud.adapters.files import read_json
from mlflow_fraud.adapters.git_pictures import BRANCH, keep_pictures
from mlflow_fraud.adapters.mlflow_errors import shown
from mlflow_fraud.core.errors import FraudError
from mlflow_fraud.core.gate.findings import report_of
from mlflow_fraud.core.release.in_words import named
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.release.comparison import read_verdict
from mlflow_fraud.operations.reporting.summary import candidates_summary, team_summary, verdict_summary
from mlflow_fraud.operations.review.against_base import against_base
from mlflow_fraud.operations.review.data_change import data_change
from mlflow_fraud.operations.review.host import address, minutes, run_page
from mlflow_fraud.operations.review.pushed import is_pushed
from mlflow_fraud.paths import SHIPPED, VALIDATION_REPORT, VERDICT, model_folder
from mlflow_fraud.stages.logged import track

PICTURES = tuple(model_folder(SHIPPED) / f"{name}.png" for name in ("precision_recall", "reliability", "confusion"))


def review_text(
    base: str, *, log: Path | None = None, pictures: str = "", local: bool = False, branch: str = ""
) -> str:
    """Return how a pull request's retraining went against the live release and the commit `base`, in Markdown.

    Where it stopped, or where the pull request's `branch` is given and lacks what was made, the `log` says why. The
    curves are pushed to the folder `pictures` of a branch of their own, where one is given, or are shown from where
    they lie, `local`.
    """
    base = git_branch.at(base)
    report = report_of(read_json(VALIDATION_REPORT)) if VALIDATION_REPORT.is_file() else None
    if not VERDICT.is_file():
        gate = report.to_markdown() if report and not report.passed else ""
        return "\n".join(["## Retraining stopped before a verdict", "", gate, _errors(log), _links()])
    decision = read_verdict()
    parts = [
        *([_not_pushed(log)] if branch and not is_pushed(branch) else []),
        verdict_summary(),
        "",
        _gain(decision),
        "### Against the base branch",
        against_base(base),
        "### The data",
        data_change(base),
        report.to_markdown() if report else "",
        _pictures(pictures, local=local),
        "<details><summary>All candidates, and what they mean for the team</summary>",
        "",
        candidates_summary(),
        team_summary(),
        "</details>",
        "",
        _links(),
    ]
    return "\n".join(parts)


def _not_pushed(log: Path | None) -> str:
    """Return that the branch lacks what was made, and why."""
    return (
        "## What was made is not on the branch\n\n"
        "It was judged, and could not be pushed, so what is pinned here is not what was judged: its merge would "
        f"promote nothing. Once that is mended, retrain it again.\n\n{_errors(log)}\n"
    )


def _gain(decision: Mapping[str, Any]) -> str:
    """Return by how much the challenger is better than the live release, or that there is none."""
    if not decision["champion"]:
        return (
            "There is no live release to compare with, so these are its own figures, and floors and ceilings judge.\n"
        )
    if decision["champion"]["version"] == decision["challenger"]["version"]:
        return ""
    gain = decision["gain"]
    if not gain:
        return "How much better or worse it is than the live release could not be computed on these rows.\n"
    words = f"{gain['estimate']:+.4f}, interval {gain['lower']:+.4f} to {gain['upper']:+.4f}"
    return f"Against the live release, {named(decision['metric'])} on the same rows: {words}.\n"


def _errors(log: Path | None) -> str:
    """Return as a block the sentences with which a stage or else DVC stopped; their examples are masked already."""
    lines = log.read_text(encoding="utf-8").splitlines() if log and log.is_file() else []
    own, of_dvc = ([line for line in lines if line.startswith(word)] for word in ("error: ", "ERROR: "))
    return "".join(f"    {line}\n" for line in own or of_dvc)


def _pictures(folder: str, *, local: bool) -> str:
    """Return the curves as pictures that GitHub shows: a reader's own pass opens them, as it does the code."""
    files = [file for file in PICTURES if file.is_file()]
    if local:
        return " ".join(f"![{_words(file)}]({file.as_posix()})" for file in files) + "\n"
    if not files or not folder:
        return ""
    try:
        keep_pictures(files, folder, token=load_environment().github_token.get_secret_value())
    except FraudError as error:
        return f"The curves are in the report alone: {error}.\n"
    place, newest = f"{address()}/blob/{BRANCH}/{folder}", git_repo.head()[:12]
    return " ".join(f"![{_words(file)}]({place}/{file.name}?raw=true&at={newest})" for file in files) + "\n"


def _words(file: Path) -> str:
    return file.stem.replace("_", " ")


def _links() -> str:
    """Return of which commit it is, and where to look further."""
    run, judged = run_page(), f"commit {git_repo.head()[:12]}"
    found = [judged, f"[the run]({run})", f"[the report, artifact `decision`]({run}#artifacts)"] if run else []
    return " · ".join([*found, *_minutes(run), *_mlflow()]) + "\n"


def _minutes(run: str) -> list[str]:
    """Return how long the run took; nothing where there is none, or GitHub does not say."""
    if not run or not load_environment().github_token.get_secret_value():
        return []
    try:
        return [f"{minutes():.0f} minutes of one runner"]
    except FraudError:
        return []


def _mlflow() -> list[str]:
    """Return the link to the shipped model's run in MLflow, or to MLflow where it cannot be asked or nothing ships."""
    tracking = load_environment().tracking_uri
    if not tracking.startswith("http"):
        return []
    try:
        page = track(SHIPPED).page if VERDICT.is_file() else ""
    except FraudError:
        page = ""
    return [f"[its run in MLflow]({page})" if page else f"[MLflow]({shown(tracking)})"]
