"""One candidate, fitted and judged by the very file that would be shipped."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

from mlflow_fraud.adapters import git_repo
from mlflow_fraud.adapters.figures import draw_confusion, draw_precision_recall, draw_reliability
from mlflow_fraud.adapters.files import read_json, write_bytes, write_json
from mlflow_fraud.adapters.model_formats.booster_file import BOOSTER_FILE
from mlflow_fraud.core.errors import SettingsError, nearest
from mlflow_fraud.core.features.batch import model_matrix
from mlflow_fraud.core.features.schema import FeatureSchema, read_schema
from mlflow_fraud.core.learning.candidates import CANDIDATES, Examples, Fitted
from mlflow_fraud.core.learning.training import Assessment, Settled
from mlflow_fraud.core.measuring.digits import rounded_figures
from mlflow_fraud.core.measuring.metrics import confusion, precision_recall_points, reliability_points, told
from mlflow_fraud.core.measuring.period import read_period
from mlflow_fraud.paths import SCHEMA, model_folder, part_file
from mlflow_fraud.settings import load_params
from mlflow_fraud.stages.fit import Judged, Part, fit_and_judge
from mlflow_fraud.stages.lineage import write_lineage
from mlflow_fraud.stages.progress import watched
from mlflow_fraud.stages.run import run_stage, say
from mlflow_fraud.stages.tracking import track_if_possible


def train(candidate: str) -> None:
    """Write `data/models/<candidate>/` and log the run."""
    if candidate not in CANDIDATES:
        raise SettingsError(f"no candidate is called {candidate}, {nearest(candidate, CANDIDATES)}")
    params, schema = load_params(), read_schema(read_json(SCHEMA), where=str(SCHEMA))
    learn, validation, test = (read_part(part, schema) for part in ("train", "validation", "test"))
    with watched(candidate) as progress:
        judged = fit_and_judge(candidate, learn.examples, validation, test, params.train, params.judging, progress)
    assessment = judged.assessment
    _say_how_it_is_settled(candidate, judged.settled)
    if not assessment.validation["alerts_per_day"]:
        say(f"{candidate}: no threshold serves the policy {params.threshold.policy}: nothing of validation is flagged")
    _write(model_folder(candidate), candidate, judged)
    write_lineage(candidate, params, schema)
    shown = " ".join(f"{k} {told(assessment.test[k])}" for k in ("f1", "precision", "recall", "average_precision"))
    say(f"{candidate}: test {shown} at threshold {assessment.threshold:.4f} from validation")
    say(f"{candidate}: recall in the budget {told(assessment.test['recall_at_budget'])} at {assessment.budget}")
    track_if_possible(candidate, git_sha=git_repo.code_state())


def read_part(part: str, schema: FeatureSchema) -> Part:
    """Return a part's rows: Float32 in the schema's order with NaN for missing, and what they were about."""
    table = pl.read_parquet(part_file(part))
    examples = Examples(x=model_matrix(table, schema), y=table["label"].to_numpy(), names=tuple(schema.names))
    return Part(examples, read_period(table, decimals=schema.contract.currency_decimals))


def _say_how_it_is_settled(candidate: str, settled: Settled) -> None:
    errors = ", ".join(f"{name} {tried.calibration_error:.5f}" for name, tried in settled.tried.items())
    say(f"{candidate}: calibration {settled.calibration.method}; cross-fitted calibration errors: {errors}")


def _write(folder: Path, candidate: str, judged: Judged) -> None:
    assessment, test = judged.assessment, judged.test
    points = rounded_figures(precision_recall_points(test.period.labels, test.scores))
    counts = confusion(test.period.labels, test.scores, assessment.threshold)
    write_bytes(folder / "model" / judged.file_name, judged.model)
    if judged.booster:
        write_bytes(folder / "model" / BOOSTER_FILE, judged.booster)
    write_json(folder / "rounds.json", _rounds(judged.fitted, assessment))
    write_json(folder / "precision_recall.json", points)
    write_bytes(folder / "precision_recall.png", draw_precision_recall({candidate: points}, f"{candidate}, test"))
    write_bytes(folder / "confusion.png", draw_confusion(counts, f"{candidate}, test"))
    reliability = rounded_figures(reliability_points(test.period.labels, test.scores))
    write_bytes(folder / "reliability.png", draw_reliability(reliability, f"{candidate}, test"))
    write_json(folder / "metrics.json", assessment.model_dump(mode="json"))


def _rounds(fitted: Fitted, assessment: Assessment) -> list[dict[str, float]]:
    """Return the average precision after each round; one row for a candidate that learns at once."""
    if not fitted.rounds:
        return [{"round": 0, "validation": assessment.validation["average_precision"] or 0.0}]
    columns = [(name, values) for name, values in fitted.rounds.items()]
    length = len(columns[0][1])
    return [{"round": i, **{name: round(values[i], 6) for name, values in columns}} for i in range(length)]


if __name__ == "__main__":
    run_stage(lambda: train(sys.argv[1]))
