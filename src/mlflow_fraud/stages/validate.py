"""The door: the whole pinned history against its contract."""

from __future__ import annotations

from mlflow_fraud.adapters import gx_contract
from mlflow_fraud.adapters.files import write_text
from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.gate.findings import Report
from mlflow_fraud.paths import DATA_DOCS, TRANSACTIONS, VALIDATION_REPORT
from mlflow_fraud.settings import contract_of, load_params
from mlflow_fraud.stages.run import run_stage, say, taking_long


def validate() -> None:
    """Write the validation report and the data docs; raise `DataError` on a critical failure."""
    contract = contract_of(load_params().active)
    with taking_long(f"holding {TRANSACTIONS} against the contract {contract.name}"):
        report = gx_contract.check(TRANSACTIONS, contract, docs=DATA_DOCS)
    write_text(VALIDATION_REPORT, report.to_json())
    rules, failures = counted(len(report.findings), "rule"), counted(len(report.failures), "critical failure")
    say(f"{rules} on {counted(report.rows, 'row')}, {failures}")
    for finding in report.warnings:
        say(f"warning: {finding.sentence}")
    require_passed(report)


def require_passed(report: Report) -> None:
    """Raise `DataError` that names every critical rule that does not hold."""
    if not report.passed:
        sentences = "; ".join(finding.sentence for finding in report.failures)
        raise DataError(f"the data breaks the contract {report.contract}: {sentences}")


if __name__ == "__main__":
    run_stage(validate)
