"""The one comment of a pull request: the verdict first, then what it rests on, then where to look."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow_fraud.adapters import git_branch, git_repo
from mlflow_fraud.adapters.dvc_lock import locked_test
from mlflow_fraud.adapters.files import read_json
from mlflow_fraud.adapters.git_pictures import BRANCH, keep_pictures
from mlflow_fraud.adapters.mlflow_errors import shown
from mlflow_fraud.core.errors import FraudError
from mlflow_fraud.core.gate.findings import report_of
from mlflow_fraud.core.measuring.metrics import defined, told
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.release.comparison import read_verdict
from mlflow_fraud.operations.reporting.summary import COMPARED, candidates_summary, team_summary, verdict_summary
from mlflow_fraud.operations.review.data_change import data_change
from mlflow_fraud.operations.review.host import address, minutes, run_page
from mlflow_fraud.paths import LOCK, SHIPPED, VALIDATION_REPORT, VERDICT, model_folder

PICTURES = tuple(model_folder(SHIPPED) / f"{name}.png" for name in ("precision_recall", "reliability", "confusion"))
METRICS = model_folder(SHIPPED) / "metrics.json"


def review_text(base: str, *, log: Path | None = None, pictures: str = "", local: bool = False) -> str:
    """Return how a pull request's retraining went against the live release and the commit `base`, in Markdown.

    Where it stopped, the `log` of `dvc repro` says why. The curves are pushed to the folder `pictures` of a branch of
    their own, where one is given, or are shown from where they lie, `local`.
    """
    base = git_branch.at(base)
    report = report_of(read_json(VALIDATION_REPORT)) if VALIDATION_REPORT.is_file() else None
    if not VERDICT.is_file():
        gate = report.to_markdown() if report and not report.passed else ""
        stopped = "".join(f"    {line}\n" for line in _errors(log))
        return "\n".join(["## Retraining stopped before a verdict", "", gate, stopped, _links()])
    decision = read_verdict()
    parts = [
        verdict_summary(),
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
    return f"Against the live release, on the same rows: {words}.\n"


def against_base(base: str) -> str:
    """Return the shipped model's test metrics beside those that the commit `base` has, where it has any.

    Only numbers of one test period are subtracted: others are of other rows, and it says so.
    """
    old = git_branch.content_at(base, METRICS.as_posix())
    if old is None:
        return "The base branch has no trained model, so there is nothing to compare with.\n"
    before, now = json.loads(old), read_json(METRICS)
    if before == now:
        return f"The model is that of `{base[:12]}`: nothing that it depends on has changed.\n"
    lock = git_branch.content_at(base, LOCK.as_posix())
    same = lock is not None and locked_test(lock) == locked_test(LOCK.read_text(encoding="utf-8"))
    head = "| metric | base | here |" + (" difference |" if same else "")
    lines = [head, "| --- |" + " ---: |" * (3 if same else 2)]
    for metric in COMPARED:
        cells = [_with_interval(each, metric) for each in (before, now)]
        if same:
            cells.append(_difference(before["test"].get(metric), now["test"].get(metric)))
        lines.append(f"| {metric.replace('_', ' ')} | {' | '.join(cells)} |")
    said = (
        "On the same test rows. The intervals are each model's own; the one of a difference is that of the verdict."
        if same
        else "**The test periods differ**: the base's figures are of other rows, so no difference is formed. What is "
        "held against each other on the same rows is in the verdict."
    )
    return f"{said}\n\n" + "\n".join(lines) + "\n"


def _with_interval(metrics: Mapping[str, Any], metric: str) -> str:
    bounds = metrics.get("intervals", {}).get(metric)
    value = metrics["test"].get(metric)
    return told(value) + (f" ({bounds[0]:.3f} to {bounds[1]:.3f})" if bounds and defined(value) is not None else "")


def _difference(before: float | None, now: float | None) -> str:
    before, now = defined(before), defined(now)
    return told(None) if before is None or now is None else f"{now - before:+.4f}"


def _errors(log: Path | None) -> list[str]:
    """Return the sentences with which a stage or else DVC stopped; their examples are masked already."""
    lines = log.read_text(encoding="utf-8").splitlines() if log and log.is_file() else []
    own, of_dvc = ([line for line in lines if line.startswith(word)] for word in ("error: ", "ERROR: "))
    return own or of_dvc


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
    """Return where to look further."""
    run, tracking = run_page(), load_environment().tracking_uri
    found = [f"[the run]({run})", f"[the report, artifact `decision`]({run}#artifacts)"] if run else []
    found += [f"{minutes():.0f} minutes of one runner"] if run and load_environment().github_token else []
    found += [f"[MLflow]({shown(tracking)})"] if tracking.startswith("http") else []
    return " · ".join(found) + "\n"
