"""The end of a run, for the terminal: the candidates, the verdict, what is live, what to open next."""

from __future__ import annotations

from mlflow_fraud.adapters.mlflow_errors import shown
from mlflow_fraud.environment import Environment, load_environment
from mlflow_fraud.operations.release.store import open_configured_store
from mlflow_fraud.operations.reporting.summary import candidates_summary, team_summary, verdict_summary
from mlflow_fraud.paths import DATA_DOCS, REPORT

NEXT = """
What to open next
  {mlflow}
  make prefect     the flow runs with their tables, at http://127.0.0.1:4200
  make serve       the scoring service, at http://127.0.0.1:8000/docs
  {report}
  {docs}
"""


def show() -> str:
    """Return the page of text that `make demo` ends with."""
    pointer = open_configured_store().latest()
    live = f"live: {pointer.version} in {load_environment().release_store}" if pointer else "nothing is live"
    pages = NEXT.format(
        mlflow=_mlflow(load_environment().tracking_uri),
        report=f"{REPORT}   the decision with its pictures",
        docs=f"{DATA_DOCS / 'index.html'}   Great Expectations' data docs",
    )
    table = "On the test period, at the threshold chosen on validation:\n\n" + candidates_summary()
    return "\n".join([table, team_summary(), verdict_summary(), live, pages])


def _mlflow(uri: str) -> str:
    """Return what to open or to type for the runs, wherever they are.

    >>> _mlflow("http://mlflow.bank.example:5000")
    'http://mlflow.bank.example:5000   the runs and the registered models'
    """
    if uri.startswith("http"):
        return f"{shown(uri)}   the runs and the registered models"
    if uri == Environment().tracking_uri:
        return "make mlflow      the runs and the registered models, at http://127.0.0.1:5000"
    return f"mlflow server --backend-store-uri '{shown(uri)}'   the runs and the registered models"
