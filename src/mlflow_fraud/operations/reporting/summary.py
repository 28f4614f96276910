"""What happened, as Markdown: for a Prefect artifact, a pull request and the terminal."""

from __future__ import annotations

from mlflow_fraud.adapters.dvc_repo import metrics_since
from mlflow_fraud.adapters.files import read_json
from mlflow_fraud.adapters.report import (
    TEAM,
    asked,
    budget_line,
    cutoffs_line,
    guardrail_lines,
    headline,
    markdown_table,
)
from mlflow_fraud.adapters.watch_page import markdown_of
from mlflow_fraud.core.gate.findings import report_of
from mlflow_fraud.core.learning.candidates import CANDIDATES
from mlflow_fraud.core.measuring.metrics import defined, told
from mlflow_fraud.operations.monitoring.kept import read_windows
from mlflow_fraud.operations.monitoring.watch import Seen
from mlflow_fraud.operations.release.comparison import read_verdict
from mlflow_fraud.paths import VALIDATION_REPORT, VERDICT, model_folder
from mlflow_fraud.stages.trained import read_trained

COMPARED = ("f1", "precision", "recall", "average_precision")


def validation_summary() -> str:
    """Return the rules of the last validation and what they found; empty when none was run."""
    if not VALIDATION_REPORT.is_file():
        return ""
    report = report_of(read_json(VALIDATION_REPORT))
    lines = ["| rule | holds | how many do not |", "| --- | --- | ---: |"]
    lines += [f"| {f.rule} | {'yes' if f.holds else '**no**'} | {f.unexpected} |" for f in report.findings]
    return report.to_markdown() + "\n" + "\n".join(lines) + "\n"


def retraining_summary(since: str = "") -> str:
    """Return how the last retraining went: the data, the verdict, the candidates and what changed since a revision.

    Without a verdict it says so, and shows only what the run that stopped has found: metrics, and a report that
    passed, are then those of an earlier one.
    """
    report = report_of(read_json(VALIDATION_REPORT)) if VALIDATION_REPORT.is_file() else None
    if not VERDICT.is_file():
        return "## Retraining stopped before a verdict\n" + (
            "" if report is None or report.passed else report.to_markdown()
        )
    parts = [
        "## Retraining",
        report.to_markdown() if report else "",
        verdict_summary(),
        "### All candidates, test period",
        candidates_summary(),
        "### What they mean for the team",
        team_summary(),
    ]
    if since:
        parts.append(_changes(since))
    return "\n".join(parts)


def candidates_summary() -> str:
    """Return the candidates' test metrics at the threshold chosen on validation, with their intervals."""
    assessed = {name: read_trained(name).assessment for name in CANDIDATES}
    return markdown_table(
        {name: assessment.test for name, assessment in assessed.items()},
        intervals={name: assessment.intervals for name, assessment in assessed.items()},
    )


def team_summary() -> str:
    """Return what the candidates mean for those who look into alerts, and how many alerts the budget is."""
    assessed = {name: read_trained(name).assessment for name in CANDIDATES}
    table = markdown_table({name: assessment.test for name, assessment in assessed.items()}, columns=TEAM)
    budgets = dict.fromkeys(str(assessment.budget) for assessment in assessed.values())
    return f"{table}\n{budget_line('; '.join(budgets))}\n"


def verdict_summary() -> str:
    """Return the verdict, its reasons, and both contestants on the same rows."""
    decision = read_verdict()
    contestants = {
        f"{role} `{decision[role]['version']}`": decision[role]["metrics"]
        for role in ("challenger", "champion")
        if decision[role]
    }
    reasons = "".join(f"- {reason}\n" for reason in decision["reasons"])
    table = markdown_table(contestants, first="")
    guards = "".join(f"\n- {line}" for line in guardrail_lines(decision))
    return f"### {headline(decision)}\n\n{asked(decision)}\n\n{reasons}\n{table}\n{cutoffs_line(decision)}\n{guards}"


def _changes(since: str) -> str:
    """Return the candidates' test metrics now and at a git revision, where they differ."""
    before = metrics_since(since)
    lines = ["| candidate | metric | before | now |", "| --- | --- | ---: | ---: |"]
    for name in CANDIDATES:
        now = read_trained(name).assessment.test
        old = before.get(str(model_folder(name) / "metrics.json"), {})
        lines += [
            f"| {name} | {metric.replace('_', ' ')} | {told(old[f'test.{metric}'])} | {told(now[metric])} |"
            for metric in COMPARED
            if f"test.{metric}" in old and old[f"test.{metric}"] != now[metric]
        ]
    if len(lines) == 2:
        return f"No metric that `{since[:12]}` has is another now.\n"
    return f"<details><summary>Since <code>{since[:12]}</code></summary>\n\n" + "\n".join(lines) + "\n</details>\n"


def watched_summary(seen: Seen) -> str:
    """Return what was seen of the live release in the record: is it still good, and what is asked for."""
    return markdown_of(seen.state, seen.windows)


def windows_summary() -> str:
    """Return the windows of labelled files, oldest first."""
    columns = ("f1", "precision", "recall", "bursts_caught", "money_saved", "alerts_per_day", "drift", "frauds")
    heads = " | ".join(column.replace("_", " ") for column in columns)
    lines = [f"| window | release | {heads} |", "| --- | --- |" + " ---: |" * len(columns)]
    for window in read_windows(of_files=True):
        numbers = " | ".join(told(window.get(column), ".4g") for column in columns)
        lines.append(f"| {window['name']} | `{window['version']}` | {numbers} |")
    return "\n".join(lines) + "\n\n" + _promised_and_seen()


def _promised_and_seen() -> str:
    """Return by how much each window is off what its release promised when it was judged."""
    heads = " | ".join(metric.replace("_", " ") for metric in COMPARED)
    lines = ["Seen, less what the release promised when it was judged:", ""]
    lines += [f"| window | release | {heads} |", "| --- | --- |" + " ---: |" * len(COMPARED)]
    for window in read_windows(of_files=True):
        gaps = " | ".join(_gap(window.get(metric), window.get("promised", {}).get(metric)) for metric in COMPARED)
        lines.append(f"| {window['name']} | `{window['version']}` | {gaps} |")
    return "\n".join(lines) + "\n"


def _gap(seen: float | None, promised: float | None) -> str:
    """Return the gap and what was promised, a dash where one of them is not defined."""
    seen, promised = defined(seen), defined(promised)
    if seen is None or promised is None:
        return told(None)
    return f"{seen - promised:+.3f} of {promised:.3f}"
