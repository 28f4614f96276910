"""What somebody would reach who refreshed by hand every 14 days, unjudged, on everything that is mature."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.metrics import average_precision_score

from benchmarks.businesses import Business as Fits
from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.adapters.release_files import schema_of
from mlflow_fraud.core.features.batch import build_features, model_matrix
from mlflow_fraud.core.release.release import Release
from rehearsal.afterwards import Answers
from rehearsal.business import FORM, LABEL, TIME, Business

EVERY_DAYS = 14
WINDOW_DAYS = 28


def average_precisions(
    business: Business, answers: Answers, release: Release, history: Path
) -> list[tuple[float, float]]:
    """Return of each window of 28 days after the new kind began the average precision of the loop, and by hand.

    `history` is the batch that was pinned at the beginning. Fits are those of `make bench-freshness`, whose settings
    the played business has too. Feed and labels are as the bank has them: the broken days are learned by hand.
    """
    plan = business.plan
    schema = schema_of(release)
    played = history.with_name("played.csv")
    frame = business.payments.drop("day")
    late = pl.col(TIME).str.to_datetime(FORM) + timedelta(days=plan.told_days[1])
    frame.with_columns(pl.when(pl.col(LABEL) == 1).then(late.dt.strftime(FORM)).alias("label_time")).write_csv(played)
    table = read_batches([history, played], schema.contract)
    played.unlink()
    began = table["event_time"].dt.truncate("1d").min()
    fits = Fits(
        table=table,
        x=model_matrix(build_features(table, schema), schema),
        labels=table["label"].to_numpy(),
        at=((table["event_time"] - began).dt.total_microseconds() / 86_400_000_000).to_numpy(),
        new=np.zeros(len(table), bool),
        schema=schema,
    )
    found = []
    for first in range(plan.new_from + plan.horizon_days, plan.days - WINDOW_DAYS + 1, WINDOW_DAYS):
        days = range(first, first + WINDOW_DAYS)
        chosen = answers.on(days)
        truth = answers.rows["truth"].to_numpy()[chosen]
        loop = average_precision_score(truth, answers.closed[0][chosen])
        scores, labels = [], []
        for begin in range(first, first + WINDOW_DAYS, EVERY_DAYS):
            now = plan.history_days + begin
            rows = fits.between(now, now + EVERY_DAYS)
            scores.append(fits.score(float(now - plan.horizon_days), rows))
            labels.append(fits.labels[rows])
        found.append((float(loop), float(average_precision_score(np.concatenate(labels), np.concatenate(scores)))))
    return found
