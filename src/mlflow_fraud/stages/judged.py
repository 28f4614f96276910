"""What lies in the folder of a model that was judged: the file, what it is worth, its pictures."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from mlflow_fraud.adapters.figures import draw_confusion, draw_precision_recall, draw_reliability
from mlflow_fraud.adapters.files import write_bytes, write_json, write_parquet
from mlflow_fraud.adapters.model_formats.booster_file import BOOSTER_FILE
from mlflow_fraud.core.learning.fits import Fitted
from mlflow_fraud.core.learning.training import Assessment
from mlflow_fraud.core.measuring.digits import in_nine_digits, rounded_figures
from mlflow_fraud.core.measuring.metrics import Probabilities, confusion, precision_recall_points, reliability_points
from mlflow_fraud.paths import part_file
from mlflow_fraud.stages.fit import Judged
from mlflow_fraud.stages.lineage import HONEST


def write_judged(folder: Path, name: str, judged: Judged, rounds: list[dict[str, float]]) -> None:
    """Write a model that was judged: its file, its metrics and its pictures, which show the test."""
    assessment, test, title = judged.assessment, judged.test, f"{name}, test"
    labels, each = test.period.labels, test.period.stands_for
    points = rounded_figures(precision_recall_points(labels, test.scores, each))
    counts = confusion(labels, test.scores, judged.thresholds, each)
    write_bytes(folder / "model" / judged.file_name, judged.model)
    if judged.booster:
        write_bytes(folder / "model" / BOOSTER_FILE, judged.booster)
    write_json(folder / "rounds.json", rounds)
    write_json(folder / "precision_recall.json", points)
    write_bytes(folder / "precision_recall.png", draw_precision_recall({name: points}, title))
    write_bytes(folder / "confusion.png", draw_confusion(counts, title))
    reliability = rounded_figures(reliability_points(labels, test.scores, each))
    write_bytes(folder / "reliability.png", draw_reliability(reliability, title))
    write_json(folder / "metrics.json", assessment.model_dump(mode="json"))


def honest_scores(part: str, scores: Probabilities) -> pl.DataFrame:
    """Return a part's rows, as `event_id` and `event_time`, with the scores of a model that had not learned them."""
    return pl.read_parquet(part_file(part), columns=["event_id", "event_time"]).with_columns(score=scores)


def rounds_of(fitted: Fitted, assessment: Assessment) -> list[dict[str, float]]:
    """Return the average precision after each round; one row for a candidate that learns at once."""
    if not fitted.rounds:
        return [{"round": 0, "validation": assessment.validation["average_precision"] or 0.0}]
    columns = [(name, values) for name, values in fitted.rounds.items()]
    length = len(columns[0][1])
    return [{"round": i, **{name: round(values[i], 6) for name, values in columns}} for i in range(length)]


def write_honest(folder: Path, rows: pl.DataFrame) -> None:
    """Write the rows with the scores of models that had not learned them, beside the model."""
    scores = [rows[name] for name, kind in rows.schema.items() if kind == pl.Float64]
    few = [pl.Series(each.name, in_nine_digits(each.to_numpy())) for each in scores]
    write_parquet(folder / "model" / HONEST, rows.with_columns(few))
