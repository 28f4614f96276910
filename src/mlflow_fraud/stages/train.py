"""One candidate, fitted and judged by the very file that would be shipped."""

from __future__ import annotations

import sys

import polars as pl

from mlflow_fraud.adapters import git_repo
from mlflow_fraud.adapters.files import read_json
from mlflow_fraud.core.errors import SettingsError, nearest
from mlflow_fraud.core.features.batch import model_matrix
from mlflow_fraud.core.features.schema import FeatureSchema, read_schema
from mlflow_fraud.core.learning.candidates import CANDIDATES
from mlflow_fraud.core.learning.examples import Examples
from mlflow_fraud.core.learning.training import Settled
from mlflow_fraud.core.measuring.metrics import told
from mlflow_fraud.core.measuring.period import read_period
from mlflow_fraud.paths import SCHEMA, model_folder, part_file
from mlflow_fraud.settings import load_params
from mlflow_fraud.stages.fit import Part, fit_and_judge
from mlflow_fraud.stages.judged import honest_scores, rounds_of, write_honest, write_judged
from mlflow_fraud.stages.lineage import write_lineage
from mlflow_fraud.stages.logged import track_if_possible
from mlflow_fraud.stages.progress import watched
from mlflow_fraud.stages.run import run_stage, say


def train(candidate: str) -> None:
    """Write `data/models/<candidate>/` and log the run."""
    if candidate not in CANDIDATES:
        raise SettingsError(f"no candidate is called {candidate}, {nearest(candidate, CANDIDATES)}")
    params, schema = load_params(), read_schema(read_json(SCHEMA), where=str(SCHEMA))
    learn, validation, test = (read_part(part, schema) for part in ("train", "validation", "test"))
    with watched(candidate) as progress:
        trained = fit_and_judge(
            candidate,
            learn.examples,
            validation,
            test,
            params.train,
            params.judging,
            progress,
            refit=params.active.refit,
        )
    judged, assessment = trained.judged, trained.judged.assessment
    _say_how_it_is_settled(candidate, trained.settled)
    if not assessment.validation["alerts_per_day"]:
        say(f"{candidate}: no threshold serves the policy {params.threshold.policy}: nothing of validation is flagged")
    folder = model_folder(candidate)
    write_judged(folder, candidate, judged, rounds_of(trained.fitted, assessment))
    write_honest(folder, honest_scores("validation", trained.honest.scores))
    write_lineage(candidate, candidate, params, schema, best=trained.fitted.best)
    shown = " ".join(f"{k} {told(assessment.test[k])}" for k in ("f1", "precision", "recall", "average_precision"))
    say(f"{candidate}: test {shown} at {assessment.cutoff} from validation")
    say(f"{candidate}: recall in the budget {told(assessment.test['recall_at_budget'])} at {assessment.budget}")
    track_if_possible(candidate, git_sha=git_repo.code_state())


def read_part(part: str, schema: FeatureSchema) -> Part:
    """Return a part's rows: Float32 in the schema's order with NaN for missing, and what they were about."""
    table = pl.read_parquet(part_file(part))
    period = read_period(table, decimals=schema.contract.currency_decimals)
    return Part(Examples(model_matrix(table, schema), period.labels, tuple(schema.names), period.stands_for), period)


def _say_how_it_is_settled(candidate: str, settled: Settled) -> None:
    errors = ", ".join(f"{name} {tried.calibration_error:.5f}" for name, tried in settled.tried.items())
    say(f"{candidate}: calibration {settled.calibration.method}; cross-fitted calibration errors: {errors}")


if __name__ == "__main__":
    run_stage(lambda: train(sys.argv[1]))
