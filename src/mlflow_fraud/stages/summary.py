"""What happened, as Markdown: for a Prefect artifact, a pull request and the terminal."""

from __future__ import annotations

from mlflow_fraud.adapters.files import read_json
from mlflow_fraud.adapters.report import headline, markdown_table
from mlflow_fraud.core.candidates import CANDIDATES
from mlflow_fraud.settings import load_params
from mlflow_fraud.stages.paths import VALIDATION_REPORT, VERDICT, WINDOWS
from mlflow_fraud.stages.trained import read_trained


def validation_summary() -> str:
    """Return the rules of the last validation and what they found; empty when none was run."""
    if not VALIDATION_REPORT.is_file():
        return ""
    report = read_json(VALIDATION_REPORT)
    lines = ["| rule | holds | rows that do not |", "| --- | --- | ---: |"]
    lines += [f"| {f['rule']} | {'yes' if f['holds'] else '**no**'} | {f['unexpected']} |" for f in report["findings"]]
    outcome = "passed" if report["passed"] else "failed"
    return f"**{report['rows']:,} rows: {outcome}**\n\n" + "\n".join(lines) + "\n"


def candidates_summary() -> str:
    """Return the candidates' test metrics at the threshold chosen on validation."""
    params = load_params()
    return markdown_table({name: read_trained(name, params).assessment.test for name in CANDIDATES})


def verdict_summary() -> str:
    """Return the verdict, its reasons, and both contestants on the same rows."""
    decision = read_json(VERDICT)
    contestants = {
        f"{role} `{decision[role]['version']}`": decision[role]["metrics"]
        for role in ("challenger", "champion")
        if decision[role]
    }
    reasons = "".join(f"- {reason}\n" for reason in decision["reasons"])
    return f"### {headline(decision)}\n\n{reasons}\n{markdown_table(contestants, first='')}"


def windows_summary() -> str:
    """Return the monitored windows, oldest first."""
    columns = ("f1", "precision", "recall", "drift", "frauds")
    lines = [f"| window | release | {' | '.join(columns)} |", "| --- | --- |" + " ---: |" * len(columns)]
    for window in read_json(WINDOWS):
        numbers = " | ".join(f"{window[column]:.4g}" for column in columns)
        lines.append(f"| {window['name']} | `{window['version']}` | {numbers} |")
    return "\n".join(lines) + "\n"
